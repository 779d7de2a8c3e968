import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "../base/mod.ts";
import type { Outcome } from "../model/mod.ts";
import { openRuntimeApi, type RuntimeApi } from "./runtime-api.ts";
import { SandboxApi } from "./sandbox-api.ts";
import { imageOrSkip, initialiseRequest, runtimeCall, startGuest } from "./testsuite-guest.ts";

/** Custom runtimes that stream, and others that do it wrongly on purpose. */

interface Running {
  readonly api: RuntimeApi;
  readonly port: number;
}

/** An initialised runtime that tests play over HTTP. */
async function start(t: TestContext): Promise<Running> {
  const image = await imageOrSkip(t, "provided.al2023");
  assert.ok(image, "Perl is part of every Debian and Ubuntu");
  const files = { bootstrap: "#!/bin/sh\nexec sleep 60\n" };
  const guest = await startGuest(t, image, files);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sandboxApi = new SandboxApi(server);
  t.after(() => sandboxApi.close());
  const options = { launcher: guest.socket, api: sandboxApi, clock: systemClock };
  const api = await openRuntimeApi({ ...options, exited: guest.exited });
  t.after(() => api.close());
  const environment = { _HANDLER: "function.handler", LAMBDA_TASK_ROOT: guest.taskRoot };
  void api.initialise(initialiseRequest(guest.image, { environment }));
  return { api, port };
}

/** A call with somewhere to stream to, handed out to the runtime. */
async function handedOut({ api, port }: Running, requestId: string) {
  const written: string[] = [];
  const types: string[] = [];
  const sink = {
    begin: (type: string) => void types.push(type),
    write: (chunk: Buffer) => void written.push(chunk.toString()),
  };
  const outcome: Promise<Outcome> = api.invoke({ ...runtimeCall({}), requestId, sink });
  const answer = await answerOf(post(port, "invocation/next", "GET"));
  assert.equal(answer.status, 200);
  return { outcome, written, types };
}

function post(
  port: number,
  path: string,
  method = "POST",
  headers: Record<string, string> = {},
): ClientRequest {
  const options = { port, method, headers, agent: false };
  const request = httpRequest({ ...options, path: `/2018-06-01/runtime/${path}` });
  request.on("error", () => {});
  if (method === "GET") request.end();
  return request;
}

/** A streamed response with its first bytes on the way. */
function streaming(port: number, id: string, headers: Record<string, string> = {}): ClientRequest {
  const request = post(port, `invocation/${id}/response`, "POST", {
    ...{ "Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": "text/plain" },
    ...headers,
  });
  request.write("first ");
  return request;
}

async function answerOf(request: ClientRequest): Promise<{ status: number; text: string }> {
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, text };
}

function answered(port: number, path: string, body: string) {
  const request = post(port, path);
  request.end(body);
  return answerOf(request);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("RuntimeApi: a response is handed on as it comes", async (t) => {
  const running = await start(t);
  const { outcome, written, types } = await handedOut(running, "a");
  const request = streaming(running.port, "a");
  await until(() => written.length === 1);
  request.end("last");
  assert.equal((await answerOf(request)).status, 202);
  assert.equal((await outcome).status, "succeeded");
  assert.deepEqual([types, written], [["text/plain"], ["first ", "last"]]);
});

test("RuntimeApi: a second response while one is streamed is refused, the first goes on", async (t) => {
  const running = await start(t);
  const { outcome, written } = await handedOut(running, "a");
  const request = streaming(running.port, "a");
  await until(() => written.length === 1);
  const second = await answered(running.port, "invocation/a/response", "second");
  assert.equal(second.status, 403);
  assert.match(second.text, /InvalidStateTransition/);
  request.end("last");
  assert.equal((await answerOf(request)).status, 202);
  assert.deepEqual(await outcome, { status: "succeeded", payload: Buffer.alloc(0) });
  assert.deepEqual(written, ["first ", "last"]);
});

test("RuntimeApi: an error ends a streamed response, and nothing more of it is taken", async (t) => {
  const running = await start(t);
  const { outcome, written } = await handedOut(running, "a");
  const request = streaming(running.port, "a");
  await until(() => written.length === 1);
  const error = await answered(running.port, "invocation/a/error", '{"errorType":"Mid"}');
  assert.equal(error.status, 202);
  const failed = await outcome;
  assert.equal(failed.status === "failed" && failed.errorType, "Mid");
  request.write("more");
  assert.equal((await answerOf(request)).status, 403);
  request.destroy();
  assert.deepEqual(written, ["first "]);
});

test("RuntimeApi: a stream left over from one call does not end the next", async (t) => {
  const running = await start(t);
  const first = await handedOut(running, "a");
  const request = streaming(running.port, "a");
  await until(() => first.written.length === 1);
  await answered(running.port, "invocation/a/error", "{}");
  await first.outcome;
  const second = await handedOut(running, "b");
  const closed = new Promise((resolve) => request.once("close", resolve));
  request.destroy();
  await closed;
  // The server has seen the end of the old stream before it answers this.
  assert.equal((await answered(running.port, "invocation/a/response", "")).status, 400);
  await answered(running.port, "invocation/b/response", '"mine"');
  assert.deepEqual(await second.outcome, { status: "succeeded", payload: Buffer.from('"mine"') });
});

test("RuntimeApi: a content type that no header can have is not passed on", async (t) => {
  const running = await start(t);
  for (const [id, type] of [
    ["a", "é".repeat(10)],
    ["b", "x".repeat(9000)],
  ] as const) {
    const { outcome, types } = await handedOut(running, id);
    streaming(running.port, id, { "Content-Type": type }).end();
    await outcome;
    assert.deepEqual(types, ["application/octet-stream"]);
  }
});
