import {
  type Clock,
  type Log,
  messageOf,
  PlatformError,
  type SecureRandom,
} from "../../base/mod.ts";
import { type Invoker, ResponseStream } from "../../invoke/mod.ts";
import type { InvokeRequest, InvokeResult } from "../../model/mod.ts";
import type { UrlFigures } from "../../monitoring/mod.ts";
import type { FunctionUrl, PolicyRegistry, UrlRegistry } from "../../registry/mod.ts";
import type { HttpResponse, OpenHandler, OpenRequest } from "../http/request.ts";
import { traceIdOf } from "../lambda/call-input.ts";
import { admitRequest } from "./access.ts";
import { type UrlTarget, urlTargetOf } from "./address.ts";
import { preflightResponse, withCors } from "./cors.ts";
import { eventOf } from "./event.ts";
import { badGatewayResponse, failureResponse, unknownUrlResponse } from "./failure.ts";
import { httpResponseOf } from "./function-response.ts";
import { PRELUDE_TYPE, readPrelude } from "./prelude.ts";

export interface UrlApiOptions {
  readonly urls: Pick<UrlRegistry, "find">;
  readonly policies: PolicyRegistry;
  readonly invoker: Invoker;
  readonly region: string;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  /** Counts requests for their functions; monitoring's FunctionMetrics does. */
  readonly metrics?: { recordUrl(request: UrlFigures): void };
}

/** Serves function URLs: plain HTTP in, a call of the function, what it says as HTTP out. */
export function createUrlApi(options: UrlApiOptions): OpenHandler {
  return {
    claims: (host, path) => urlTargetOf(host, path) !== undefined,
    handle: (request) => handle(options, request),
    failure: failureResponse,
  };
}

async function handle(options: UrlApiOptions, request: OpenRequest): Promise<HttpResponse> {
  if ((request.repeated?.host?.length ?? 0) > 1) throw ambiguousHost();
  const target = urlTargetOf(request.headers.host, request.path);
  const url = target && (await findUrl(options, target));
  if (target === undefined || url === undefined) return unknownUrlResponse();
  const response =
    preflightResponse(request, url.cors) ?? (await answer(options, url, target, request));
  count(options, url, request, response.status);
  return withCors(response, request, url.cors);
}

function count(
  { metrics, clock }: UrlApiOptions,
  { owner, functionName, qualifier }: FunctionUrl,
  { receivedAt }: OpenRequest,
  status: number,
): void {
  metrics?.recordUrl({
    ...{ owner, functionName, status },
    ...(qualifier === undefined ? {} : { qualifier }),
    latencyMs: clock.monotonic() - receivedAt,
    atMs: clock.now(),
  });
}

async function findUrl(
  { urls, region }: UrlApiOptions,
  target: UrlTarget,
): Promise<FunctionUrl | undefined> {
  if (target.region !== undefined && target.region !== region) return undefined;
  return /^[a-z0-9]{32}$/.test(target.id) ? await urls.find(target.id) : undefined;
}

/** Failures become responses here, so that they too carry what browsers need to see them. */
async function answer(
  options: UrlApiOptions,
  url: FunctionUrl,
  target: UrlTarget,
  request: OpenRequest,
): Promise<HttpResponse> {
  try {
    return await call(options, url, target, request);
  } catch (error) {
    const { requestId } = request;
    const fields = { requestId, functionArn: url.functionArn, reason: messageOf(error) };
    const response = failureResponse(error);
    if (response.status === 500) options.log.error("url.request_failed", fields);
    else options.log.debug("url.request_refused", { ...fields, status: response.status });
    return response;
  }
}

async function call(
  options: UrlApiOptions,
  url: FunctionUrl,
  target: UrlTarget,
  request: OpenRequest,
): Promise<HttpResponse> {
  request.countFor(url.owner);
  const admitted = await admitRequest(options.policies, url, target, request);
  const { region, clock, invoker } = options;
  const traceId = traceIdOf(options, request.headers["x-amzn-trace-id"]);
  const wanted: InvokeRequest = {
    requestId: request.requestId,
    owner: url.owner,
    functionName: url.functionName,
    ...(url.qualifier === undefined ? {} : { qualifier: url.qualifier }),
    payload: eventOf({ url, request, ...admitted, traceId, region, nowMs: clock.now() }),
    traceId,
    receivedAt: request.receivedAt,
  };
  const response =
    url.invokeMode === "RESPONSE_STREAM"
      ? await streamedResponse(invoker, wanted, request.method === "HEAD")
      : await bufferedResponse(invoker, wanted);
  return { ...response, headers: { ...response.headers, "x-amzn-trace-id": traceId } };
}

async function bufferedResponse(invoker: Invoker, wanted: InvokeRequest): Promise<HttpResponse> {
  const { outcome } = await invoker.invoke(wanted);
  if (outcome.status === "failed") return badGatewayResponse();
  return httpResponseOf(outcome.payload) ?? badGatewayResponse();
}

async function streamedResponse(
  invoker: Invoker,
  wanted: InvokeRequest,
  isHead: boolean,
): Promise<HttpResponse> {
  const stream = new ResponseStream();
  const running = invoker.invoke({ ...wanted, sink: stream }).finally(() => stream.end());
  const head = await stream.begun;
  if (head === undefined) {
    const { outcome } = await running;
    if (outcome.status === "failed") return badGatewayResponse();
    const headers = { "content-type": "application/json" };
    return { status: 200, headers, body: outcome.payload };
  }
  // A failure from here on is met where the stream ends, if somebody still reads it then.
  running.catch(() => {});
  const chunks = stream[Symbol.asyncIterator]();
  const start =
    head.contentType === PRELUDE_TYPE
      ? await readPrelude(chunks)
      : {
          prelude: { status: 200, headers: { "content-type": head.contentType }, cookies: [] },
          rest: Buffer.alloc(0),
        };
  if (start === undefined || isHead) stream.abandon();
  if (start === undefined) return badGatewayResponse();
  return { ...start.prelude, body: isHead ? "" : bodyOf(start.rest, chunks, running) };
}

/** @throws PlatformError kind "unavailable" when the function fails in mid-stream */
async function* bodyOf(
  first: Buffer,
  chunks: AsyncGenerator<Buffer, void>,
  running: Promise<InvokeResult>,
): AsyncGenerator<Buffer> {
  try {
    if (first.length > 0) yield first;
    for await (const chunk of chunks) yield chunk;
  } finally {
    await chunks.return();
  }
  const { outcome } = await running;
  if (outcome.status === "succeeded") return;
  throw new PlatformError(
    { kind: "unavailable", what: "response" },
    `The function failed in mid-stream: ${outcome.errorType}`,
  );
}

function ambiguousHost(): PlatformError {
  return new PlatformError({ kind: "invalid", field: "host" }, "Header host must come once");
}
