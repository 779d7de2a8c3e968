import { isPlatformError } from "../base/mod.ts";
import type { InvokeResult } from "../model/mod.ts";
import type { EventSettings } from "../registry/mod.ts";
import type { QueuedEvent } from "./event.ts";
import type { Conclusion, EventResponse } from "./invocation-record.ts";

/**
 * What becomes of an event after its turn.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export type Verdict =
  | { readonly kind: "conclude"; readonly conclusion: Conclusion }
  /** The function failed; `event` is the one to try next. */
  | { readonly kind: "retry"; readonly event: QueuedEvent }
  /** The platform did not run it; back to the line until `untilMs` on the wall clock. */
  | { readonly kind: "refuse"; readonly place: "first" | "last"; readonly untilMs: number };

/** Waits before the second and the third attempt. AWS: one minute, then two. */
const RETRY_AFTER_MS: readonly number[] = [60_000, 120_000];

/** The first moment at which the event is too old to be tried. */
function expiryOf(event: QueuedEvent, settings: EventSettings): number {
  return event.acceptedAtMs + settings.maximumEventAgeSeconds * 1000;
}

/** A conclusion when the event is too old for another attempt. */
export function expired(
  event: QueuedEvent,
  settings: EventSettings,
  nowMs: number,
): Verdict | undefined {
  if (nowMs < expiryOf(event, settings)) return undefined;
  return conclude("EventAgeExceeded", event.attempts);
}

/** The function took the event. Its age never makes a success a failure. */
export function verdictOnResult(
  event: QueuedEvent,
  settings: EventSettings,
  result: InvokeResult,
  nowMs: number,
): Verdict {
  const attempts = event.attempts + 1;
  const response = responseOf(result);
  if (result.outcome.status === "succeeded") return conclude("Success", attempts, response);
  const delayMs = RETRY_AFTER_MS[event.attempts];
  if (event.attempts >= settings.maximumRetryAttempts || delayMs === undefined) {
    return conclude("RetriesExhausted", attempts, response);
  }
  const dueAtMs = nowMs + delayMs;
  if (dueAtMs >= expiryOf(event, settings)) {
    return conclude("EventAgeExceeded", attempts, response);
  }
  return { kind: "retry", event: { ...event, attempts, dueAtMs } };
}

/** The platform refused to run the function. */
export function verdictOnRefusal(
  event: QueuedEvent,
  settings: EventSettings,
  error: unknown,
): Verdict {
  if (isPlatformError(error, "not_found")) {
    return conclude("RetriesExhausted", event.attempts, { statusCode: 404 });
  }
  // A durable function, which takes no events.
  if (isPlatformError(error, "invalid")) {
    return conclude("RetriesExhausted", event.attempts, { statusCode: 400 });
  }
  // Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
  if (isPlatformError(error, "recursion")) {
    return conclude("RecursiveInvocation", event.attempts, { statusCode: 400 });
  }
  const untilMs = expiryOf(event, settings);
  if (!isPlatformError(error, "throttled")) return { kind: "refuse", place: "last", untilMs };
  const { scope, limit } = error.detail;
  // AWS: with a reservation of zero events go to their destination without any retries.
  if (scope === "function" && limit === 0) {
    return conclude("ZeroReservedConcurrency", event.attempts);
  }
  return { kind: "refuse", place: "first", untilMs };
}

function conclude(
  condition: Conclusion["condition"],
  invokeCount: number,
  response?: EventResponse,
): Verdict {
  const conclusion = { condition, invokeCount, ...(response === undefined ? {} : { response }) };
  return { kind: "conclude", conclusion };
}

function responseOf({ version, outcome }: InvokeResult): EventResponse {
  return {
    statusCode: 200,
    executedVersion: version.version,
    ...(outcome.status === "failed" ? { functionError: outcome.functionError } : {}),
    payload: outcome.payload,
  };
}
