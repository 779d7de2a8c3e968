import { limits, type Outcome } from "../model/mod.ts";

/** What a call without payload passes to the handler. */
export const EMPTY_EVENT: Buffer = Buffer.from("{}");

/** An error of a function or its runtime; the host parses it. Ours: parsing takes about 5 ms. */
export const ERROR_BYTES_MAX: number = 1024 * 1024;

const ERROR_TYPE_UNKNOWN = "Runtime.Unknown";

export type FailedOutcome = Extract<Outcome, { status: "failed" }>;

/** A failure that the platform itself states, with AWS's errorType. */
export function platformFailure(errorType: string, errorMessage: string): FailedOutcome {
  const payload = Buffer.from(JSON.stringify({ errorType, errorMessage }));
  return { status: "failed", functionError: "Unhandled", payload, errorType };
}

/** AWS's answer to a response above 6 MB. */
export function responseTooLarge(): FailedOutcome {
  return platformFailure(
    "Function.ResponseSizeTooLarge",
    `Response payload size exceeded maximum allowed payload size (${limits.INVOKE_RESPONSE_BYTES_MAX} bytes).`,
  );
}

/**
 * The outcome for an error that a runtime reported: its JSON object as it is, or a statement of
 * ours when it sent something else.
 * @param declaredType the error type when the runtime names it beside the payload
 */
export function failedOutcome(payload: Buffer, declaredType?: string): FailedOutcome {
  if (payload.length > ERROR_BYTES_MAX) return responseTooLarge();
  const error = parseObject(payload);
  if (!error) {
    const text = payload.toString("utf8");
    return platformFailure(declaredType ?? ERROR_TYPE_UNKNOWN, text);
  }
  const errorType = declaredType ?? stringOf(error.errorType) ?? ERROR_TYPE_UNKNOWN;
  return { status: "failed", functionError: "Unhandled", payload, errorType };
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

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
