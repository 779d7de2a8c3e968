import { PlatformError } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";

/** An asynchronous call as somebody hands it in. */
export interface NewEvent {
  /** Stays the same over all attempts; the function sees it in its context. */
  readonly requestId: string;
  readonly owner: Owner;
  readonly functionName: string;
  readonly qualifier?: string;
  /** JSON text as bytes, at most EVENT_PAYLOAD_BYTES_MAX. Empty means `{}`. */
  readonly payload: Buffer;
  /** Content of X-Amzn-Trace-Id for the function. */
  readonly traceId: string;
}

/** An accepted event without its payload, which is read when the event's turn has come. */
export interface QueuedEvent extends Omit<NewEvent, "payload"> {
  readonly payloadBytes: number;
  /** Wall clock; the event's age counts from here. */
  readonly acceptedAtMs: number;
  /** Wall clock; it is not tried before. */
  readonly dueAtMs: number;
  /** Times the function has run for it and failed. */
  readonly attempts: number;
}

/** An event with what it carries, before it is stored. */
export interface WholeEvent {
  readonly event: QueuedEvent;
  readonly payload: Buffer;
}

/** A new event as the queue keeps it. */
export function acceptedEvent(accepted: NewEvent, nowMs: number): WholeEvent {
  const { payload, ...rest } = accepted;
  const times = { acceptedAtMs: nowMs, dueAtMs: nowMs };
  return { event: { ...rest, payloadBytes: payload.length, ...times, attempts: 0 }, payload };
}

/** @throws PlatformError kind "too_large" */
export function requireEventPayload(
  bytes: number,
  limitBytes: number = limits.EVENT_PAYLOAD_BYTES_MAX,
): void {
  if (bytes <= limitBytes) return;
  throw new PlatformError(
    { kind: "too_large", what: "event", limitBytes, actualBytes: bytes },
    `${bytes} byte payload is too large for the Event invocation type (limit ${limitBytes} bytes)`,
  );
}
