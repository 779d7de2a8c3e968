import { PlatformError } from "../base/mod.ts";
import type { LogEvent } from "./log-event.ts";

/**
 * What a client may put into a stream at once.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
 */
const BATCH_BYTES_MAX = 1_048_576;
/** Counted for each event beside its message. */
const EVENT_OVERHEAD_BYTES = 26;
const BATCH_SPAN_MS_MAX = 24 * 3600 * 1000;
const FUTURE_MS_MAX = 2 * 3600 * 1000;
const PAST_MS_MAX = 14 * 24 * 3600 * 1000;

/** Events of a batch that are kept, and where those that are not begin and end. */
export interface Accepted {
  readonly events: readonly LogEvent[];
  /** First event that is too far in the future. */
  readonly tooNewStart?: number;
  /** Behind the last event that is too old. */
  readonly tooOldEnd?: number;
  /** Behind the last event that the group's retention would delete at once. */
  readonly expiredEnd?: number;
}

/**
 * Sorts a batch into what is kept and what is refused for its time.
 * @param retentionStartMs before this the group keeps nothing
 * @throws PlatformError kind "invalid" when the whole batch is refused
 */
export function acceptEvents(
  events: readonly LogEvent[],
  nowMs: number,
  retentionStartMs: number,
): Accepted {
  checkBatch(events);
  const firstWith = (test: (timestampMs: number) => boolean): number => {
    const index = events.findIndex(({ timestampMs }) => test(timestampMs));
    return index === -1 ? events.length : index;
  };
  const tooOldEnd = firstWith((time) => time >= nowMs - PAST_MS_MAX);
  const expiredEnd = firstWith((time) => time >= retentionStartMs);
  const tooNewStart = firstWith((time) => time > nowMs + FUTURE_MS_MAX);
  return {
    events: events.slice(Math.max(tooOldEnd, expiredEnd), tooNewStart),
    ...(tooOldEnd === 0 ? {} : { tooOldEnd }),
    ...(expiredEnd === 0 ? {} : { expiredEnd }),
    ...(tooNewStart === events.length ? {} : { tooNewStart }),
  };
}

function checkBatch(events: readonly LogEvent[]): void {
  let bytes = 0;
  let previousMs = 0;
  for (const { timestampMs, message } of events) {
    if (timestampMs < previousMs) {
      throw invalid("Log events in a single PutLogEvents request must be in chronological order.");
    }
    previousMs = timestampMs;
    bytes += message.length + EVENT_OVERHEAD_BYTES;
  }
  if (bytes > BATCH_BYTES_MAX) {
    throw invalid(`Upload too large: ${bytes} bytes exceeds limit of ${BATCH_BYTES_MAX}`);
  }
  if (previousMs - (events[0]?.timestampMs ?? 0) > BATCH_SPAN_MS_MAX) {
    throw invalid(
      "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
    );
  }
}

function invalid(message: string): PlatformError {
  return new PlatformError({ kind: "invalid", field: "logEvents" }, message);
}
