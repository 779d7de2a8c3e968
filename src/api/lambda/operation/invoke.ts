import type { InvokeResult } from "../../../model/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { invocationTypeOf, invokeRequestOf, logTail, wantsTail } from "../call-input.ts";
import { emptyResponse, type LambdaCall } from "../operation.ts";
import { invokeDurable } from "./durable-invoke.ts";
import { enqueueEvent } from "./event-invoke.ts";

/**
 * Runs a function and answers with what it returned, byte for byte.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export async function invoke(call: LambdaCall): Promise<HttpResponse> {
  const { services, request } = call;
  const type = invocationTypeOf(request.headers, ["Event", "RequestResponse", "DryRun"]);
  const wanted = invokeRequestOf(call);
  const tail = wantsTail(request.headers);
  if (type === "DryRun") {
    await services.registry.get(wanted.owner, wanted.functionName, wanted.qualifier);
    return emptyResponse(204);
  }
  const durable = await invokeDurable(call, wanted, type);
  if (durable) return durable;
  if (type === "Event") return enqueueEvent(call);
  const result = await services.invoker.invoke(wanted);
  const headers = headersOf(result, wanted.traceId, tail);
  return { status: 200, headers, body: result.outcome.payload };
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
  if (tail) headers["X-Amz-Log-Result"] = logTail(report.log);
  return headers;
}
