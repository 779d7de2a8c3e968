import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { build } from "esbuild";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";

let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth({ flags: { warm: "nodejs24.x=2,python3.11=1,provided.al2023=1" } });
  lambda = hearth.lambda();
});
after(() => hearth[Symbol.asyncDispose]());

const PYTHON = { runtime: "python3.11", handler: "app.handler" } as const;

test("CALL-1: a Node function gets its event and context and answers", async () => {
  await deploy(lambda, {
    name: "node-echo",
    files: handlerFile(
      "return { event, name: context.functionName, id: context.awsRequestId, memory: context.memoryLimitInMB };",
    ),
  });
  const { value, status, functionError, requestId } = await call(lambda, "node-echo", { a: 1 });
  assert.equal(status, 200);
  assert.equal(functionError, undefined);
  assert.deepEqual(value, { event: { a: 1 }, name: "node-echo", id: requestId, memory: "128" });
});

test("CALL-1: a TypeScript function runs as it is", async () => {
  await deploy(lambda, {
    name: "typescript",
    files: {
      "index.ts":
        "export const handler = async (event: { n: number }): Promise<number> => event.n * 2;",
      "package.json": '{"type":"module"}',
    },
  });
  assert.equal((await call(lambda, "typescript", { n: 21 })).value, 42);
});

test("CALL-1: a Python function gets its event and context and answers", async () => {
  await deploy(lambda, {
    ...PYTHON,
    name: "python-echo",
    files: {
      "app.py":
        "def handler(event, context):\n  return {'event': event, 'name': context.function_name, 'id': context.aws_request_id}\n",
    },
  });
  const { value, requestId } = await call(lambda, "python-echo", { a: [1, "ü"] });
  assert.deepEqual(value, { event: { a: [1, "ü"] }, name: "python-echo", id: requestId });
});

test("CALL-1: a custom runtime speaks the Runtime API", async () => {
  await deploy(lambda, {
    name: "custom",
    runtime: "provided.al2023",
    handler: "function.handler",
    files: {
      "bootstrap*": `#!/bin/sh
set -eu
while true; do
  headers="$(mktemp)"
  event=$(curl -sS -LD "$headers" "http://\${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS "http://\${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$id/response" -d "{\\"echo\\":$event}" > /dev/null
done
`,
    },
  });
  assert.deepEqual((await call(lambda, "custom", { a: 1 })).value, { echo: { a: 1 } });
  const again = await call(lambda, "custom", { a: 2 });
  assert.deepEqual(again.value, { echo: { a: 2 } });
  assert.equal(again.headers["x-hearth-start"], "warm");
});

for (const failing of [
  {
    what: "an exception",
    files: handlerFile("throw new TypeError('no good');"),
    errorType: "TypeError",
    message: /^no good$/,
  },
  {
    what: "a missing handler",
    files: { "index.js": "exports.other = 1;" },
    errorType: "Runtime.HandlerNotFound",
    message: /index\.handler is undefined or not exported/,
  },
  {
    what: "a missing module",
    files: { "other.js": "" },
    errorType: "Runtime.ImportModuleError",
    message: /Cannot find module 'index'/,
  },
  {
    what: "a syntax error",
    files: { "index.js": "exports.handler = async () => {" },
    errorType: "Runtime.UserCodeSyntaxError",
    message: /SyntaxError/,
  },
  {
    what: "an exit",
    files: handlerFile("process.exit(7);"),
    errorType: "Runtime.ExitError",
    message: /Runtime exited with error: exit status 7/,
  },
  {
    what: "a signal",
    files: handlerFile("process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {});"),
    errorType: "Runtime.ExitError",
    message: /Runtime exited with error: signal: segmentation fault/,
  },
  {
    what: "too much memory",
    files: handlerFile("const kept = []; while (true) kept.push(Buffer.alloc(1 << 20, 1));"),
    errorType: "Runtime.OutOfMemory",
    message: /signal: killed/,
    more: { Timeout: 20 },
  },
]) {
  test(`CALL-2: ${failing.what} in Node gives ${failing.errorType}`, async () => {
    const name = `failing-${failing.errorType.replaceAll(".", "-")}-${failing.what.length}`;
    await deploy(lambda, {
      name,
      files: failing.files,
      ...(failing.more ? { more: failing.more } : {}),
    });
    const { status, functionError, value, log } = await call(lambda, name);
    assert.equal(status, 200);
    assert.equal(functionError, "Unhandled");
    assert.equal(value.errorType, failing.errorType);
    assert.match(value.errorMessage, failing.message);
    assert.match(log, /REPORT RequestId/);
    const again = await call(lambda, name);
    assert.equal(again.value.errorType, failing.errorType, "the next call fares alike");
  });
}

for (const failing of [
  {
    what: "exception",
    code: "def handler(event, context):\n  raise KeyError('k')\n",
    errorType: "KeyError",
  },
  { what: "import", code: "import nothing_of_the_kind\n", errorType: "Runtime.ImportModuleError" },
  { what: "missing", code: "x = 1\n", errorType: "Runtime.HandlerNotFound" },
  { what: "syntax", code: "def handler(:\n", errorType: "Runtime.UserCodeSyntaxError" },
  {
    what: "exit",
    code: "import os\ndef handler(event, context):\n  os._exit(3)\n",
    errorType: "Runtime.ExitError",
  },
]) {
  test(`CALL-2: ${failing.what} in Python gives ${failing.errorType}`, async () => {
    const name = `python-${failing.what}`;
    await deploy(lambda, { ...PYTHON, name, files: { "app.py": failing.code } });
    const { functionError, value } = await call(lambda, name);
    assert.equal(functionError, "Unhandled");
    assert.equal(value.errorType, failing.errorType);
  });
}

test("CALL-3: a call beyond its time is killed, an endless synchronous loop included", async () => {
  await deploy(lambda, {
    name: "endless",
    files: handlerFile("while (true) {}"),
    more: { Timeout: 1 },
  });
  const { functionError, value, log, headers } = await call(lambda, "endless");
  assert.equal(functionError, "Unhandled");
  assert.match(value.errorMessage, /Task timed out after 1\.00 seconds/);
  assert.match(log, /Task timed out after 1\.00 seconds/);
  const next = await call(lambda, "endless");
  assert.notEqual(next.headers["x-hearth-environment"], headers["x-hearth-environment"]);
});

test("CALL-4: six megabytes go in and out, a byte more is refused", async () => {
  await deploy(lambda, {
    name: "big",
    files: handlerFile("return event.size ? 'x'.repeat(event.size) : event.text.length;"),
    more: { MemorySize: 512 },
  });
  const fitting = 6 * 1024 * 1024 - JSON.stringify({ text: "" }).length;
  assert.equal((await call(lambda, "big", { text: "x".repeat(fitting) })).value, fitting);
  await assert.rejects(call(lambda, "big", { text: "x".repeat(fitting + 1) }), {
    name: "RequestTooLargeException",
  });
  const size = 6 * 1024 * 1024 - 2;
  assert.equal((await call(lambda, "big", { size })).value.length, size);
  const { value } = await call(lambda, "big", { size: size + 200 });
  assert.equal(value.errorType, "Function.ResponseSizeTooLarge");
});

test("CALL-5: the tail has START, what was logged, END and REPORT, at most 4 KB", async () => {
  await deploy(lambda, {
    name: "chatty",
    files: handlerFile("for (let i = 0; i < event.lines; i++) console.log('line ' + i); return 1;"),
  });
  const { log, requestId } = await call(lambda, "chatty", { lines: 2 });
  assert.match(log, new RegExp(`^START RequestId: ${requestId} Version: \\$LATEST\\n`));
  assert.match(log, new RegExp(`\\t${requestId}\\tINFO\\tline 0\\n.*\\tline 1\\nEND`));
  assert.match(log, /Init Duration/);
  const long = await call(lambda, "chatty", { lines: 1000 });
  assert.ok(Buffer.byteLength(long.log) <= 4096);
  assert.match(long.log, /line 999\n/);
  assert.doesNotMatch(long.log, /Init Duration/);
});

test("CALL-6: every answer says how it started, and the decision record agrees", async () => {
  await deploy(lambda, { name: "told", files: handlerFile("return 1;") });
  const first = await call(lambda, "told");
  const second = await call(lambda, "told");
  assert.match(first.headers["x-hearth-start"] ?? "", /^(pool|instance|cold)$/);
  assert.equal(second.headers["x-hearth-start"], "warm");
  assert.equal(second.headers["x-hearth-environment"], first.headers["x-hearth-environment"]);
  const record = await hearth.admin("GET", `/_hearth/invocations/${second.requestId}`);
  assert.equal(record.status, 200);
  const { decisions, status } = record.json as {
    status: string;
    decisions: Array<{ step: string; choice: string }>;
  };
  assert.equal(status, "succeeded");
  assert.deepEqual(
    decisions.map(({ step }) => step),
    ["resolve", "admit", "acquire", "run"],
  );
  assert.equal(decisions[2]?.choice, "warm");
});

test("CALL-7: initialisation that never ends is tried again inside the call's time", async () => {
  await deploy(lambda, {
    name: "slow-init",
    files: {
      "index.js": "await new Promise(() => setInterval(() => {}, 1000));",
      "package.json": '{"type":"module"}',
    },
    more: { Timeout: 1 },
  });
  const { value } = await call(lambda, "slow-init");
  assert.match(value.errorMessage, /Task timed out after 1\.00 seconds/);
});

test("CALL-8: a function calls Hearth, and nothing else of this machine, from inside", async () => {
  await deploy(lambda, {
    name: "inside",
    files: handlerFile(`
      const url = process.env.AWS_ENDPOINT_URL;
      const health = await fetch(url + '/health').then((r) => r.status);
      const unsigned = await fetch(url + '/2015-03-31/functions/').then((r) => r.status);
      const metrics = await fetch(url + '/metrics').then((r) => r.status);
      const { AWS_ACCESS_KEY_ID: key, AWS_SESSION_TOKEN, AWS_REGION: region } = process.env;
      return { health, unsigned, metrics, key, token: !!AWS_SESSION_TOKEN, region };
    `),
  });
  const { value } = await call(lambda, "inside");
  assert.equal(value.health, 200);
  assert.equal(value.unsigned, 403);
  assert.equal(value.metrics, 403);
  assert.match(value.key, /^ASIA/);
  assert.equal(value.token, true);
  assert.equal(value.region, "us-east-1");
});

test("CALL-8: an SDK client inside a function calls its owner's other functions", async () => {
  await deploy(lambda, { name: "callee", files: handlerFile("return event.n + 1;") });
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
        const lambda = new LambdaClient({});
        export const handler = async (event) => {
          const Payload = JSON.stringify(event);
          const answer = await lambda.send(new InvokeCommand({ FunctionName: "callee", Payload }));
          return JSON.parse(Buffer.from(answer.Payload).toString());
        };`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: "node",
    format: "cjs",
    write: false,
  });
  await deploy(lambda, { name: "caller", files: { "index.js": outputFiles[0]?.text ?? "" } });
  assert.equal((await call(lambda, "caller", { n: 41 })).value, 42);
});
