import type { Readable } from "node:stream";
import type { Clock } from "../base/mod.ts";

/**
 * What a sandbox may print in one period before reading pauses for the rest of it: a flood must
 * not take the server's time. The pipe then fills and the writer waits.
 */
const PERIOD_MS = 50;
const BYTES_PER_PERIOD = 8 * 1024 * 1024;

/**
 * Delivers everything printed, in order and as it comes, keeping none of it.
 * @returns a promise that resolves when the last writer has gone
 */
export function deliverOutput(
  stream: Readable,
  clock: Clock,
  onOutput: (chunk: Buffer) => void,
): Promise<void> {
  let bytes = 0;
  let periodEndsMs = 0;
  stream.on("data", (chunk: Buffer) => {
    const nowMs = clock.monotonic();
    if (nowMs >= periodEndsMs) {
      bytes = 0;
      periodEndsMs = nowMs + PERIOD_MS;
    }
    bytes += chunk.length;
    if (bytes > BYTES_PER_PERIOD) {
      stream.pause();
      clock.after(periodEndsMs - nowMs, () => stream.resume());
    }
    onOutput(chunk);
  });
  stream.on("error", () => {}); // "close" follows
  return new Promise((resolve) => stream.once("close", () => resolve()));
}
