import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  InvalidRequestContentException,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCommandInput,
  type InvokeWithResponseStreamCompleteEvent,
  ResourceNotFoundException,
} from "@aws-sdk/client-lambda";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";
import { createGate, WAIT_FOR_GATE } from "../support/urls.ts";

/** InvokeWithResponseStream through the AWS SDK for JavaScript, unchanged, on a live server. */

const hearth = await startHearth();
const lambda = hearth.lambda();

after(async () => {
  lambda.destroy();
  await hearth[Symbol.asyncDispose]();
});

interface Streamed {
  readonly text: string;
  readonly bytes: number;
  readonly end: InvokeWithResponseStreamCompleteEvent;
}

type StreamInput = Omit<InvokeWithResponseStreamCommandInput, "Payload"> & { event?: unknown };

async function* chunksOf({
  event = {},
  ...input
}: StreamInput): AsyncGenerator<string, InvokeWithResponseStreamCompleteEvent> {
  const Payload = Buffer.from(JSON.stringify(event));
  const answer = await lambda.send(new InvokeWithResponseStreamCommand({ ...input, Payload }));
  assert.equal(answer.StatusCode, 200);
  assert.equal(answer.ResponseStreamContentType, "application/vnd.amazon.eventstream");
  for await (const { PayloadChunk, InvokeComplete } of answer.EventStream ?? []) {
    if (InvokeComplete) return InvokeComplete;
    yield Buffer.from(PayloadChunk?.Payload ?? []).toString("latin1");
  }
  throw new Error("The stream has no last event");
}

async function streamed(input: StreamInput): Promise<Streamed> {
  const chunks = chunksOf(input);
  const texts: string[] = [];
  let bytes = 0;
  for (;;) {
    const next = await chunks.next();
    if (next.done) return { text: texts.join(""), bytes, end: next.value };
    bytes += next.value.length;
    if (texts.length < 100) texts.push(next.value);
  }
}

function streamingFile(body: string): Record<string, string> {
  const code = `exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
    ${body}
  });`;
  return { "index.js": WAIT_FOR_GATE + code };
}

test("STREAM-1: SDK: the first bytes arrive while the function still writes", async () => {
  const gate = await createGate(lambda, "stream-gate");
  const body = `stream.write("a");
    await waitForGate(event.gate);
    stream.write("b");
    stream.end();`;
  await deploy(lambda, { name: "waits", files: streamingFile(body), more: { Timeout: 30 } });
  const chunks = chunksOf({ FunctionName: "waits", event: { gate: gate.id }, LogType: "Tail" });
  assert.deepEqual(await chunks.next(), { done: false, value: "a" });
  await gate.open();
  assert.deepEqual(await chunks.next(), { done: false, value: "b" });
  const { value } = await chunks.next();
  assert.ok(typeof value === "object");
  assert.equal(value.ErrorCode, undefined);
  const log = Buffer.from(value.LogResult ?? "", "base64").toString();
  assert.match(log, /^START RequestId.*\n[\s\S]*REPORT RequestId/);
});

test("STREAM-1: SDK: what fails is told in the last event", async () => {
  const body = `if (event.early) throw new RangeError("early");
    stream.write("half");
    if (event.exit) process.nextTick(() => process.exit(3));
    else throw new TypeError("late");`;
  const FunctionName = "fails";
  await deploy(lambda, { name: FunctionName, files: streamingFile(body) });
  const early = await streamed({ FunctionName, event: { early: true } });
  assert.deepEqual([early.text, early.end.ErrorCode], ["", "Unhandled"]);
  assert.equal(JSON.parse(early.end.ErrorDetails ?? "").errorType, "RangeError");
  const late = await streamed({ FunctionName });
  assert.deepEqual([late.text, late.end.ErrorCode], ["half", "Unhandled"]);
  assert.equal(JSON.parse(late.end.ErrorDetails ?? "").errorMessage, "late");
  const exit = await streamed({ FunctionName, event: { exit: true } });
  assert.equal(JSON.parse(exit.end.ErrorDetails ?? "").errorType, "Runtime.ExitError");
});

test("SDK streaming: functions that do not stream answer in one piece", async () => {
  const FunctionName = "whole";
  const files = handlerFile("if (event.fail) throw new Error('no'); return { given: event };");
  await deploy(lambda, { name: FunctionName, files });
  const whole = await streamed({ FunctionName, event: { a: 1 } });
  assert.deepEqual([whole.text, whole.end], ['{"given":{"a":1}}', {}]);
  const failed = await streamed({ FunctionName, event: { fail: true } });
  assert.deepEqual([failed.text, failed.end.ErrorCode], ["", "Unhandled"]);
});

test("SDK streaming: refusals before the call are exceptions", async () => {
  const FunctionName = "whole";
  const send = (more: object): Promise<unknown> =>
    lambda.send(new InvokeWithResponseStreamCommand({ FunctionName, ...more }));
  await assert.rejects(send({ FunctionName: "nobody" }), ResourceNotFoundException);
  await assert.rejects(send({ Qualifier: "9" }), ResourceNotFoundException);
  await assert.rejects(send({ Payload: Buffer.from("{") }), InvalidRequestContentException);
  await assert.rejects(send({ InvocationType: "Event" }), {
    name: "ValidationException",
    message: /enum value set: \[DryRun, RequestResponse\]/,
  });
  await assert.rejects(send({ LogType: "All" }), { name: "ValidationException" });
  const other = await hearth.createOwner("streaming-stranger");
  const stranger = hearth.lambda(other);
  const command = new InvokeWithResponseStreamCommand({ FunctionName });
  await assert.rejects(stranger.send(command), ResourceNotFoundException);
  stranger.destroy();
});

/** A runtime that streams two pieces and, when asked, tells of an error in the trailers. */
const BOOTSTRAP = `#!/usr/bin/python3
import base64, json, os, http.client, urllib.request
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
root = "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen("http://" + api + root + "next") as call:
        id = call.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(call)
        identity = call.headers["Lambda-Runtime-Cognito-Identity"]
    c = http.client.HTTPConnection(api)
    c.putrequest("POST", root + id + "/response")
    c.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    c.putheader("Transfer-Encoding", "chunked")
    c.putheader("Content-Type", "text/custom")
    c.putheader("Trailer", "Lambda-Runtime-Function-Error-Type")
    c.endheaders()
    for piece in ["one ", "two ", identity or "-"]:
        c.send(b"%x\\r\\n%s\\r\\n" % (len(piece), piece.encode()))
    c.send(b"0\\r\\n")
    if event.get("fail"):
        error = base64.b64encode(b'{"errorType":"Custom.Bad","errorMessage":"midway"}')
        c.send(b"Lambda-Runtime-Function-Error-Type: Custom.Bad\\r\\n")
        c.send(b"Lambda-Runtime-Function-Error-Body: " + error + b"\\r\\n")
    c.send(b"\\r\\n")
    c.getresponse().read()
`;

test("SDK streaming: a custom runtime streams through the Runtime API", async () => {
  const FunctionName = "custom-runtime";
  await deploy(lambda, {
    name: FunctionName,
    runtime: "provided.al2023",
    files: { "bootstrap*": BOOTSTRAP },
  });
  const good = await streamed({ FunctionName });
  assert.deepEqual([good.text, good.end], ["one two -", {}]);
  const bad = await streamed({ FunctionName, event: { fail: true } });
  assert.deepEqual([bad.text, bad.end.ErrorCode], ["one two -", "Unhandled"]);
  assert.equal(JSON.parse(bad.end.ErrorDetails ?? "").errorMessage, "midway");
});

test("SDK streaming: the Cognito identity that the caller names reaches the function", async () => {
  const identity = { cognitoIdentityId: "us-east-1:abc", cognitoIdentityPoolId: "us-east-1:pool" };
  const call = (FunctionName: string, header: string): Promise<unknown> => {
    const command = new InvokeWithResponseStreamCommand({ FunctionName });
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        headers["x-hearth-cognito-identity"] = header;
        return next(args);
      },
      { step: "build" },
    );
    return lambda.send(command).then(async ({ EventStream }) => {
      for await (const { PayloadChunk } of EventStream ?? []) {
        const text = Buffer.from(PayloadChunk?.Payload ?? []).toString();
        if (text.includes("{")) return JSON.parse(text);
      }
    });
  };
  const files = handlerFile("return context.identity;");
  await deploy(lambda, { name: "identity", files });
  assert.deepEqual(await call("identity", JSON.stringify(identity)), identity);
  assert.deepEqual(await call("custom-runtime", JSON.stringify(identity)), identity);
  await assert.rejects(call("identity", '{"cognitoIdentityId":"a\\"b"}'), {
    name: "InvalidParameterValueException",
  });
});

test("SDK streaming: a response beyond 200 MB is cut and told as an error", async () => {
  const body = `const piece = Buffer.alloc(1024 * 1024, "x");
    for (let sent = 0; sent < 201; sent++) {
      if (!stream.write(piece)) await new Promise((resolve) => stream.once("drain", resolve));
    }
    stream.end();`;
  const FunctionName = "endless";
  const more = { Timeout: 60, MemorySize: 512 };
  await deploy(lambda, { name: FunctionName, files: streamingFile(body), more });
  const { bytes, end } = await streamed({ FunctionName });
  assert.ok(bytes > 199 * 1024 * 1024 && bytes <= 200 * 1024 * 1024, `${bytes} bytes came`);
  assert.equal(end.ErrorCode, "Unhandled");
  assert.match(end.ErrorDetails ?? "", /Function\.ResponseSizeTooLarge/);
});
