import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import { messageOf, PlatformError } from "../../../base/mod.ts";
import { type InvokeRequest, type InvokeResult, limits } from "../../../model/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { invalidParameter, LambdaError, validationError } from "../errors.ts";
import { namedByRequest } from "../names.ts";
import { emptyResponse, type LambdaCall } from "../operation.ts";
import { violation } from "../validation.ts";

/**
 * Runs a function and answers with what it returned, byte for byte.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export async function invoke(call: LambdaCall): Promise<HttpResponse> {
  const { services, request } = call;
  const { headers, body } = request;
  const { owner, name, qualifier } = namedByRequest(call);
  const type = invocationTypeOf(headers);
  const tail = wantsTail(headers);
  const clientContext = clientContextOf(headers);
  requirePayload(body);
  if (type === "DryRun") {
    await services.registry.get(owner, name, qualifier);
    return emptyResponse(204);
  }
  const traceId = traceIdOf(call);
  const result = await services.invoker.invoke({
    requestId: request.requestId,
    owner,
    functionName: name,
    payload: body,
    traceId,
    receivedAt: request.receivedAt,
    ...(qualifier === undefined ? {} : { qualifier }),
    ...(clientContext === undefined ? {} : { clientContext }),
  } satisfies InvokeRequest);
  return { status: 200, headers: headersOf(result, traceId, tail), body: result.outcome.payload };
}

function headersOf(result: InvokeResult, traceId: string, tail: boolean): Record<string, string> {
  const { version, outcome, report } = result;
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    "X-Amz-Executed-Version": version.version,
    "X-Amzn-Trace-Id": traceId,
    "X-Hearth-Start": report.start,
    "X-Hearth-Environment": report.environmentId,
    "X-Hearth-Instance": report.instanceId,
  };
  if (outcome.status === "failed") headers["X-Amz-Function-Error"] = outcome.functionError;
  if (tail) {
    const last = report.log.subarray(-limits.LOG_TAIL_BYTES_MAX);
    headers["X-Amz-Log-Result"] = last.toString("base64");
  }
  return headers;
}

function invocationTypeOf(headers: IncomingHttpHeaders): "RequestResponse" | "DryRun" {
  const type = headers["x-amz-invocation-type"] ?? "RequestResponse";
  if (type === "RequestResponse" || type === "DryRun") return type;
  if (type === "Event") {
    throw invalidParameter(
      "Asynchronous invocation (InvocationType Event) is not offered by this version of Hearth",
    );
  }
  const constraint = "Member must satisfy enum value set: [Event, RequestResponse, DryRun]";
  throw validationError([violation(type, "invocationType", constraint)]);
}

function wantsTail(headers: IncomingHttpHeaders): boolean {
  const type = headers["x-amz-log-type"] ?? "None";
  if (type === "None" || type === "Tail") return type === "Tail";
  const constraint = "Member must satisfy enum value set: [None, Tail]";
  throw validationError([violation(type, "logType", constraint)]);
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

/** The caller's trace, or a new one that nobody samples. */
function traceIdOf({ services, request }: LambdaCall): string {
  const given = request.headers["x-amzn-trace-id"];
  if (typeof given === "string" && given !== "") return given;
  const seconds = Math.floor(services.clock.now() / 1000)
    .toString(16)
    .padStart(8, "0");
  const root = `Root=1-${seconds}-${services.random.hex(12)}`;
  return `${root};Parent=${services.random.hex(8)};Sampled=0`;
}
