import { encodeFrame, Pieces, PlatformError } from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";

/**
 * Frames between the host and a sidecar, in the format of base/frame.ts; guest/README.md describes
 * them. All but the first few are about one call: their payload begins with its number, a `u32`.
 */
export const SIDECAR_FRAME = {
  load: 1,
  attach: 2,
  started: 3,
  log: 4,
  evidence: 5,
  end: 6,
  delivered: 7,
  fromUser: 8,
  fromFunction: 9,
  ready: 16,
  loaded: 17,
  loadError: 18,
  attached: 19,
  refused: 20,
  artefact: 21,
  deliver: 22,
  append: 23,
  warn: 24,
  flushed: 25,
  toFunction: 26,
  toUser: 27,
} as const;

/** A delivery comes whole, artefacts and lines in smaller pieces; headers take the rest. */
export const SIDECAR_FRAME_BYTES_MAX: number = limits.DELIVERY_BYTES_MAX + 64 * 1024;

/** A frame about one call. */
export function callFrame(type: number, number: number, ...parts: Buffer[]): Buffer {
  const prefix = Buffer.allocUnsafe(4);
  prefix.writeUInt32BE(number);
  return encodeFrame(type, prefix, ...parts);
}

export function jsonPart(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), "utf8");
}

const SOURCES = { function: 0, platform: 1, extension: 2 } as const;

/** `f64` milliseconds since 1970, `u8` source, `u8` whether it is one message, bytes. */
export function logPart(
  atMs: number,
  source: keyof typeof SOURCES,
  isMessage: boolean,
  bytes: Buffer,
): Buffer {
  const part = Buffer.allocUnsafe(10 + bytes.length);
  part.writeDoubleBE(atMs, 0);
  part[8] = SOURCES[source];
  part[9] = isMessage ? 1 : 0;
  bytes.copy(part, 10);
  return part;
}

/** `u8` length of a name, the name, bytes. */
export function namedPart(name: string, bytes: Buffer): Buffer {
  const text = Buffer.from(name, "latin1");
  return Buffer.concat([Buffer.from([text.length]), text, bytes]);
}

/** What a sidecar sent: hostile until each field has been looked at. */
export interface Headed {
  readonly header: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer;
}

/** Takes `u32 header length, JSON header, bytes` apart. @throws PlatformError kind "invalid" */
export function headedPart(payload: Buffer): Headed {
  const end = payload.length < 4 ? Number.NaN : 4 + payload.readUInt32BE(0);
  if (!(end <= payload.length)) throw broken("a header that is cut off");
  const header = objectIn(payload.subarray(4, end));
  return { header, bytes: payload.subarray(end) };
}

export function objectIn(bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw broken("text that is not JSON");
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw broken("JSON that is not an object");
}

export function broken(what: string): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "frame" },
    `Sidecar broke the protocol: ${what}`,
  );
}

/** Puts messages together that come in pieces: `u8` whether more follow, bytes. */
export class PiecedMessage {
  readonly #limitBytes: number;
  readonly #pieces = new Pieces();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The whole message after its last piece, unless it is longer than the limit. */
  add(piece: Buffer): Buffer | undefined {
    const bytes = piece.subarray(1);
    this.#bytes += bytes.length;
    if (this.#bytes <= this.#limitBytes) this.#pieces.add(bytes);
    if (piece[0] === 1) return undefined;
    const message = this.#bytes <= this.#limitBytes ? this.#pieces.joined() : undefined;
    this.#pieces.clear();
    this.#bytes = 0;
    return message;
  }
}

/** Text of a sidecar as it may stand in logs and answers: one line, bounded. */
export function plainText(bytes: Buffer): string {
  return bytes
    .toString("utf8", 0, 2000)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .slice(0, 500);
}
