import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { after, test } from "node:test";
import { deploy } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";
import { createGate, createUrl, open, openToAll, send, WAIT_FOR_GATE } from "../support/urls.ts";

/** URLs with InvokeMode RESPONSE_STREAM, and clients that read slowly or go away. */

const hearth = await startHearth({ flags: { warm: "nodejs24.x=2" } });
const lambda = hearth.lambda();

after(async () => {
  lambda.destroy();
  await hearth[Symbol.asyncDispose]();
});

/** `body` sees event, stream and, where the URL's query names one, waits for its gate. */
async function streamingUrl(name: string, body: string): Promise<{ url: string; id: string }> {
  const code = `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    const gate = event.queryStringParameters?.gate;
    ${body}
  });`;
  const more = { Timeout: 60, MemorySize: 256 };
  await deploy(lambda, { name, files: { "index.js": WAIT_FOR_GATE + code }, more });
  await openToAll(lambda, name);
  return await createUrl(lambda, name, { InvokeMode: "RESPONSE_STREAM" });
}

/** The next piece of a body that is not flowing. */
async function nextPiece(response: IncomingMessage): Promise<string> {
  for (;;) {
    const piece: Buffer | null = response.read();
    if (piece !== null) return piece.toString("latin1");
    await new Promise((resolve) => response.once("readable", resolve));
  }
}

async function statusOfCall(requestId: unknown): Promise<string> {
  const { json } = await hearth.admin("GET", `/_hearth/invocations/${requestId}`);
  return (json as { status: string }).status;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

test("STREAM-1: URL: the first bytes arrive while the function still writes", async () => {
  const gate = await createGate(lambda, "url-gate");
  const { url } = await streamingUrl(
    "streams",
    `stream.setContentType("text/event-stream");
     stream.write("first");
     await waitForGate(gate);
     stream.end("second");`,
  );
  const response = await open(`${url}?gate=${gate.id}`);
  assert.deepEqual([response.statusCode, await nextPiece(response)], [200, "first"]);
  assert.equal(response.headers["content-type"], "text/event-stream");
  assert.equal(response.headers["transfer-encoding"], "chunked");
  await gate.open();
  assert.equal(await nextPiece(response), "second");
});

test("URL streaming: HttpResponseStream says status, headers and cookies", async () => {
  const { url } = await streamingUrl(
    "prelude",
    `if (event.rawPath === "/bad") {
       stream.setContentType("application/vnd.awslambda.http-integration-response");
       return stream.end("no prelude at all");
     }
     stream = awslambda.HttpResponseStream.from(stream, {
       statusCode: 203,
       headers: { "Content-Type": "text/plain", "X-Own": "yes" },
       cookies: ["a=1", "b=2"],
     });
     stream.write("body with \\0\\0\\0\\0\\0\\0\\0\\0 inside");
     stream.end();`,
  );
  const reply = await send(url);
  assert.deepEqual([reply.status, reply.text], [203, `body with ${"\0".repeat(8)} inside`]);
  assert.deepEqual([reply.headers["content-type"], reply.headers["x-own"]], ["text/plain", "yes"]);
  assert.deepEqual(reply.headers["set-cookie"], ["a=1", "b=2"]);
  const head = await send(url, { method: "HEAD" });
  assert.deepEqual([head.status, head.text, head.headers["x-own"]], [203, "", "yes"]);
  const bad = await send(`${url}bad`);
  assert.deepEqual([bad.status, bad.text], [502, "Internal Server Error"]);
});

test("STREAM-1: URL: a failure before the first byte is a 502, one later cuts the body", async () => {
  const { url } = await streamingUrl(
    "breaks",
    `if (event.rawPath === "/early") throw new Error("early");
     stream.write("half");
     throw new Error("late");`,
  );
  const early = await send(`${url}early`);
  assert.deepEqual([early.status, early.text], [502, "Internal Server Error"]);
  const response = await open(url);
  assert.equal(await nextPiece(response), "half");
  const ended = new Promise((resolve) => response.once("error", resolve).once("end", resolve));
  response.resume();
  assert.equal(((await ended) as NodeJS.ErrnoException).code, "ECONNRESET");
});

test("URL streaming: a function that does not stream is answered as it is", async () => {
  const files = { "index.js": "exports.handler = async () => ({ statusCode: 201, body: 'b' });" };
  await deploy(lambda, { name: "unstreamed", files });
  await openToAll(lambda, "unstreamed");
  const { url } = await createUrl(lambda, "unstreamed", { InvokeMode: "RESPONSE_STREAM" });
  const reply = await send(url);
  assert.deepEqual([reply.status, reply.text], [200, '{"statusCode":201,"body":"b"}']);
});

test("URL streaming: a client that leaves does not stop the function", async () => {
  const gate = await createGate(lambda, "left-gate");
  const { url } = await streamingUrl(
    "left",
    `stream.write("first");
     await waitForGate(gate);
     const piece = Buffer.alloc(1024 * 1024);
     for (let sent = 0; sent < 8; sent++) {
       if (!stream.write(piece)) await new Promise((resolve) => stream.once("drain", resolve));
     }
     stream.end();`,
  );
  const response = await open(`${url}?gate=${gate.id}`);
  const requestId = response.headers["x-amzn-requestid"];
  assert.equal(await nextPiece(response), "first");
  response.destroy();
  assert.equal(await statusOfCall(requestId), "running");
  await gate.open();
  await until(async () => (await statusOfCall(requestId)) !== "running");
  assert.equal(await statusOfCall(requestId), "succeeded");
});

test("STREAM-1: URL: a slow client holds the function back, in bounded memory", async () => {
  const { url } = await streamingUrl(
    "large",
    `const piece = Buffer.alloc(64 * 1024, 46);
     for (let sent = 0; sent < 800; sent++) {
       if (!stream.write(piece)) await new Promise((resolve) => stream.once("drain", resolve));
     }
     stream.end(String(Date.now()));`,
  );
  const before = process.memoryUsage();
  const response = await open(url);
  const requestId = response.headers["x-amzn-requestid"];
  let read = (await nextPiece(response)).length;
  // Nothing is read now: sooner or later every buffer on the way is full and nothing moves.
  const { socket } = response;
  let [moved, still] = [-1, 0];
  await until(async () => {
    assert.equal(await statusOfCall(requestId), "running");
    still = socket.bytesRead === moved ? still + 1 : 0;
    moved = socket.bytesRead;
    return still === 30;
  });
  const held = process.memoryUsage();
  const grownMiB = (held.arrayBuffers - before.arrayBuffers) / 1024 / 1024;
  assert.ok(grownMiB < 16, `${grownMiB} MiB of 50 are held`);
  const resumedAt = Date.now();
  let tail = "";
  for await (const piece of response) {
    read += piece.length;
    tail = (tail + piece.toString("latin1")).slice(-13);
  }
  assert.equal(read, 800 * 64 * 1024 + 13);
  assert.ok(Number(tail) >= resumedAt, "the function wrote its last byte after that");
});
