import { crc32 } from "node:zlib";

/**
 * How log events lie in a segment file: one record after the other, each with its length and a
 * check sum, so that a record torn by a crash is known for what it is. Big endian:
 *
 *     u32 length of the body | u32 CRC-32 of the body | body
 *     body of an event:   u8 1 | u32 stream | u48 timestamp | u48 ingestion time | message
 *     body of a stream:   u8 2 | JSON of its declaration; its number is how many came before it
 *     body of a removal:  u8 3 | name of the stream whose events before this are gone
 *
 * A segment declares every stream it has events of, so it can be read by itself.
 */
export interface StreamDeclaration {
  readonly name: string;
  /** The function that writes it; absent when a client does. */
  readonly functionName?: string;
  readonly createdMs: number;
}

export interface EventRecord {
  readonly kind: "event";
  /** Number of its stream within the segment. */
  readonly stream: number;
  readonly timestampMs: number;
  readonly ingestedMs: number;
  readonly message: Buffer;
}

export type LogRecord =
  | EventRecord
  | { readonly kind: "stream"; readonly declaration: StreamDeclaration }
  | { readonly kind: "removal"; readonly streamName: string };

/** A record and where in its segment it lies. */
export interface PlacedRecord {
  readonly record: LogRecord;
  readonly offset: number;
  /** Offset of the byte behind it. */
  readonly end: number;
}

const HEADER_BYTES = 8;
const EVENT_BYTES = 17;
const KIND = { event: 1, stream: 2, removal: 3 } as const;
/** No message is nearly as long: such a length is noise. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;
const U48_MAX = 2 ** 48 - 1;

/** Bytes that a message takes in a segment. */
export function eventBytes(message: Buffer): number {
  return HEADER_BYTES + EVENT_BYTES + message.length;
}

/** The bytes of records, in order. */
export function encodeRecords(records: readonly LogRecord[]): Buffer {
  const bodies = records.map(bodyLength);
  const bytes = Buffer.allocUnsafe(bodies.reduce((sum, body) => sum + HEADER_BYTES + body, 0));
  let at = 0;
  for (const [index, record] of records.entries()) {
    const length = bodies[index] ?? 0;
    const start = at + HEADER_BYTES;
    writeBody(bytes, start, record);
    bytes.writeUInt32BE(length, at);
    bytes.writeUInt32BE(crc32(bytes.subarray(start, start + length)), at + 4);
    at = start + length;
  }
  return bytes;
}

/** The whole records at the beginning of `bytes`; what is torn or foreign ends them. */
export function* decodeRecords(bytes: Buffer): Generator<PlacedRecord> {
  let offset = 0;
  while (offset + HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(offset);
    const start = offset + HEADER_BYTES;
    const end = start + length;
    if (length === 0 || length > BODY_BYTES_MAX || end > bytes.length) return;
    const body = bytes.subarray(start, end);
    if (crc32(body) !== bytes.readUInt32BE(offset + 4)) return;
    const record = decodeBody(body);
    if (record === undefined) return;
    yield { record, offset, end };
    offset = end;
  }
}

function bodyLength(record: LogRecord): number {
  switch (record.kind) {
    case "event":
      return EVENT_BYTES + record.message.length;
    case "stream":
      return 1 + Buffer.byteLength(JSON.stringify(record.declaration));
    case "removal":
      return 1 + Buffer.byteLength(record.streamName);
  }
}

function writeBody(bytes: Buffer, at: number, record: LogRecord): void {
  bytes[at] = KIND[record.kind];
  switch (record.kind) {
    case "event":
      bytes.writeUInt32BE(record.stream, at + 1);
      bytes.writeUIntBE(clampU48(record.timestampMs), at + 5, 6);
      bytes.writeUIntBE(clampU48(record.ingestedMs), at + 11, 6);
      record.message.copy(bytes, at + EVENT_BYTES);
      return;
    case "stream":
      bytes.write(JSON.stringify(record.declaration), at + 1);
      return;
    case "removal":
      bytes.write(record.streamName, at + 1);
  }
}

function clampU48(value: number): number {
  return Math.min(Math.max(0, Math.floor(value)), U48_MAX);
}

function decodeBody(body: Buffer): LogRecord | undefined {
  const kind = body[0];
  if (kind === KIND.event && body.length >= EVENT_BYTES) {
    return {
      kind: "event",
      stream: body.readUInt32BE(1),
      timestampMs: body.readUIntBE(5, 6),
      ingestedMs: body.readUIntBE(11, 6),
      message: body.subarray(EVENT_BYTES),
    };
  }
  if (kind === KIND.stream) {
    return { kind: "stream", declaration: JSON.parse(body.toString("utf8", 1)) };
  }
  if (kind === KIND.removal) return { kind: "removal", streamName: body.toString("utf8", 1) };
  return undefined;
}
