import { setTimeout as pause } from "node:timers/promises";

const PATIENCE_MS = 30_000;
const POLL_MS = 20;

/** Repeats assertions until they hold; fails with the last complaint when they never do. */
export async function eventually(
  holds: () => Promise<void>,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await holds();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await pause(POLL_MS);
  }
}
