import { PlatformError } from "../../base/mod.ts";
import { wireErrorOf } from "../http/failure.ts";
import type { HttpResponse } from "../http/request.ts";

/** A refusal that only this dialect knows; all others are PlatformErrors. */
export class LogsError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "LogsError";
    this.status = status;
    this.code = code;
  }
}

export function invalidParameter(message: string): LogsError {
  return new LogsError(400, "InvalidParameterException", message);
}

export const CONTENT_TYPE = "application/x-amz-json-1.1";

/**
 * Renders any failure in the shape of AWS's JSON 1.1 protocol.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html
 */
export function errorResponse(error: unknown): HttpResponse {
  const { status, code, message } = wireErrorOfLogs(error);
  return {
    status,
    headers: { "Content-Type": CONTENT_TYPE, "x-amzn-ErrorType": code },
    body: JSON.stringify({ __type: code, message }),
  };
}

function wireErrorOfLogs(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof LogsError) return error;
  const common = wireErrorOf(error);
  if (!(error instanceof PlatformError)) return common;
  const { message } = error;
  switch (error.kind) {
    case "not_found":
      return { status: 400, code: "ResourceNotFoundException", message };
    case "already_exists":
      return { status: 400, code: "ResourceAlreadyExistsException", message };
    case "conflict":
      return { status: 400, code: "OperationAbortedException", message };
    case "invalid":
      return { status: 400, code: "InvalidParameterException", message };
    case "quota":
      return { status: 400, code: "LimitExceededException", message };
    case "unknown_operation":
      return { status: 400, code: "UnknownOperationException", message };
    default:
      return common;
  }
}
