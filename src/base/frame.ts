import { PlatformError } from "./errors.ts";
import { Pieces } from "./pieces.ts";

/**
 * Frames between the host and a guest runtime: a 32-bit big-endian length that counts what follows,
 * one byte of type, the payload. guest/ has its own writer and reader of the same format.
 */
export interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

const HEADER_BYTES = 5;

/** One frame as bytes ready to write; `parts` are concatenated into the payload. */
export function encodeFrame(type: number, ...parts: Buffer[]): Buffer {
  let length = 1;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeUInt32BE(length, 0);
  frame[4] = type;
  let offset = HEADER_BYTES;
  for (const part of parts) offset += part.copy(frame, offset);
  return frame;
}

/**
 * Cuts a byte stream into frames. The peer may be hostile: a length outside 1..limit is an error of
 * kind "too_large" or "invalid", and at most one frame's bytes are ever held.
 */
export class FrameReader {
  readonly #limitBytes: number;
  readonly #chunks = new Pieces();
  #held = 0;
  #wanted = HEADER_BYTES;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Takes the next bytes and calls `onFrame` for each frame they complete, in order. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    if (this.#held > 0) {
      this.#chunks.add(chunk);
      this.#held += chunk.length;
      if (this.#held < this.#wanted) return;
      chunk = this.#chunks.joined();
    }
    const rest = this.#cut(chunk, onFrame);
    this.#chunks.clear();
    this.#chunks.add(rest);
    this.#held = rest.length;
  }

  #cut(bytes: Buffer, onFrame: (frame: Frame) => void): Buffer {
    let offset = 0;
    while (true) {
      if (bytes.length - offset < HEADER_BYTES) {
        this.#wanted = HEADER_BYTES;
        return bytes.subarray(offset);
      }
      const length = bytes.readUInt32BE(offset);
      this.#check(length);
      if (bytes.length - offset < 4 + length) {
        this.#wanted = 4 + length;
        return bytes.subarray(offset);
      }
      const type = bytes[offset + 4] as number;
      onFrame({ type, payload: bytes.subarray(offset + HEADER_BYTES, offset + 4 + length) });
      offset += 4 + length;
    }
  }

  #check(length: number): void {
    if (length === 0) {
      throw new PlatformError({ kind: "invalid", field: "frame" }, "Frame has no type byte");
    }
    if (length > this.#limitBytes) {
      throw new PlatformError(
        {
          kind: "too_large",
          what: "frame",
          limitBytes: this.#limitBytes,
          actualBytes: length,
        },
        `Frame of ${length} bytes exceeds the limit of ${this.#limitBytes}`,
      );
    }
  }
}
