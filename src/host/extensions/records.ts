import type { LogPart, LogSource } from "../call-log.ts";
import type { PlatformEvent } from "../platform-events.ts";

/** What a subscriber may choose. */
export type TelemetryCategory = "platform" | "function" | "extension";

/** The shapes of records that AWS has had, by the version that a subscription names. */
export type TelemetrySchema =
  | "2020-08-15"
  | "2021-03-18"
  | "2022-07-01"
  | "2022-12-13"
  | "2025-01-29";

/** One thing that happened: an event of the platform, or a line of a log. */
export interface TelemetryRecord {
  readonly category: TelemetryCategory;
  readonly timeMs: number;
  readonly type: string;
  /** The text of a log's line, or the record of an event. */
  readonly record: string | Readonly<Record<string, unknown>>;
}

const LINE_END = 10;
/** A line that does not end is cut here; as AWS cuts log events. */
const LINE_BYTES_MAX = 256 * 1024;

/** The Logs API knows fewer events. Source: runtimes-logs-api.html, "Log messages". */
const LOGS_API_TYPES: ReadonlySet<string> = new Set([
  "platform.extension",
  "platform.logsDropped",
  "platform.logsSubscription",
  "platform.report",
  "platform.runtimeDone",
  "platform.start",
]);

export function isLogsSchema(schema: TelemetrySchema): boolean {
  return schema === "2020-08-15" || schema === "2021-03-18";
}

export function recordOfEvent({ timeMs, type, record }: PlatformEvent): TelemetryRecord {
  return { category: "platform", timeMs, type, record };
}

/**
 * A record as the subscriber's schema has it: no line at all when the schema does not know it, two
 * where it tells the same in two.
 * @param isJsonLog whether the function logs JSON: lines are then objects, in newer schemas
 */
export function encodeRecord(
  telemetry: TelemetryRecord,
  schema: TelemetrySchema,
  isJsonLog: boolean,
): string[] {
  const { category, type, record } = telemetry;
  if (category !== "platform") {
    const hasObjects = isJsonLog && schema >= "2022-12-13";
    const value = hasObjects && typeof record === "string" ? parsedObject(record) : undefined;
    return [encode(telemetry, type, value ?? record)];
  }
  if (!isLogsSchema(schema)) {
    return type === "platform.logsSubscription" ? [] : [encode(telemetry, type, record)];
  }
  return LOGS_API_TYPES.has(type) ? encodeForLogs(telemetry, schema) : [];
}

/** Events of the Logs API: fewer members, and one more where a call ends. */
function encodeForLogs(telemetry: TelemetryRecord, schema: TelemetrySchema): string[] {
  const { type, record } = telemetry;
  if (typeof record === "string") return [encode(telemetry, type, record)];
  const { requestId, status, metrics, errorType } = record;
  if (type === "platform.runtimeDone") {
    if (schema === "2020-08-15") return [];
    return [encode(telemetry, type, { requestId, status })];
  }
  if (type !== "platform.report") return [encode(telemetry, type, record)];
  const end = [
    encode(telemetry, "platform.end", { requestId }),
    encode(telemetry, type, { requestId, metrics }),
  ];
  if (errorType !== "Runtime.ExitError") return end;
  const fault = `RequestId: ${requestId} Process exited before completing request`;
  return [encode(telemetry, "platform.fault", fault), ...end];
}

function encode({ timeMs }: TelemetryRecord, type: string, record: unknown): string {
  return JSON.stringify({ time: new Date(timeMs).toISOString(), type, record });
}

function parsedObject(text: string): unknown {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Cuts what a function or its extensions write into records of one line each. */
export class LineCutter {
  readonly #onRecord: (record: TelemetryRecord) => void;
  readonly #open = new Map<LogSource, { atMs: number; pieces: Buffer[]; bytes: number }>();

  constructor(onRecord: (record: TelemetryRecord) => void) {
    this.#onRecord = onRecord;
  }

  /** The platform's own lines are told as events instead: here they only end what is open. */
  push({ atMs, source, bytes, isMessage }: LogPart): void {
    if (source === "platform") {
      this.end("function");
      return;
    }
    if (isMessage) {
      this.end(source);
      this.#tell(source, atMs, bytes);
      return;
    }
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, start)) {
      this.#keep(source, atMs, bytes.subarray(start, end));
      this.end(source);
      start = end + 1;
    }
    if (start < bytes.length) this.#keep(source, atMs, bytes.subarray(start));
  }

  /** What came without a line end is a line now. */
  end(source: LogSource): void {
    const open = this.#open.get(source);
    if (open === undefined) return;
    this.#open.delete(source);
    this.#tell(source, open.atMs, Buffer.concat(open.pieces));
  }

  #keep(source: LogSource, atMs: number, piece: Buffer): void {
    const open = this.#open.get(source) ?? { atMs, pieces: [], bytes: 0 };
    this.#open.set(source, open);
    open.pieces.push(piece);
    open.bytes += piece.length;
    if (open.bytes > LINE_BYTES_MAX) this.end(source);
  }

  #tell(source: LogSource, timeMs: number, bytes: Buffer): void {
    const record = bytes.toString("utf8").replace(/^\n+|\n+$/g, "");
    if (record === "" || source === "platform") return;
    this.#onRecord({ category: source, timeMs, type: source, record });
  }
}
