import { isPlatformError, PlatformError } from "../../base/mod.ts";
import type { HttpResponse } from "../http/request.ts";
import { errorResponse } from "../lambda/errors.ts";

const FORBIDDEN =
  "Forbidden. For troubleshooting Function URL authorization issues, see: " +
  "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

/** What a URL answers that stands for no function, as AWS's does. */
export function unknownUrlResponse(): HttpResponse {
  return messageResponse(403, "AccessDeniedException", null);
}

/** What a client sees of a function that failed or answered with something that is not HTTP. */
export function badGatewayResponse(): HttpResponse {
  return {
    status: 502,
    headers: { "content-type": "application/json" },
    body: "Internal Server Error",
  };
}

/** Renders what kept a URL's function from being called. */
export function failureResponse(error: unknown): HttpResponse {
  if (!(error instanceof PlatformError)) return internalErrorResponse();
  switch (error.kind) {
    case "forbidden":
      return messageResponse(403, "AccessDeniedException", FORBIDDEN);
    case "unauthenticated":
      return isPlatformError(error, "unauthenticated") && error.detail.reason === "missing_token"
        ? messageResponse(403, "AccessDeniedException", FORBIDDEN)
        : errorResponse(error);
    case "too_large":
      return messageResponse(413, "RequestEntityTooLargeException", "Request Entity Too Large");
    case "invalid":
      return messageResponse(400, "BadRequestException", "Bad Request");
    case "throttled":
    case "recursion":
      return errorResponse(error);
    case "not_found":
      return unknownUrlResponse();
    case "overloaded":
    case "unavailable":
    case "runtime_refused":
    case "conflict":
      return messageResponse(503, "ServiceUnavailableException", "Service Unavailable");
    default:
      return internalErrorResponse();
  }
}

function internalErrorResponse(): HttpResponse {
  return messageResponse(500, "ServiceException", "Internal Server Error");
}

function messageResponse(status: number, code: string, message: string | null): HttpResponse {
  return {
    status,
    headers: { "content-type": "application/json", "x-amzn-ErrorType": code },
    body: JSON.stringify({ Message: message }),
  };
}
