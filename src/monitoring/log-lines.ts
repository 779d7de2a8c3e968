import type { LogEvent } from "./log-event.ts";

const NEWLINE = 10;

/** One event for each line of a text that is not empty. */
export function linesOf(text: Buffer, timestampMs: number): LogEvent[] {
  const events: LogEvent[] = [];
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf(NEWLINE, start);
    const end = found === -1 ? text.length : found;
    if (end > start) events.push({ timestampMs, message: text.subarray(start, end) });
    start = end + 1;
  }
  return events;
}
