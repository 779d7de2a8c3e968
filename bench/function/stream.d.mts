import type { Writable } from "node:stream";

export const PIECES: readonly [string, string];
export function writePieces(stream: Writable): Promise<void>;
export const handler: unknown;
