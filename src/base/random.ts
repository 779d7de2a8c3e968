import { randomBytes, randomFillSync, randomUUID } from "node:crypto";

/** Unpredictable bytes for keys, tokens and ids. app/ always binds `secureRandom`. */
export interface SecureRandom {
  bytes(length: number): Buffer;
  /** RFC 9562 version 4. */
  uuid(): string;
  /** Lower-case hexadecimal, two characters a byte. */
  hex(byteLength: number): string;
}

/** Drawing eight bytes costs a call into OpenSSL; ids are cut from a block instead. */
const BLOCK_BYTES = 4096;
let block: Buffer = Buffer.alloc(0);
let blockOffset = 0;

function cutHex(byteLength: number): string {
  if (blockOffset + byteLength > block.length) {
    block = randomFillSync(Buffer.allocUnsafe(Math.max(BLOCK_BYTES, byteLength)));
    blockOffset = 0;
  }
  const text = block.toString("hex", blockOffset, blockOffset + byteLength);
  block.fill(0, blockOffset, blockOffset + byteLength);
  blockOffset += byteLength;
  return text;
}

export const secureRandom: SecureRandom = {
  bytes: (length) => randomBytes(length),
  uuid: () => randomUUID(),
  hex: cutHex,
};

/** Repeatable chance for choices that need no secrecy (jitter, weights). Values in [0, 1). */
export interface Random {
  next(): number;
}

/** Mulberry32: small, fast, good enough for weights and jitter; never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    },
  };
}
