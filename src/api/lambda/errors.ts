import {
  type ErrorDetail,
  type PackageProblem,
  PlatformError,
  type ThrottleScope,
  unreachable,
} from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import { AUTHENTICATION_ERRORS } from "../http/failure.ts";
import type { HttpResponse } from "../http/request.ts";

/** A refusal that only this dialect knows; all others are PlatformErrors. */
export class LambdaError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "LambdaError";
    this.status = status;
    this.code = code;
  }
}

export function invalidParameter(message: string): LambdaError {
  return new LambdaError(400, "InvalidParameterValueException", message);
}

/** What AWS answers when a value breaks the constraints of the API's own model. */
export function validationError(violations: readonly string[]): LambdaError {
  const count = `${violations.length} validation error${violations.length === 1 ? "" : "s"}`;
  const message = `${count} detected: ${violations.join("; ")}`;
  return new LambdaError(400, "ValidationException", message);
}

interface WireError {
  readonly status: number;
  readonly code: string;
  /** Absent: the error's own message. */
  readonly message?: string;
  readonly reason?: string;
  readonly retryAfterSeconds?: number;
}

/** Exceptions whose model spells the member `Message`; all others have `message`. */
const CAPITAL_MESSAGE: ReadonlySet<string> = new Set([
  "ResourceNotFoundException",
  "ServiceException",
  "AccessDeniedException",
  "CodeSigningConfigNotFoundException",
  "CodeVerificationFailedException",
  "CallbackTimeoutException",
  "DurableExecutionAlreadyStartedException",
  "InvalidCodeSignatureException",
  "RecursiveInvocationException",
]);

/** Renders any failure in the shape of AWS Lambda's REST protocol. */
export function errorResponse(error: unknown): HttpResponse {
  const wire = wireErrorOf(error);
  const message = wire.message ?? (error instanceof Error ? error.message : "");
  const body = {
    ...(wire.reason === undefined ? {} : { Reason: wire.reason }),
    Type: wire.status < 500 ? "User" : "Service",
    [CAPITAL_MESSAGE.has(wire.code) ? "Message" : "message"]: message,
  };
  return {
    status: wire.status,
    headers: {
      "Content-Type": "application/json",
      "x-amzn-ErrorType": wire.code,
      ...(wire.retryAfterSeconds === undefined
        ? {}
        : { "Retry-After": String(Math.ceil(wire.retryAfterSeconds)) }),
    },
    body: JSON.stringify(body),
  };
}

function wireErrorOf(error: unknown): WireError {
  if (error instanceof LambdaError) return { status: error.status, code: error.code };
  if (error instanceof PlatformError) return wireErrorOfDetail(error.detail);
  return INTERNAL;
}

const INTERNAL: WireError = {
  status: 500,
  code: "ServiceException",
  message: "An error occurred and the request cannot be processed.",
};

const UNAVAILABLE: WireError = {
  status: 503,
  code: "ServiceUnavailableException",
  message: "Service is unable to handle the request at this time. Please try again.",
  retryAfterSeconds: 1,
};

function wireErrorOfDetail(detail: ErrorDetail): WireError {
  switch (detail.kind) {
    case "not_found":
      return { status: 404, code: ABSENCE_CODES[detail.resource] ?? "ResourceNotFoundException" };
    case "already_exists":
    case "conflict":
      return { status: 409, code: "ResourceConflictException" };
    case "precondition_failed":
      return { status: 412, code: "PreconditionFailedException" };
    case "invalid":
    case "unsupported":
      return { status: 400, code: "InvalidParameterValueException" };
    case "unauthenticated":
      return AUTHENTICATION_ERRORS[detail.reason];
    case "forbidden":
      return { status: 403, code: "AccessDeniedException" };
    case "throttled":
      return {
        status: 429,
        code: "TooManyRequestsException",
        message: "Rate Exceeded.",
        reason: THROTTLE_REASON[detail.scope],
        retryAfterSeconds: detail.retryAfterSeconds,
      };
    case "recursion":
      return { status: 400, code: "RecursiveInvocationException" };
    case "code_signature":
      return { status: 400, code: SIGNATURE_CODES[detail.problem] };
    case "quota":
      return { status: 400, code: QUOTA_CODES[detail.resource] ?? "LimitExceededException" };
    case "too_large":
      return tooLarge(detail);
    case "invalid_package":
      return {
        status: 400,
        code: "InvalidParameterValueException",
        ...messageOfPackage(detail.problem),
      };
    case "unknown_operation":
      return { status: 404, code: "UnknownOperationException" };
    case "unavailable":
      // Of the owner's own making: it says what.
      return detail.what === "sidecar" ? { status: 503, code: UNAVAILABLE.code } : UNAVAILABLE;
    case "overloaded":
    case "runtime_refused":
      return UNAVAILABLE;
    case "corrupt":
    case "internal":
      return INTERNAL;
    default:
      return unreachable(detail);
  }
}

const THROTTLE_REASON: Readonly<Record<ThrottleScope, string>> = {
  account: "ConcurrentInvocationLimitExceeded",
  function: "ReservedFunctionConcurrentInvocationLimitExceeded",
  caller: "CallerRateLimitExceeded",
};

/** Exceptions of their own that AWS has for some things that do not exist. */
const ABSENCE_CODES: Readonly<Record<string, string>> = {
  "code signing configuration of a function": "CodeSigningConfigNotFoundException",
};

const SIGNATURE_CODES: Readonly<Record<"untrusted" | "damaged", string>> = {
  untrusted: "CodeVerificationFailedException",
  damaged: "InvalidCodeSignatureException",
};

/** Exceptions of their own that AWS has for some quotas, by resource. */
const QUOTA_CODES: Readonly<Record<string, string>> = {
  "capacity provider": "CapacityProviderLimitExceededException",
};

function tooLarge(detail: Extract<ErrorDetail, { kind: "too_large" }>): WireError {
  const { limitBytes, actualBytes } = detail;
  switch (detail.what) {
    case "function_with_layers":
      return { status: 400, code: "InvalidParameterValueException" };
    case "policy":
      return { status: 400, code: "PolicyLengthExceededException" };
    case "account_code":
      return { status: 400, code: "CodeStorageExceededException" };
    case "payload":
      return {
        status: 413,
        code: "RequestTooLargeException",
        message:
          `${actualBytes} byte payload is too large for the RequestResponse invocation type ` +
          `(limit ${limitBytes} bytes)`,
      };
    case "zip":
      return {
        status: 413,
        code: "RequestEntityTooLargeException",
        message: `Zipped size must be smaller than ${limitBytes} bytes`,
      };
    default:
      return { status: 413, code: "RequestEntityTooLargeException" };
  }
}

function messageOfPackage(problem: PackageProblem): { message?: string } {
  switch (problem) {
    case "malformed":
      return {
        message: "Could not unzip uploaded file. Please check your file, then try to upload again.",
      };
    case "empty":
      return { message: "Uploaded file must be a non-empty zip" };
    case "too_large":
      return {
        message: `Unzipped size must be smaller than ${limits.PACKAGE_UNPACKED_BYTES_MAX} bytes`,
      };
    case "escapes_root":
    case "link":
    case "too_many_entries":
    case "unsupported_entry":
      return {};
    default:
      return unreachable(problem);
  }
}
