import { ResponseStream } from "../../../invoke/mod.ts";
import type { InvokeResult, ResponseHead } from "../../../model/mod.ts";
import { EVENT_STREAM_TYPE, eventEncoder } from "../../http/event-stream.ts";
import type { HttpResponse } from "../../http/request.ts";
import { invocationTypeOf, invokeRequestOf, logTail, wantsTail } from "../call-input.ts";
import { emptyResponse, type LambdaCall } from "../operation.ts";
import { type Route, route } from "../route.ts";

export const streamingRoutes: readonly Route[] = [
  route(
    "InvokeWithResponseStream",
    "POST",
    "/2021-11-15/functions/{FunctionName}/response-streaming-invocations",
    invokeWithResponseStream,
  ),
];

const payloadChunk = eventEncoder("PayloadChunk", "application/octet-stream");
const invokeComplete = eventEncoder("InvokeComplete", "application/json");

/**
 * Runs a function and answers with what it writes, as it writes it. What keeps the call from being
 * made is an error response; what fails later is told in the stream's last event, as on AWS.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
 */
async function invokeWithResponseStream(call: LambdaCall): Promise<HttpResponse> {
  const { services, request } = call;
  const wanted = invokeRequestOf(call);
  const type = invocationTypeOf(request.headers, ["DryRun", "RequestResponse"]);
  const tail = wantsTail(request.headers);
  if (type === "DryRun") {
    await services.registry.get(wanted.owner, wanted.functionName, wanted.qualifier);
    return emptyResponse(204);
  }
  const stream = new ResponseStream();
  const running = services.invoker.invoke({ ...wanted, sink: stream }).finally(() => stream.end());
  const head = await stream.begun;
  if (head === undefined) {
    const result = await running;
    const { version, report } = result;
    const headers = headersOf({ ...report, version, contentType: "application/json" });
    headers["X-Amzn-Trace-Id"] = wanted.traceId;
    return { status: 200, headers, body: wholeAnswer(result, tail) };
  }
  // A failure from here on is met where the stream ends, if somebody still reads it then.
  running.catch(() => {});
  const headers = headersOf(head);
  headers["X-Amzn-Trace-Id"] = wanted.traceId;
  return { status: 200, headers, body: eventsOf(stream, running, tail) };
}

function headersOf(head: ResponseHead): Record<string, string> {
  return {
    "Content-Type": EVENT_STREAM_TYPE,
    "X-Amz-Executed-Version": head.version.version,
    "X-Amzn-Remapped-Content-Type": head.contentType,
    "X-Hearth-Start": head.start,
    "X-Hearth-Environment": head.environmentId,
    "X-Hearth-Instance": head.instanceId,
  };
}

async function* eventsOf(
  stream: ResponseStream,
  running: Promise<InvokeResult>,
  tail: boolean,
): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield payloadChunk(chunk);
  yield completion(await running, tail);
}

/** All events of a response that was not streamed. */
function wholeAnswer(result: InvokeResult, tail: boolean): Buffer {
  const { outcome } = result;
  const end = completion(result, tail);
  if (outcome.status === "failed" || outcome.payload.length === 0) return end;
  return Buffer.concat([payloadChunk(outcome.payload), end]);
}

function completion({ outcome, report }: InvokeResult, tail: boolean): Buffer {
  const failure =
    outcome.status === "failed"
      ? { ErrorCode: outcome.functionError, ErrorDetails: outcome.payload.toString() }
      : {};
  const log = tail ? { LogResult: logTail(report.log) } : {};
  return invokeComplete(Buffer.from(JSON.stringify({ ...failure, ...log })));
}
