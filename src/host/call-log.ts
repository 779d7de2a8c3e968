import { limits } from "../model/mod.ts";

/** Who wrote a part of a log. */
export type LogSource = "platform" | "function" | "extension";

/** One entry of a function's log, without its final line end. */
export interface LogMessage {
  readonly timestampMs: number;
  readonly message: Buffer;
}

/** Something written at once. */
export interface LogPart {
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
  readonly source: LogSource;
  readonly bytes: Buffer;
  /** One message, line ends and all; otherwise a piece of output that lines are cut from. */
  readonly isMessage: boolean;
}

/** What a part costs beside its text: a flood of single bytes is bounded too. */
const PART_BYTES = 64;
/** What a line costs beside its text: each becomes an event of its own. */
const LINE_BYTES = 16;
const LINE_END = 10;

/** What a function and the platform write during one call, in order and within bounds. */
export class CallLog {
  readonly #parts: LogPart[] = [];
  #bytes = 0;
  #dropped = 0;
  /** Parts that `take` has been through. */
  #taken = 0;
  /** A line of output that has not ended yet. */
  #open: { readonly timestampMs: number; readonly pieces: Buffer[] } | undefined;
  #followers: ((part: LogPart) => void)[] | undefined;

  /** Hands on every part as it is written, to somebody who follows the call. */
  follow(onPart: (part: LogPart) => void): void {
    this.#followers = [...(this.#followers ?? []), onPart];
    for (const part of this.#parts) onPart(part);
  }

  /** A line of the platform's own (START, END, REPORT); never dropped. */
  line(text: string, atMs: number): void {
    const bytes = Buffer.from(text, "utf8");
    this.#keep({ atMs, source: "platform", bytes, isMessage: true });
  }

  /** Output of the function; what exceeds LOG_BYTES_PER_CALL_MAX is counted and dropped. */
  append(chunk: Buffer, atMs: number, isMessage = false, source: LogSource = "function"): void {
    const room = Math.max(0, limits.LOG_BYTES_PER_CALL_MAX - this.#bytes);
    // A copy: the chunk may be a view of a much larger buffer, which would be kept alive whole.
    const bytes = Buffer.from(chunk.subarray(0, room));
    this.#dropped += chunk.length - bytes.length;
    if (bytes.length === 0) return;
    this.#bytes += bytes.length + PART_BYTES + (isMessage ? 0 : LINE_BYTES * lineCount(bytes));
    this.#keep({ atMs, source, bytes, isMessage });
  }

  /** Bytes of output that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Output that is not yet closed by a line end gets one, so that the next line stands alone. */
  endOutput(atMs: number): void {
    if (this.#dropped > 0) {
      this.line(
        `\n[hearth] ${this.#dropped} bytes of output dropped: a call may log 1 MiB\n`,
        atMs,
      );
      return;
    }
    const last = this.#parts.at(-1)?.bytes;
    if (last !== undefined && last[last.length - 1] !== LINE_END) this.line("\n", atMs);
  }

  bytes(): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && this.#parts.length === 1) return first.bytes;
    return Buffer.concat(this.#parts.map(({ bytes }) => bytes));
  }

  /**
   * What was written since the last time, as messages: one for each line of plain output, one for
   * each message as written.
   * @param isFinal whether a line that has no end yet is one
   */
  take(isFinal: boolean): LogMessage[] {
    const messages: LogMessage[] = [];
    for (; this.#taken < this.#parts.length; this.#taken++) {
      this.#takePart(this.#parts[this.#taken] as LogPart, messages);
    }
    if (isFinal) this.#closeLine(messages);
    return messages;
  }

  #takePart({ atMs, bytes, isMessage }: LogPart, messages: LogMessage[]): void {
    if (isMessage) {
      this.#closeLine(messages);
      pushMessage(messages, atMs, bytes);
      return;
    }
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, start)) {
      if (this.#open === undefined) pushMessage(messages, atMs, bytes.subarray(start, end));
      else {
        this.#open.pieces.push(bytes.subarray(start, end));
        this.#closeLine(messages);
      }
      start = end + 1;
    }
    if (start === bytes.length) return;
    this.#open ??= { timestampMs: atMs, pieces: [] };
    this.#open.pieces.push(bytes.subarray(start));
  }

  #closeLine(messages: LogMessage[]): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) pushMessage(messages, open.timestampMs, Buffer.concat(open.pieces));
  }

  #keep(part: LogPart): void {
    this.#parts.push(part);
    if (this.#followers !== undefined) for (const tell of this.#followers) tell(part);
  }
}

function lineCount(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_END); at >= 0; at = bytes.indexOf(LINE_END, at + 1)) count++;
  return count;
}

/** A message without the line ends around it; none at all when nothing else is in it. */
function pushMessage(events: LogMessage[], timestampMs: number, bytes: Buffer): void {
  let start = 0;
  let end = bytes.length;
  while (start < end && bytes[start] === LINE_END) start++;
  while (end > start && bytes[end - 1] === LINE_END) end--;
  const isWhole = start === 0 && end === bytes.length;
  const message = isWhole ? bytes : bytes.subarray(start, end);
  if (start < end) events.push({ timestampMs, message });
}
