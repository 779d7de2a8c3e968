import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../../../base/mod.ts";
import { settled } from "../../../base/testing.ts";
import { limits } from "../../../model/mod.ts";
import { type Answer, type TestApi, testApi } from "../testing.ts";

const PATH = "/2015-03-31/functions/hello/invocations";

async function withFunction(): Promise<TestApi> {
  const api = testApi();
  await api.send("POST", "/2015-03-31/functions", {
    body: {
      FunctionName: "hello",
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: "arn:aws:iam::111111111111:role/r",
      Code: { ZipFile: "MQ==" },
      Publish: true,
    },
  });
  return api;
}

function call(api: TestApi, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return api.send("POST", PATH, { body, headers });
}

test("Invoke: passes the event through and says where it ran", async () => {
  const api = await withFunction();
  const payload = Buffer.from('{ "text": "žluťoučký \\u0000" }');
  const answer = await call(api, payload, { "x-amzn-trace-id": "Root=1-2-3" });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, payload.toString());
  assert.deepEqual(answer.headers, {
    "Content-Type": "application/json",
    "X-Amz-Executed-Version": "$LATEST",
    "X-Amzn-Trace-Id": "Root=1-2-3",
    "X-Hearth-Start": "warm",
    "X-Hearth-Environment": "e-1",
    "X-Hearth-Instance": "i-1",
  });
  const version = await api.send("POST", `${PATH}?Qualifier=1`);
  assert.equal(version.headers["X-Amz-Executed-Version"], "1");
  assert.match(
    version.headers["X-Amzn-Trace-Id"] ?? "",
    /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
  );
});

test("Invoke: a function's failure is a 200 with X-Amz-Function-Error", async () => {
  const api = await withFunction();
  const payload = Buffer.from('{"errorType":"Error","errorMessage":"no"}');
  api.invoker.respond = () => ({
    outcome: { status: "failed", functionError: "Unhandled", errorType: "Error", payload },
  });
  const answer = await call(api, {});
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["X-Amz-Function-Error"], "Unhandled");
  assert.equal(answer.json.errorMessage, "no");
});

test("Invoke: LogType Tail gives the last 4 KB", async () => {
  const api = await withFunction();
  api.invoker.log = Buffer.from(`${"a".repeat(5000)}END`);
  const tail = await call(api, {}, { "x-amz-log-type": "Tail" });
  const log = Buffer.from(tail.headers["X-Amz-Log-Result"] ?? "", "base64").toString();
  assert.equal(log, `${"a".repeat(4093)}END`);
  assert.equal((await call(api, {})).headers["X-Amz-Log-Result"], undefined);
});

test("Invoke: DryRun runs nothing, but looks the function up", async () => {
  const api = await withFunction();
  const dry = await call(api, {}, { "x-amz-invocation-type": "DryRun" });
  assert.deepEqual([dry.status, dry.text], [204, ""]);
  assert.equal(api.invoker.requests.length, 0);
  const missing = await api.send("POST", `${PATH}?Qualifier=9`, {
    headers: { "x-amz-invocation-type": "DryRun" },
  });
  assert.equal(missing.status, 404);
});

test("Invoke: an asynchronous call is answered before it runs", async () => {
  const api = await withFunction();
  const event = await call(api, { a: 1 }, { "x-amz-invocation-type": "Event" });
  assert.deepEqual([event.status, event.text], [202, ""]);
  for (let i = 0; i < 5; i++) await settled();
  assert.equal(api.invoker.requests[0]?.payload.toString(), '{"a":1}');
  const large = Buffer.alloc(limits.EVENT_PAYLOAD_BYTES_MAX + 1, "1");
  const refused = await call(api, large, { "x-amz-invocation-type": "Event" });
  assert.deepEqual([refused.status, refused.code], [413, "RequestEntityTooLargeException"]);
  assert.match(refused.json.message, /^1048577 byte payload is too large for the Event/);
  const other = await call(api, {}, { "x-amz-invocation-type": "Sometimes" });
  assert.equal(other.code, "ValidationException");
});

test("Invoke: only JSON in UTF-8 is an event", async () => {
  const api = await withFunction();
  for (const text of ["{", "'a'", "undefined", "\ufeff{}", "\u00a0{}"]) {
    const { code, json } = await call(api, Buffer.from(text));
    assert.equal(code, "InvalidRequestContentException", text);
    assert.match(json.message, /^Could not parse request body into json: Could not parse payload/);
  }
  const latin = await call(api, Buffer.from('"\xe4"', "latin1"));
  assert.equal(latin.code, "InvalidRequestContentException");
  for (const text of ["", "null", "1", '"ä"', " [] "]) {
    assert.equal((await call(api, Buffer.from(text))).status, 200, text);
  }
});

test("Invoke: 6 MB pass, one byte more does not", async () => {
  const api = await withFunction();
  const text = Buffer.alloc(limits.INVOKE_PAYLOAD_BYTES_MAX + 1, "a");
  text[0] = text[text.length - 1] = 0x22;
  const large = await call(api, text);
  assert.deepEqual(
    [large.status, large.code, large.json.message],
    [
      413,
      "RequestTooLargeException",
      "6291457 byte payload is too large for the RequestResponse invocation type " +
        "(limit 6291456 bytes)",
    ],
  );
  const most = text.subarray(1);
  most[0] = 0x22;
  assert.equal((await call(api, most)).status, 200);
});

test("Invoke: the client context arrives decoded and is checked", async () => {
  const api = await withFunction();
  const encode = (text: string): Record<string, string> => ({
    "x-amz-client-context": Buffer.from(text).toString("base64"),
  });
  await call(api, {}, encode('{"custom":{"a":"b"}}'));
  assert.equal(api.invoker.requests[0]?.clientContext, '{"custom":{"a":"b"}}');
  const broken = await call(api, {}, encode("{"));
  assert.equal(broken.code, "InvalidRequestContentException");
  const long = await call(api, {}, encode(JSON.stringify("x".repeat(2700))));
  assert.equal(long.code, "InvalidParameterValueException");
});

test("Invoke: refusals of the platform in AWS's shapes", async () => {
  const api = await withFunction();
  const refusedWith = async (error: unknown): Promise<Answer> => {
    api.invoker.respond = () => {
      throw error;
    };
    return call(api, {});
  };
  const throttled = await refusedWith(
    new PlatformError(
      { kind: "throttled", scope: "function", limit: 1, retryAfterSeconds: 0.2 },
      "Busy",
    ),
  );
  assert.deepEqual([throttled.status, throttled.headers["Retry-After"]], [429, "1"]);
  assert.equal(throttled.code, "TooManyRequestsException");
  assert.deepEqual(throttled.json, {
    Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
    Type: "User",
    message: "Rate Exceeded.",
  });
  const overloaded = await refusedWith(
    new PlatformError({ kind: "overloaded", queue: "acquisitions" }, "Full"),
  );
  assert.deepEqual([overloaded.status, overloaded.json.Type], [503, "Service"]);
  const ours = await refusedWith(new Error("secret detail"));
  assert.deepEqual([ours.status, ours.code], [500, "ServiceException"]);
  assert.ok(!ours.text.includes("secret"), "causes inside Hearth are not told");
});
