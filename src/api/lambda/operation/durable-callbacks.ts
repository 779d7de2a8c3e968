import { isUtf8 } from "node:buffer";
import { isPlatformError, PlatformError } from "../../../base/mod.ts";
import { limits } from "../../../model/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { errorBody, errorOf } from "../durable-bodies.ts";
import { callbackIdOf } from "../durable-names.ts";
import { invalidParameter, LambdaError } from "../errors.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { type Route, route } from "../route.ts";

const CALLBACK = "/2025-12-01/durable-execution-callbacks/{CallbackId}";

/** What an outside system calls to let an execution go on. */
export const callbackRoutes: readonly Route[] = [
  route("SendDurableExecutionCallbackSuccess", "POST", `${CALLBACK}/succeed`, succeed),
  route("SendDurableExecutionCallbackFailure", "POST", `${CALLBACK}/fail`, fail),
  route("SendDurableExecutionCallbackHeartbeat", "POST", `${CALLBACK}/heartbeat`, heartbeat),
];

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_SendDurableExecutionCallbackSuccess.html */
function succeed(call: LambdaCall): Promise<HttpResponse> {
  const id = callbackIdOf(call);
  const { body, identity } = call.request;
  requireSize(body);
  if (!isUtf8(body)) throw invalidParameter("Result must be text in UTF-8");
  const result = body.length === 0 ? {} : { result: body.toString() };
  return answered(id, () =>
    call.services.durable.completeCallback(identity.owner, id, { status: "SUCCEEDED", ...result }),
  );
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_SendDurableExecutionCallbackFailure.html */
function fail(call: LambdaCall): Promise<HttpResponse> {
  const id = callbackIdOf(call);
  const { body, identity } = call.request;
  requireSize(body);
  const error = errorOf(errorBody.parse(body));
  return answered(id, () =>
    call.services.durable.completeCallback(identity.owner, id, { status: "FAILED", error }),
  );
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_SendDurableExecutionCallbackHeartbeat.html */
function heartbeat(call: LambdaCall): Promise<HttpResponse> {
  const id = callbackIdOf(call);
  return answered(id, () => call.services.durable.heartbeat(call.request.identity.owner, id));
}

function requireSize(body: Buffer): void {
  const limitBytes = limits.DURABLE_PAYLOAD_BYTES_MAX;
  if (body.length <= limitBytes) return;
  throw new PlatformError(
    { kind: "too_large", what: "callback", limitBytes, actualBytes: body.length },
    `Callback payload of ${body.length} bytes exceeds ${limitBytes}`,
  );
}

async function answered(id: string, run: () => Promise<void>): Promise<HttpResponse> {
  try {
    await run();
    return jsonResponse(200, {});
  } catch (error) {
    if (isPlatformError(error, "conflict")) {
      throw new LambdaError(400, "CallbackTimeoutException", error.message);
    }
    if (!isPlatformError(error, "not_found")) throw error;
    throw new LambdaError(404, "ResourceNotFoundException", `Callback not found: ${id}`);
  }
}
