import type { QueuedEvent } from "./event.ts";

/** Why an event left the queue, in AWS's words. */
export type Condition =
  | "Success"
  | "RetriesExhausted"
  | "EventAgeExceeded"
  | "RecursiveInvocation"
  | "ZeroReservedConcurrency";

/** The last answer to an event: the function's own, or a refusal without version and payload. */
export interface EventResponse {
  readonly statusCode: number;
  readonly executedVersion?: string;
  readonly functionError?: string;
  readonly payload?: Buffer;
}

export interface Conclusion {
  readonly condition: Condition;
  /** Times the function ran. */
  readonly invokeCount: number;
  /** Absent when nothing ever answered. */
  readonly response?: EventResponse;
}

/**
 * The JSON document that destinations receive.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
export function invocationRecord(
  { requestId }: QueuedEvent,
  functionArn: string,
  requestPayload: Buffer,
  { condition, invokeCount, response }: Conclusion,
  nowMs: number,
): Buffer {
  const { payload, ...responseContext } = response ?? {};
  const members: Record<string, string | undefined> = {
    version: '"1.0"',
    timestamp: JSON.stringify(new Date(nowMs).toISOString()),
    requestContext: JSON.stringify({
      requestId,
      functionArn,
      condition,
      approximateInvokeCount: invokeCount,
    }),
    requestPayload: jsonOf(requestPayload, "{}"),
    responseContext: response && JSON.stringify(responseContext),
    responsePayload: payload && jsonOf(payload, "null"),
  };
  const texts = Object.entries(members)
    .filter(([, text]) => text !== undefined)
    .map(([name, text]) => `"${name}":${text}`);
  return Buffer.from(`{${texts.join(",")}}`);
}

/** JSON as it is, every digit of its numbers; what is none, as runtimes may answer, as text. */
function jsonOf(bytes: Buffer, ifEmpty: string): string {
  const text = bytes.toString();
  if (text === "") return ifEmpty;
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
