import { limits, type Outcome } from "../model/mod.ts";
import { type FailedOutcome, failedOutcome } from "./outcome.ts";

/** What a call without payload passes to the handler. */
export const EMPTY_EVENT: Buffer = Buffer.from("{}");

/** An error of a function or its runtime; the host parses it. Ours: parsing takes about 5 ms. */
export const ERROR_BYTES_MAX: number = 1024 * 1024;

const ERROR_TYPE_UNKNOWN = "Runtime.Unknown";

/** AWS's answer to a response above 6 MB. */
export function responseTooLarge(): FailedOutcome {
  return failedOutcome(
    "Function.ResponseSizeTooLarge",
    `Response payload size exceeded maximum allowed payload size (${limits.INVOKE_RESPONSE_BYTES_MAX} bytes).`,
  );
}

/** The outcome for a response of a runtime, whatever its length. */
export function responseOutcome(payload: Buffer): Outcome {
  if (payload.length > limits.INVOKE_RESPONSE_BYTES_MAX) return responseTooLarge();
  return { status: "succeeded", payload };
}

/**
 * The outcome for an error that a runtime reported: its JSON object as it is, or a statement of
 * ours when it sent something else.
 * @param declaredType the error type when the runtime names it beside the payload
 */
export function reportedFailure(payload: Buffer, declaredType?: string): FailedOutcome {
  if (payload.length > ERROR_BYTES_MAX) return responseTooLarge();
  const error = parseObject(payload);
  if (!error) return failedOutcome(declaredType ?? ERROR_TYPE_UNKNOWN, payload.toString("utf8"));
  const { errorType } = error;
  return {
    status: "failed",
    functionError: "Unhandled",
    payload,
    errorType: declaredType ?? (typeof errorType === "string" ? errorType : ERROR_TYPE_UNKNOWN),
  };
}

function parseObject(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
