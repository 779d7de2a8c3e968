import { limits } from "../model/mod.ts";

/** What a part costs beside its text: a flood of single bytes is bounded too. */
const PART_BYTES = 64;

/** What a function and the platform write during one call, in order and within bounds. */
export class CallLog {
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;
  #onPart: ((part: Buffer) => void) | undefined;

  /** Hands on every part as it is written, to somebody who follows the function's log. */
  follow(onPart: (part: Buffer) => void): void {
    this.#onPart = onPart;
    for (const part of this.#parts) onPart(part);
  }

  /** A line of the platform's own (START, END, REPORT); never dropped. */
  line(text: string): void {
    this.#keep(Buffer.from(text, "utf8"));
  }

  /** Output of the function; what exceeds LOG_BYTES_PER_CALL_MAX is counted and dropped. */
  append(chunk: Buffer): void {
    const room = Math.max(0, limits.LOG_BYTES_PER_CALL_MAX - this.#bytes);
    // A copy: the chunk may be a view of a much larger buffer, which would be kept alive whole.
    const kept = Buffer.from(chunk.subarray(0, room));
    this.#dropped += chunk.length - kept.length;
    if (kept.length === 0) return;
    this.#bytes += kept.length + PART_BYTES;
    this.#keep(kept);
  }

  /** Output that is not yet closed by a line end gets one, so that the next line stands alone. */
  endOutput(): void {
    if (this.#dropped > 0) {
      this.line(`\n[hearth] ${this.#dropped} bytes of output dropped: a call may log 1 MiB\n`);
      return;
    }
    const last = this.#parts.at(-1);
    if (last !== undefined && last.length > 0 && last[last.length - 1] !== 10) this.line("\n");
  }

  #keep(part: Buffer): void {
    this.#parts.push(part);
    this.#onPart?.(part);
  }

  bytes(): Buffer {
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
  }
}

/** The figures of a REPORT line. */
export interface ReportFigures {
  readonly requestId: string;
  readonly durationMs: number;
  readonly initDurationMs?: number;
  readonly memorySizeMiB: number;
  readonly memoryUsedMiB: number;
  /** `timeout`, or `error` with its type; absent on success. */
  readonly status?: { readonly kind: "timeout" | "error"; readonly errorType?: string };
}

/**
 * AWS's REPORT line, tab separated.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 */
export function reportLine(figures: ReportFigures): string {
  const { durationMs, initDurationMs } = figures;
  const billedMs = Math.max(1, Math.ceil(durationMs + (initDurationMs ?? 0)));
  let line =
    `REPORT RequestId: ${figures.requestId}\tDuration: ${durationMs.toFixed(2)} ms\t` +
    `Billed Duration: ${billedMs} ms\tMemory Size: ${figures.memorySizeMiB} MB\t` +
    `Max Memory Used: ${figures.memoryUsedMiB} MB\t`;
  if (initDurationMs !== undefined) line += `Init Duration: ${initDurationMs.toFixed(2)} ms\t`;
  if (figures.status !== undefined) line += `Status: ${figures.status.kind}\t`;
  if (figures.status?.errorType !== undefined) line += `Error Type: ${figures.status.errorType}\t`;
  return `${line}\n`;
}
