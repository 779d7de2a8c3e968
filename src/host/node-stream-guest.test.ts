import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { deferred } from "../base/mod.ts";
import type { RuntimeName } from "../model/mod.ts";
import type { ByteSink } from "./streamed-response.ts";
import { imageOrSkip, payloadOf, type RunningFunction, runFunction } from "./testsuite-guest.ts";

/** Streamed responses of Node functions, from user code to the host's sink. */

const RUNTIMES: readonly RuntimeName[] = ["nodejs22.x", "nodejs24.x", "nodejs26.x"];

/** Runs `body` on each runtime with a function whose streaming handler has the given body. */
function onEach(
  behaviour: string,
  handler: string,
  body: (running: RunningFunction) => Promise<void>,
): void {
  for (const runtime of RUNTIMES) {
    test(`${runtime}: ${behaviour}`, async (t: TestContext) => {
      const image = await imageOrSkip(t, runtime);
      if (!image) return;
      const code = `exports.handler = awslambda.streamifyResponse(async (event, stream, context) => { ${handler} });`;
      await body(await runFunction(t, image, { files: { "index.js": code } }));
    });
  }
}

/** Takes everything, or waits each time until `open` resolves. */
class TestSink implements ByteSink {
  contentType: string | undefined;
  readonly chunks: Buffer[] = [];
  open: Promise<void> | undefined;
  onWrite: (all: string) => void = () => {};

  begin(contentType: string): void {
    this.contentType = contentType;
  }
  write(chunk: Buffer): Promise<void> | undefined {
    this.chunks.push(Buffer.from(chunk));
    this.onWrite(this.text);
    return this.open;
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }
}

onEach(
  "STREAM-1 what a handler writes reaches the sink while the handler goes on",
  `stream.setContentType("text/plain"); stream.write("first");
   while (!require("node:fs").existsSync(event.gate)) await new Promise((next) => setTimeout(next, 1));
   stream.write({ json: 1 }); stream.end("last");`,
  async ({ call, guest }) => {
    const sink = new TestSink();
    const first = deferred<void>();
    sink.onWrite = () => first.resolve();
    const gate = join(guest.directory, "gate");
    const calling = call({ gate }, { sink });
    await first.promise;
    assert.equal(sink.text, "first");
    assert.equal(sink.contentType, "text/plain");
    await writeFile(gate, "");
    const outcome = await calling;
    assert.deepEqual([outcome.status, outcome.payload.length], ["succeeded", 0]);
    assert.equal(sink.text, 'first{"json":1}last');
  },
);

onEach(
  "a streamed response is collected for a caller who wants it whole",
  `stream.end(JSON.stringify({ got: event.n, remaining: context.getRemainingTimeInMillis() > 0 }));`,
  async ({ call }) => {
    const outcome = await call({ n: 3 });
    assert.deepEqual(payloadOf(outcome), { got: 3, remaining: true });
    assert.deepEqual(payloadOf(await call({ n: 4 })), { got: 4, remaining: true });
  },
);

onEach(
  "HttpResponseStream puts the prelude and eight NULs before the body",
  `const http = awslambda.HttpResponseStream.from(stream, { statusCode: 201, cookies: ["a=b"] });
   http.write("body"); http.end();`,
  async ({ call }) => {
    const sink = new TestSink();
    await call({}, { sink });
    assert.equal(sink.contentType, "application/vnd.awslambda.http-integration-response");
    assert.equal(sink.text, '{"statusCode":201,"cookies":["a=b"]}\0\0\0\0\0\0\0\0body');
  },
);

onEach(
  "STREAM-1 a function is held back by whoever does not read",
  `let written = 0;
   const chunk = Buffer.alloc(16 * 1024, "x");
   for (let i = 0; i < 256; i++) {
     if (!stream.write(chunk)) await new Promise((resolve) => stream.once("drain", resolve));
     written += chunk.length;
   }
   stream.end();`,
  async ({ call }) => {
    const sink = new TestSink();
    const opened = deferred<void>();
    sink.open = opened.promise;
    const windowFull = deferred<void>();
    sink.onWrite = () => sink.bytes >= 256 * 1024 && windowFull.resolve();
    const calling = call({}, { sink });
    await windowFull.promise;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sink.bytes, 256 * 1024);
    sink.open = undefined;
    opened.resolve();
    assert.equal((await calling).status, "succeeded");
    assert.equal(sink.bytes, 256 * 16 * 1024);
  },
);

onEach(
  "STREAM-1 a failure in mid-stream follows what was written; the next call is well",
  `stream.write("part"); if (event.bad) throw new TypeError("broken"); stream.end();`,
  async ({ call }) => {
    const sink = new TestSink();
    const outcome = await call({ bad: true }, { sink });
    assert.equal(sink.text, "part");
    assert.equal(outcome.status, "failed");
    const { errorType, errorMessage } = payloadOf(outcome) as Record<string, unknown>;
    assert.deepEqual([errorType, errorMessage], ["TypeError", "broken"]);
    const next = new TestSink();
    assert.equal((await call({}, { sink: next })).status, "succeeded");
    assert.equal(next.text, "part");
  },
);

onEach(
  "a handler that never ends its stream fails as one that never settles",
  `stream.write("part");`,
  async ({ call }) => {
    const outcome = await call({}, { sink: new TestSink() });
    assert.equal((payloadOf(outcome) as { errorType: string }).errorType, "Runtime.NodeJsExit");
  },
);

onEach(
  "a stream longer than a buffered response may be is too large for a caller who wants it whole",
  `stream.end(Buffer.alloc(7 * 1024 * 1024, "x"));`,
  async ({ call }) => {
    const outcome = await call({});
    const { errorType } = payloadOf(outcome) as { errorType: string };
    assert.equal(errorType, "Function.ResponseSizeTooLarge");
  },
);
