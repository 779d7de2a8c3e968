import { isPlatformError, PlatformError } from "../base/mod.ts";
import { limits, type Outcome } from "../model/mod.ts";
import type { BegunInvocation, InvocationOutcome } from "./lifecycle.core.ts";
import type { ErrorObject } from "./operation.ts";
import { inMilliseconds, operationShape } from "./operation-shape.ts";
import { replayPage } from "./replay.core.ts";

/** What goes into an invocation of a durable function and what comes out, as its SDK has it. */

/** The event. State that does not fit is fetched by the SDK, from the marker on. */
export function invocationEvent({ token, state, updated }: BegunInvocation): Buffer {
  const page = replayPage(state, {
    itemsMax: limits.DURABLE_OPERATIONS_MAX,
    bytesMax: limits.DURABLE_EVENT_STATE_BYTES_MAX,
    isNeverEmpty: false,
  });
  return Buffer.from(
    JSON.stringify({
      DurableExecutionArn: state.record.arn,
      CheckpointToken: token,
      InitialExecutionState: {
        Operations: page.operations.map((operation) => operationShape(operation, inMilliseconds)),
        ...(page.next === undefined ? {} : { NextMarker: String(page.next) }),
      },
      UpdatedOperationIds: updated,
    }),
  );
}

/** What the SDK's wrapper answered, or what became of the invocation instead. */
export function invocationOutcome(outcome: Outcome, crashes: number): InvocationOutcome {
  if (outcome.status === "failed") {
    return { status: "CRASHED", error: errorOf(outcome.payload), retryAfterMs: backoffMs(crashes) };
  }
  const answer = parsed(outcome.payload);
  switch (answer.Status) {
    case "PENDING":
      return { status: "PENDING" };
    case "SUCCEEDED":
      return {
        status: "SUCCEEDED",
        ...(typeof answer.Result === "string" ? { result: answer.Result } : {}),
      };
    case "FAILED":
      return { status: "FAILED", error: errorObjectOf(answer.Error) };
    default: {
      // No later attempt would answer otherwise: the handler is not wrapped by the SDK.
      const ErrorMessage = "Invalid Status in invocation output.";
      return {
        status: "FAILED",
        error: { ErrorType: "InvalidParameterValueException", ErrorMessage },
      };
    }
  }
}

/** What an invocation that could not begin makes of the execution. */
export function refusalOutcome(error: unknown, crashes: number): InvocationOutcome {
  if (isPlatformError(error, "throttled")) {
    const askedMs = error.detail.retryAfterSeconds * 1000;
    return { status: "REFUSED", retryAfterMs: Math.max(askedMs, REFUSED_MS_MIN) };
  }
  if (isTransient(error)) return { status: "REFUSED", retryAfterMs: REFUSED_MS_MIN };
  const lasting = lastingErrorType(error);
  const problem = {
    ErrorType: lasting ?? "ServiceException",
    ErrorMessage: error instanceof PlatformError ? error.message : "The invocation failed",
  };
  if (lasting !== undefined) return { status: "FAILED", error: problem };
  return { status: "CRASHED", error: problem, retryAfterMs: backoffMs(crashes) };
}

/** AWS's name of what no later attempt would change. */
function lastingErrorType(error: unknown): string | undefined {
  if (isPlatformError(error, "not_found")) return "ResourceNotFoundException";
  if (isPlatformError(error, "recursion")) return "RecursiveInvocationException";
  return undefined;
}

/** Whether the host or the function may have room, or be ready, a moment later. */
export function isTransient(error: unknown): boolean {
  return (
    isPlatformError(error, "throttled") ||
    isPlatformError(error, "overloaded") ||
    isPlatformError(error, "unavailable") ||
    isPlatformError(error, "conflict")
  );
}

/** An execution that found no room asks again after this long at the earliest. */
const REFUSED_MS_MIN = 500;

/** 1 s, 2 s, 4 s … after each crash in a row. */
function backoffMs(crashes: number): number {
  return 1000 * 2 ** Math.min(crashes, limits.DURABLE_CRASHES_MAX);
}

interface WireAnswer {
  readonly Status?: unknown;
  readonly Result?: unknown;
  readonly Error?: unknown;
}

function parsed(payload: Buffer): WireAnswer {
  try {
    const answer: unknown = JSON.parse(payload.toString());
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

/** The error of a failed invocation in the shape of the durable API. */
export function errorOf(payload: Buffer): ErrorObject {
  const failure = parsed(payload) as Readonly<Record<string, unknown>>;
  return errorObjectOf({
    ErrorType: failure.errorType,
    ErrorMessage: failure.errorMessage,
    StackTrace: failure.stackTrace ?? failure.trace,
  });
}

/** The members of an error that are what they should be; user code wrote it. */
function errorObjectOf(value: unknown): ErrorObject {
  if (typeof value !== "object" || value === null) return {};
  const { ErrorMessage, ErrorType, ErrorData, StackTrace } = value as Record<string, unknown>;
  return {
    ...(typeof ErrorMessage === "string" ? { ErrorMessage } : {}),
    ...(typeof ErrorType === "string" ? { ErrorType } : {}),
    ...(typeof ErrorData === "string" ? { ErrorData } : {}),
    ...(Array.isArray(StackTrace) ? { StackTrace: StackTrace.map(String) } : {}),
  };
}
