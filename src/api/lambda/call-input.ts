import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import { type Clock, messageOf, PlatformError, type SecureRandom } from "../../base/mod.ts";
import { type InvokeRequest, limits } from "../../model/mod.ts";
import { invalidParameter, LambdaError, validationError } from "./errors.ts";
import { namedByRequest } from "./names.ts";
import type { LambdaCall } from "./operation.ts";
import { violation } from "./validation.ts";

/** What the operations that run a function read from a request. */

/**
 * The call that a request asks for, checked.
 * @throws LambdaError, PlatformError kind "too_large"
 */
export function invokeRequestOf(call: LambdaCall): InvokeRequest {
  const { services, request } = call;
  const { headers, body } = request;
  const { owner, name, qualifier } = namedByRequest(call);
  const clientContext = clientContextOf(headers);
  const cognitoIdentity = cognitoIdentityOf(headers);
  // What runs beside a function is its owner's to say, not a foreign caller's.
  const sidecars = call.permitted === undefined ? sidecarsOf(headers, clientContext) : undefined;
  requirePayload(body);
  return {
    requestId: request.requestId,
    owner,
    functionName: name,
    payload: body,
    traceId: traceIdOf(services, headers["x-amzn-trace-id"]),
    receivedAt: request.receivedAt,
    ...(qualifier === undefined ? {} : { qualifier }),
    ...(clientContext === undefined ? {} : { clientContext }),
    ...(cognitoIdentity === undefined ? {} : { cognitoIdentity }),
    ...(sidecars === undefined ? {} : { sidecars }),
  };
}

/** X-Amz-Invocation-Type, one of those that the operation takes. */
export function invocationTypeOf<T extends string>(
  headers: IncomingHttpHeaders,
  offered: readonly T[],
): T | "RequestResponse" {
  const given = headers["x-amz-invocation-type"] ?? "RequestResponse";
  if (given === "RequestResponse") return given;
  const type = offered.find((each) => each === given);
  if (type !== undefined) return type;
  const constraint = `Member must satisfy enum value set: [${offered.join(", ")}]`;
  throw validationError([violation(given, "invocationType", constraint)]);
}

/** Whether X-Amz-Log-Type asks for the end of the call's log. */
export function wantsTail(headers: IncomingHttpHeaders): boolean {
  const type = headers["x-amz-log-type"] ?? "None";
  if (type === "None" || type === "Tail") return type === "Tail";
  const constraint = "Member must satisfy enum value set: [None, Tail]";
  throw validationError([violation(type, "logType", constraint)]);
}

/** The last 4 KB of a call's log, as AWS sends them. */
export function logTail(log: Buffer): string {
  return log.subarray(-limits.LOG_TAIL_BYTES_MAX).toString("base64");
}

/** The caller's trace, or a new one that nobody samples. */
export function traceIdOf(
  { clock, random }: { readonly clock: Clock; readonly random: SecureRandom },
  given: string | string[] | undefined,
): string {
  if (typeof given === "string" && given !== "") return given;
  const seconds = Math.floor(clock.now() / 1000)
    .toString(16)
    .padStart(8, "0");
  return `Root=1-${seconds}-${random.hex(12)};Parent=${random.hex(8)};Sampled=0`;
}

/** The JSON text of X-Amz-Client-Context. */
function clientContextOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers["x-amz-client-context"];
  if (typeof header !== "string" || header === "") return undefined;
  if (header.length > limits.CLIENT_CONTEXT_BYTES_MAX) {
    throw invalidParameter(
      `Client context must be at most ${limits.CLIENT_CONTEXT_BYTES_MAX} bytes when base64-encoded`,
    );
  }
  const text = Buffer.from(header, "base64").toString();
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    throw new LambdaError(
      400,
      "InvalidRequestContentException",
      `Client context must be a valid Base64-encoded JSON object. ${messageOf(error)}`,
    );
  }
}

/** Names in X-Hearth-Sidecars, or in `custom.hearth.sidecars` of the client context. */
function sidecarsOf(
  headers: IncomingHttpHeaders,
  clientContext: string | undefined,
): readonly string[] | undefined {
  const header = headers["x-hearth-sidecars"];
  const listed = typeof header === "string" ? header : sidecarsIn(clientContext);
  if (listed === undefined) return undefined;
  const names = listed.split(",").map((name) => name.trim());
  return names.filter((name, at) => name !== "" && names.indexOf(name) === at);
}

/** Clients that cannot set a header of their own can set the client context. */
function sidecarsIn(clientContext: string | undefined): string | undefined {
  if (!clientContext?.includes('"sidecars"')) return undefined;
  const { custom } = parsedObject(clientContext) as { custom?: { hearth?: unknown } };
  const wanted = (custom?.hearth as { sidecars?: unknown } | undefined)?.sidecars;
  return Array.isArray(wanted) ? wanted.join(",") : undefined;
}

/** What AWS allows for either id of a Cognito identity. */
const COGNITO_ID: RegExp = /^[\w:-]{1,128}$/;

/**
 * JSON of X-Hearth-Cognito-Identity. On AWS a call has such an identity when it is made with keys
 * that Amazon Cognito gave; here the caller, who owns the function, says which it shall see.
 */
function cognitoIdentityOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers["x-hearth-cognito-identity"];
  if (typeof header !== "string" || header === "") return undefined;
  const { cognitoIdentityId, cognitoIdentityPoolId } = parsedObject(header);
  if (isCognitoId(cognitoIdentityId) && isCognitoId(cognitoIdentityPoolId)) {
    return JSON.stringify({ cognitoIdentityId, cognitoIdentityPoolId });
  }
  throw invalidParameter(
    "X-Hearth-Cognito-Identity must be a JSON object with cognitoIdentityId and " +
      "cognitoIdentityPoolId",
  );
}

function isCognitoId(value: unknown): value is string {
  return typeof value === "string" && COGNITO_ID.test(value);
}

function parsedObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** An event is JSON in UTF-8, or nothing at all. */
function requirePayload(payload: Buffer): void {
  if (payload.length > limits.INVOKE_PAYLOAD_BYTES_MAX) {
    throw new PlatformError(
      {
        kind: "too_large",
        what: "payload",
        limitBytes: limits.INVOKE_PAYLOAD_BYTES_MAX,
        actualBytes: payload.length,
      },
      `Payload of ${payload.length} bytes exceeds ${limits.INVOKE_PAYLOAD_BYTES_MAX}`,
    );
  }
  if (payload.length === 0) return;
  // Decoding would replace what is not UTF-8 in silence.
  if (!isUtf8(payload)) throw invalidContent("Invalid UTF-8");
  try {
    JSON.parse(payload.toString());
  } catch (error) {
    throw invalidContent(messageOf(error));
  }
}

function invalidContent(problem: string): LambdaError {
  return new LambdaError(
    400,
    "InvalidRequestContentException",
    `Could not parse request body into json: Could not parse payload into json: ${problem}`,
  );
}
