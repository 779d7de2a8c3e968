import {
  type ErrorDetail,
  messageOf,
  PlatformError,
  type UnauthenticatedReason,
  unreachable,
} from "../../base/mod.ts";
import type { AuthenticatedRequest, HttpResponse, ServiceHandler } from "../http/request.ts";

/**
 * The Security Token Service, as far as it says who a caller is; AWS's query protocol.
 * Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export function createStsApi(): ServiceHandler {
  return {
    async handle(request) {
      try {
        return runAction(request);
      } catch (error) {
        if (error instanceof StsError) return errorResponse(error, request.requestId);
        throw error;
      }
    },
    failure: errorResponse,
  };
}

const VERSION = "2011-06-15";
const NAMESPACE = `https://sts.amazonaws.com/doc/${VERSION}/`;

/** A refusal that only this dialect knows. */
class StsError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "StsError";
    this.status = status;
    this.code = code;
  }
}

function runAction(request: AuthenticatedRequest): HttpResponse {
  const parameters =
    request.body.length > 0 ? new URLSearchParams(request.body.toString()) : request.query;
  const action = parameters.get("Action");
  if (action === "GetCallerIdentity") return getCallerIdentity(request);
  if (action === null) throw new StsError(400, "MissingAction", "Missing Action");
  const version = parameters.get("Version") ?? VERSION;
  const message = `Could not find operation ${action} for version ${version}`;
  throw new StsError(400, "InvalidAction", message);
}

function getCallerIdentity({ identity, requestId }: AuthenticatedRequest): HttpResponse {
  const result =
    `<Arn>${escapeXml(identity.arn)}</Arn>` +
    `<UserId>${escapeXml(identity.userId)}</UserId>` +
    `<Account>${identity.owner}</Account>`;
  return xmlResponse(
    200,
    `<GetCallerIdentityResponse xmlns="${NAMESPACE}">` +
      `<GetCallerIdentityResult>${result}</GetCallerIdentityResult>` +
      `<ResponseMetadata><RequestId>${escapeXml(requestId)}</RequestId></ResponseMetadata>` +
      "</GetCallerIdentityResponse>",
  );
}

function errorResponse(error: unknown, requestId: string): HttpResponse {
  const { status, code, message } = wireErrorOf(error);
  return xmlResponse(
    status,
    `<ErrorResponse xmlns="${NAMESPACE}"><Error>` +
      `<Type>${status < 500 ? "Sender" : "Receiver"}</Type>` +
      `<Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>` +
      `<RequestId>${escapeXml(requestId)}</RequestId></ErrorResponse>`,
  );
}

interface WireError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

function wireErrorOf(error: unknown): WireError {
  if (error instanceof StsError) return error;
  if (!(error instanceof PlatformError)) return internal;
  const message = messageOf(error);
  const detail: ErrorDetail = error.detail;
  switch (detail.kind) {
    case "unauthenticated":
      return { ...UNAUTHENTICATED[detail.reason], message };
    case "forbidden":
      return { status: 403, code: "AccessDenied", message };
    case "throttled":
      return { status: 400, code: "Throttling", message: "Rate exceeded" };
    case "too_large":
      return { status: 413, code: "RequestEntityTooLarge", message };
    case "overloaded":
    case "unavailable":
    case "runtime_refused":
      return { status: 503, code: "ServiceUnavailable", message: "Service unavailable" };
    case "unknown_operation":
      return { status: 400, code: "InvalidAction", message };
    case "invalid":
      return { status: 400, code: "ValidationError", message };
    // Nothing here names resources: these would be our own faults.
    case "not_found":
    case "already_exists":
    case "conflict":
    case "precondition_failed":
    case "invalid_package":
    case "unsupported":
    case "recursion":
    case "code_signature":
    case "quota":
    case "corrupt":
    case "internal":
      return internal;
    default:
      return unreachable(detail);
  }
}

const internal: WireError = {
  status: 500,
  code: "InternalFailure",
  message: "The request processing has failed because of an unknown error",
};

/** Source: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html */
const UNAUTHENTICATED: Readonly<
  Record<UnauthenticatedReason, { readonly status: number; readonly code: string }>
> = {
  missing_token: { status: 403, code: "MissingAuthenticationToken" },
  incomplete_signature: { status: 400, code: "IncompleteSignature" },
  unknown_key: { status: 403, code: "InvalidClientTokenId" },
  invalid_token: { status: 403, code: "InvalidClientTokenId" },
  expired_token: { status: 403, code: "ExpiredToken" },
  signature_mismatch: { status: 403, code: "SignatureDoesNotMatch" },
  expired: { status: 403, code: "SignatureDoesNotMatch" },
  payload_mismatch: { status: 403, code: "SignatureDoesNotMatch" },
};

function xmlResponse(status: number, body: string): HttpResponse {
  return {
    status,
    headers: { "Content-Type": "text/xml" },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}\n`,
  };
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
