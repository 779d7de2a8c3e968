import {
  type ErrorDetail,
  PlatformError,
  type UnauthenticatedReason,
  unreachable,
} from "../../base/mod.ts";
import type { HttpResponse } from "./request.ts";

/** An error as AWS's JSON protocols name it. */
export interface WireError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/**
 * Why a signature was refused, in the JSON dialects' words.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html and what Lambda sends.
 */
export const AUTHENTICATION_ERRORS: Readonly<
  Record<UnauthenticatedReason, { readonly status: number; readonly code: string }>
> = {
  missing_token: { status: 403, code: "MissingAuthenticationTokenException" },
  incomplete_signature: { status: 400, code: "IncompleteSignatureException" },
  unknown_key: { status: 403, code: "UnrecognizedClientException" },
  invalid_token: { status: 403, code: "UnrecognizedClientException" },
  signature_mismatch: { status: 403, code: "InvalidSignatureException" },
  payload_mismatch: { status: 403, code: "InvalidSignatureException" },
  expired: { status: 403, code: "InvalidSignatureException" },
  expired_token: { status: 403, code: "ExpiredTokenException" },
};

/** Maps what the edge and the admin API can meet; causes inside Hearth are not told to callers. */
export function wireErrorOf(error: unknown): WireError {
  if (!(error instanceof PlatformError)) return INTERNAL;
  const { detail, message } = error;
  const named = nameOf(detail);
  if (named.status === 500) return INTERNAL;
  if (detail.kind !== "throttled") return { ...named, message };
  return { ...named, message, retryAfterSeconds: detail.retryAfterSeconds };
}

const INTERNAL: WireError = {
  status: 500,
  code: "ServiceException",
  message: "The service failed on this request; the server's log tells why",
};

function nameOf(detail: ErrorDetail): { status: number; code: string } {
  switch (detail.kind) {
    case "unauthenticated":
      return AUTHENTICATION_ERRORS[detail.reason];
    case "not_found":
      return { status: 404, code: "ResourceNotFoundException" };
    case "already_exists":
    case "conflict":
      return { status: 409, code: "ResourceConflictException" };
    case "precondition_failed":
      return { status: 412, code: "PreconditionFailedException" };
    case "invalid":
    case "invalid_package":
      return { status: 400, code: "InvalidParameterValueException" };
    case "recursion":
      return { status: 400, code: "RecursiveInvocationException" };
    case "code_signature":
      return { status: 400, code: "CodeVerificationFailedException" };
    case "quota":
      return { status: 400, code: "LimitExceededException" };
    case "unsupported":
      return { status: 400, code: "UnsupportedOperationException" };
    case "forbidden":
      return { status: 403, code: "AccessDeniedException" };
    case "throttled":
      return { status: 429, code: "TooManyRequestsException" };
    case "overloaded":
    case "unavailable":
    case "runtime_refused":
      return { status: 503, code: "ServiceUnavailableException" };
    case "too_large":
      return { status: 413, code: "RequestTooLargeException" };
    case "unknown_operation":
      return { status: 404, code: "UnknownOperationException" };
    case "corrupt":
    case "internal":
      return { status: 500, code: "ServiceException" };
    default:
      return unreachable(detail);
  }
}

/** The error shape of the edge itself and of the admin API, which clients of Lambda read too. */
export function jsonFailure(error: unknown): HttpResponse {
  const { status, code, message, retryAfterSeconds } = wireErrorOf(error);
  const retry = retryAfterSeconds === undefined ? {} : { "Retry-After": `${retryAfterSeconds}` };
  return {
    status,
    headers: { "Content-Type": "application/json", "x-amzn-ErrorType": code, ...retry },
    body: JSON.stringify({ code, message }),
  };
}

/** A whole response for a connection that has no request to answer yet. */
export function rawFailure(status: number, reason: string, code: string, message: string): string {
  const body = JSON.stringify({ code, message });
  return (
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\n` +
    `x-amzn-ErrorType: ${code}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
    `Connection: close\r\n\r\n${body}`
  );
}

/** The answer to bytes that node:http could not read, by its error's code. */
export function malformedFailure(code: string | undefined): string {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return rawFailure(
        431,
        "Request Header Fields Too Large",
        "RequestHeaderSectionTooLarge",
        "Request line and headers are too long",
      );
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return rawFailure(
        408,
        "Request Timeout",
        "RequestTimeout",
        "The request did not arrive in time",
      );
    default:
      return rawFailure(400, "Bad Request", "BadRequest", "The request is not valid HTTP");
  }
}
