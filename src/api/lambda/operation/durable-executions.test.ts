import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../../model/mod.ts";
import { BOB } from "../../../registry/testing.ts";
import { type Answer, type SendOptions, type TestApi, testApi } from "../testing.ts";

const INVOKE = "/2015-03-31/functions/flow/invocations?Qualifier=$LATEST";
const EXECUTIONS = "/2025-12-01/durable-executions";
const CALLBACKS = "/2025-12-01/durable-execution-callbacks";
const LIST = "/2025-12-01/functions/flow/durable-executions";

interface DurableEvent {
  readonly DurableExecutionArn: string;
  readonly CheckpointToken: string;
}

async function withFunction(name = "flow", more: object = {}): Promise<TestApi> {
  const api = testApi();
  await create(api, name, { ExecutionTimeout: 600 }, more);
  return api;
}

function create(
  api: TestApi,
  name: string,
  DurableConfig: object | undefined,
  more: object = {},
): Promise<Answer> {
  return api.send("POST", "/2015-03-31/functions", {
    body: {
      FunctionName: name,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: "arn:aws:iam::111111111111:role/r",
      Code: { ZipFile: "MQ==" },
      ...(DurableConfig === undefined ? {} : { DurableConfig }),
      ...more,
    },
  });
}

/** An execution whose function has been invoked and has not answered. */
async function running(api: TestApi): Promise<DurableEvent> {
  const invoked = Promise.withResolvers<DurableEvent>();
  const { invoke } = api.invoker;
  api.invoker.invoke = (request) => {
    invoked.resolve(JSON.parse(request.payload.toString()));
    api.invoker.invoke = invoke;
    return new Promise(() => {});
  };
  const headers = { "x-amz-invocation-type": "Event" };
  const answer = await api.send("POST", INVOKE, { body: { n: 1 }, headers });
  assert.equal(answer.status, 202, answer.text);
  const event = await invoked.promise;
  assert.equal(answer.headers["X-Amz-Durable-Execution-Arn"], event.DurableExecutionArn);
  return event;
}

function pathOf({ DurableExecutionArn }: DurableEvent, rest = ""): string {
  return `${EXECUTIONS}/${encodeURIComponent(DurableExecutionArn)}${rest}`;
}

function checkpoint(api: TestApi, event: DurableEvent, Updates: unknown): Promise<Answer> {
  const { CheckpointToken } = event;
  return api.send("POST", pathOf(event, "/checkpoint"), { body: { CheckpointToken, Updates } });
}

async function refuses(
  answer: Promise<Answer>,
  code: string,
  message: RegExp = /./,
): Promise<void> {
  const { code: given, text } = await answer;
  assert.equal(given, code, text);
  assert.match(text, message);
}

test("DurableConfig: kept, shown, published, updated, and only given at creation", async () => {
  const api = await withFunction();
  const path = "/2015-03-31/functions/flow/configuration";
  const shown = await api.send("GET", path);
  const { DurableConfig } = shown.json;
  assert.deepEqual(DurableConfig, { ExecutionTimeout: 600, RetentionPeriodInDays: 14 });
  const update = { DurableConfig: { RetentionPeriodInDays: 3 } };
  const updated = await api.send("PUT", path, { body: update });
  assert.deepEqual(updated.json.DurableConfig, { ExecutionTimeout: 600, RetentionPeriodInDays: 3 });
  await create(api, "ordinary", undefined);
  const ordinary = "/2015-03-31/functions/ordinary/configuration";
  await refuses(
    api.send("PUT", ordinary, { body: update }),
    "InvalidParameterValueException",
    /cannot add a durable configuration/,
  );
  assert.equal((await api.send("GET", ordinary)).json.DurableConfig, undefined);
  const without = create(api, "a", { RetentionPeriodInDays: 3 });
  await refuses(without, "InvalidParameterValueException", /without an executionTimeout/);
  const key = create(api, "a", { ExecutionTimeout: 1, KMSKeyArn: "arn:aws:kms:x" });
  await refuses(key, "InvalidParameterValueException", /KMSKeyArn is not offered/);
  for (const broken of [
    { ExecutionTimeout: 0 },
    { ExecutionTimeout: limits.DURABLE_TIMEOUT_SECONDS_MAX + 1 },
    { ExecutionTimeout: 1, RetentionPeriodInDays: 91 },
  ]) {
    await refuses(create(api, "a", broken), "ValidationException", /durableConfig\./);
  }
  await refuses(create(api, "a", { ExecutionTimeout: "1" }), "SerializationException");
});

test("Invoke of a durable function: qualifier, time-out, name and payload are checked", async () => {
  const api = await withFunction();
  const path = "/2015-03-31/functions/flow/invocations";
  await refuses(api.send("POST", path), "InvalidParameterValueException", /unqualified ARN/);
  await create(api, "long", { ExecutionTimeout: 901 });
  const long = api.send("POST", "/2015-03-31/functions/long/invocations?Qualifier=$LATEST");
  await refuses(long, "InvalidParameterValueException", /greater than 15 minutes/);
  const named = (name: string): SendOptions => ({
    headers: { "x-amz-durable-execution-name": name },
  });
  for (const name of ["", "a b", "x".repeat(65)]) {
    await refuses(
      api.send("POST", INVOKE, named(name)),
      "ValidationException",
      /durableExecutionName/,
    );
  }
  const large = Buffer.alloc(limits.DURABLE_PAYLOAD_BYTES_MAX + 1, "1");
  const headers = { "x-amz-invocation-type": "Event" };
  const tooLarge = await api.send("POST", INVOKE, { body: large, headers });
  assert.deepEqual([tooLarge.status, tooLarge.code], [413, "RequestTooLargeException"]);
});

test("Invoke of a durable function: result, error and repeated name", async () => {
  const api = await withFunction();
  const answerWith = (answer: object): void => {
    const payload = Buffer.from(JSON.stringify(answer));
    api.invoker.respond = () => ({ outcome: { status: "succeeded", payload } });
  };
  answerWith({ Status: "SUCCEEDED", Result: '{ "a": 1 }' });
  const headers = { "x-amz-durable-execution-name": "one" };
  const first = await api.send("POST", INVOKE, { body: 1, headers });
  assert.deepEqual(
    [first.status, first.text, first.headers["X-Amz-Executed-Version"]],
    [200, '{ "a": 1 }', "$LATEST"],
  );
  const arn = first.headers["X-Amz-Durable-Execution-Arn"];
  const again = await api.send("POST", INVOKE, { body: 1, headers });
  assert.deepEqual([again.text, again.headers["X-Amz-Durable-Execution-Arn"]], [first.text, arn]);
  const other = await api.send("POST", INVOKE, { body: 2, headers });
  assert.deepEqual([other.status, other.code], [409, "DurableExecutionAlreadyStartedException"]);
  assert.ok(other.json.Message);
  answerWith({ Status: "FAILED", Error: { ErrorType: "E", ErrorMessage: "m", Other: 1 } });
  const failed = await api.send("POST", INVOKE, { body: 1 });
  assert.equal(failed.headers["X-Amz-Function-Error"], "Unhandled");
  assert.deepEqual(failed.json, { errorType: "E", errorMessage: "m" });
});

test("CheckpointDurableExecution: bad bodies, tokens, updates and states", async () => {
  const api = await withFunction();
  const event = await running(api);
  const step = { Id: "a", Type: "STEP", Action: "START" };
  for (const [updates, code, message] of [
    ["none", "SerializationException", /updates/],
    [[{}], "ValidationException", /Member must not be null/],
    [[{ ...step, Id: "a b" }], "ValidationException", /regular expression/],
    [[{ ...step, Id: 7 }], "SerializationException", /NUMBER_VALUE/],
    [[{ ...step, Type: "SLEEP" }], "ValidationException", /enum value set/],
    [[{ ...step, Name: "ä" }], "ValidationException", /regular expression/],
    [
      [{ ...step, StepOptions: { NextAttemptDelaySeconds: 0 } }],
      "ValidationException",
      /equal to 1/,
    ],
    [[{ ...step, Action: "CANCEL" }], "InvalidParameterValueException", /Invalid action/],
    [[{ ...step, ParentId: "p" }], "InvalidParameterValueException", /Invalid parent/],
    [[step, step], "InvalidParameterValueException", /same operation twice/],
    [[{ ...step, Action: "RETRY" }], "InvalidParameterValueException", /StepOptions/],
    [[{ ...step, Type: "WAIT" }], "InvalidParameterValueException", /WaitOptions/],
    [[{ ...step, Action: "FAIL", Payload: "1" }], "InvalidParameterValueException", /Payload/],
    [[{ ...step, Action: "SUCCEED", Error: {} }], "InvalidParameterValueException", /Error/],
    [
      [{ ...step, Type: "CHAINED_INVOKE", ChainedInvokeOptions: { FunctionName: "a b" } }],
      "ValidationException",
      /regular expression/,
    ],
    [
      [{ Id: "e", Type: "EXECUTION", Action: "SUCCEED" }, step],
      "InvalidParameterValueException",
      /must be the last/,
    ],
  ] as const) {
    await refuses(checkpoint(api, event, updates), code, message);
  }
  const path = pathOf(event, "/checkpoint");
  await refuses(api.send("POST", path, { body: {} }), "ValidationException", /checkpointToken/);
  const unknown = { body: { CheckpointToken: "bm8=" } };
  await refuses(
    api.send("POST", path, unknown),
    "InvalidParameterValueException",
    /^.*Invalid Checkpoint Token/,
  );
  const good = await checkpoint(api, event, [{ ...step, Unknown: 1 }]);
  assert.equal(good.status, 200, good.text);
  assert.deepEqual(
    good.json.NewExecutionState.Operations.map(({ Id, Status }: Record<string, string>) => [
      Id,
      Status,
    ]),
    [["a", "STARTED"]],
  );
  await refuses(
    checkpoint(api, event, []),
    "InvalidParameterValueException",
    /Invalid Checkpoint Token/,
  );
  const next = { ...event, CheckpointToken: good.json.CheckpointToken };
  await refuses(
    checkpoint(api, next, [step]),
    "InvalidParameterValueException",
    /STEP state to start/,
  );
  const ended = await checkpoint(api, next, [{ Id: "e", Type: "EXECUTION", Action: "SUCCEED" }]);
  assert.equal(ended.status, 200);
});

test("GetDurableExecutionState: pages, and only the current token opens it", async () => {
  const api = await withFunction();
  const event = await running(api);
  const state = (query: string): Promise<Answer> =>
    api.send("GET", pathOf(event, `/state${query}`));
  const token = encodeURIComponent(event.CheckpointToken);
  const first = await state(`?CheckpointToken=${token}&MaxItems=1`);
  assert.equal(first.json.Operations[0].ExecutionDetails.InputPayload, '{"n":1}');
  assert.equal(first.json.NextMarker, undefined);
  await refuses(state(""), "ValidationException", /checkpointToken/);
  await refuses(state("?CheckpointToken=bm8="), "InvalidParameterValueException");
  await refuses(state(`?CheckpointToken=${token}&MaxItems=1001`), "ValidationException");
  await refuses(state(`?CheckpointToken=${token}&MaxItems=x`), "SerializationException");
  await refuses(state(`?CheckpointToken=${token}&Marker=x`), "InvalidParameterValueException");
});

test("executions by ARN: malformed, foreign and unknown ones", async () => {
  const api = await withFunction();
  const event = await running(api);
  const arn = event.DurableExecutionArn;
  for (const [method, rest] of [
    ["GET", ""],
    ["GET", "/history"],
    ["POST", "/stop"],
    ["POST", "/checkpoint"],
    ["GET", "/state?CheckpointToken=bm8="],
  ] as const) {
    const send = (text: string, options: SendOptions = {}): Promise<Answer> =>
      api.send(method, pathOf({ ...event, DurableExecutionArn: text }, rest), {
        ...(rest === "/checkpoint" ? { body: { CheckpointToken: "bm8=" } } : {}),
        ...options,
      });
    await refuses(send("nonsense"), "ValidationException", /durableExecutionArn/);
    await refuses(send(arn, { owner: BOB }), "AccessDeniedException", /not authorized/);
    const isToken = rest.startsWith("/checkpoint") || rest.startsWith("/state");
    const missing = isToken ? "InvalidParameterValueException" : "ResourceNotFoundException";
    await refuses(send(`${arn.slice(0, -4)}0000`), missing);
    await refuses(send(arn.replace("us-east-1", "eu-west-1")), "ResourceNotFoundException");
    await refuses(send(arn.replace("111111111111", BOB), { owner: BOB }), missing);
  }
  const renamed = arn.replace(/durable-execution\/[^/]+/, "durable-execution/other");
  await refuses(
    api.send("GET", pathOf({ ...event, DurableExecutionArn: renamed })),
    "ResourceNotFoundException",
  );
});

test("GetDurableExecution and its history: data on request, pages in both directions", async () => {
  const api = await withFunction();
  const event = await running(api);
  await checkpoint(api, event, [{ Id: "a", Type: "STEP", Action: "SUCCEED", Payload: "7" }]);
  const whole = await api.send("GET", pathOf(event));
  assert.deepEqual(
    [whole.json.Status, whole.json.InputPayload, whole.json.ExecutionDataIncluded],
    ["RUNNING", '{"n":1}', true],
  );
  const bare = await api.send("GET", pathOf(event, "?IncludeExecutionData=false"));
  assert.deepEqual([bare.json.InputPayload, bare.json.ExecutionDataIncluded], [undefined, false]);
  const history = (query: string): Promise<Answer> =>
    api.send("GET", pathOf(event, `/history${query}`));
  const ids = ({ json }: Answer): number[] =>
    json.Events.map((each: { EventId: number }) => each.EventId);
  assert.deepEqual(ids(await history("")), [1, 2]);
  const first = await history("?MaxItems=1");
  assert.deepEqual([ids(first), first.json.NextMarker], [[1], "1"]);
  assert.deepEqual(ids(await history("?MaxItems=1&Marker=1")), [2]);
  const last = await history("?ReverseOrder=true&MaxItems=1");
  assert.deepEqual([ids(last), last.json.NextMarker], [[2], "2"]);
  assert.deepEqual(ids(await history("?ReverseOrder=true&Marker=2")), [1]);
  const compact = await history("?IncludeExecutionData=false");
  assert.deepEqual(compact.json.Events[1].StepSucceededDetails.Result, {});
  await refuses(history("?MaxItems=-1"), "ValidationException");
  await refuses(history("?ReverseOrder=yes"), "SerializationException");
  await refuses(history("?Marker=z"), "InvalidParameterValueException");
});

test("ListDurableExecutionsByFunction: filters, order, pages and bad input", async () => {
  const api = await withFunction();
  const payload = Buffer.from('{"Status":"SUCCEEDED","Result":"1"}');
  api.invoker.respond = () => ({ outcome: { status: "succeeded", payload } });
  for (const name of ["a", "b", "c"]) {
    await api.send("POST", INVOKE, { headers: { "x-amz-durable-execution-name": name } });
    await api.clock.advance(1000);
  }
  const list = (query: string): Promise<Answer> => api.send("GET", LIST + query);
  const names = ({ json }: Answer): string[] =>
    json.DurableExecutions.map((each: Record<string, string>) => each.DurableExecutionName);
  assert.deepEqual(names(await list("")), ["c", "b", "a"]);
  const first = await list("?MaxItems=2");
  assert.deepEqual(names(first), ["c", "b"]);
  assert.deepEqual(names(await list(`?Marker=${first.json.NextMarker}`)), ["a"]);
  const oldest = await list("?ReverseOrder=true&MaxItems=2");
  assert.deepEqual(names(oldest), ["a", "b"]);
  assert.deepEqual(names(await list(`?ReverseOrder=true&Marker=${oldest.json.NextMarker}`)), ["c"]);
  assert.deepEqual(names(await list("?Statuses=RUNNING&Statuses=FAILED")), []);
  assert.deepEqual(names(await list("?DurableExecutionName=b&Statuses=SUCCEEDED")), ["b"]);
  const { StartTimestamp } = first.json.DurableExecutions[1];
  const at = encodeURIComponent(new Date(StartTimestamp * 1000).toISOString());
  assert.deepEqual(names(await list(`?StartedAfter=${at}`)), ["c"]);
  assert.deepEqual(names(await list(`?StartedBefore=${StartTimestamp}`)), ["a"]);
  assert.deepEqual(names(await list("?Qualifier=$LATEST")), ["c", "b", "a"]);
  await refuses(list("?Qualifier=9"), "ResourceNotFoundException");
  await refuses(list("?Statuses=DONE"), "ValidationException", /statuses/);
  await refuses(list("?StartedAfter=yesterday"), "SerializationException");
  await refuses(list("?DurableExecutionName=a%20b"), "ValidationException");
  await refuses(list("?Marker=zz"), "InvalidParameterValueException");
  await refuses(api.send("GET", LIST.replace("flow", "none")), "ResourceNotFoundException");
  await refuses(api.send("GET", LIST, { owner: BOB }), "ResourceNotFoundException");
});

test("callbacks: bad ids, bad bodies, other owners, closed ones", async () => {
  const api = await withFunction();
  const event = await running(api);
  const { json } = await checkpoint(api, event, [{ Id: "c", Type: "CALLBACK", Action: "START" }]);
  const id = json.NewExecutionState.Operations[0].CallbackDetails.CallbackId;
  const send = (verb: string, options: SendOptions = {}, callbackId = id): Promise<Answer> =>
    api.send("POST", `${CALLBACKS}/${encodeURIComponent(callbackId)}/${verb}`, options);
  for (const verb of ["succeed", "fail", "heartbeat"]) {
    await refuses(send(verb, {}, "a-b"), "ValidationException", /callbackId/);
    await refuses(send(verb, {}, "bm8="), "InvalidParameterValueException", /Invalid callback ID/);
    await refuses(send(verb, { owner: BOB }), "ResourceNotFoundException");
    const other = Buffer.from(Buffer.from(id, "base64").toString().replace(/c$/, "d"));
    await refuses(send(verb, {}, other.toString("base64")), "ResourceNotFoundException");
  }
  const large = Buffer.alloc(limits.DURABLE_PAYLOAD_BYTES_MAX + 1, "1");
  await refuses(send("succeed", { body: large }), "RequestEntityTooLargeException");
  const latin = Buffer.from("\xe4", "latin1");
  await refuses(send("succeed", { body: latin }), "InvalidParameterValueException", /UTF-8/);
  await refuses(send("fail", { body: { ErrorType: 1 } }), "SerializationException");
  await refuses(send("fail", { body: Buffer.from("{") }), "InvalidRequestContentException");
  assert.equal((await send("heartbeat")).status, 200);
  assert.equal((await send("fail", { body: { ErrorMessage: "no" } })).status, 200);
  const closed = await send("succeed");
  assert.deepEqual([closed.status, closed.code], [400, "CallbackTimeoutException"]);
  assert.ok(closed.json.Message);
});

test("StopDurableExecution: with and without a reason, bad reasons", async () => {
  const api = await withFunction();
  const event = await running(api);
  const stop = (body?: unknown): Promise<Answer> =>
    api.send("POST", pathOf(event, "/stop"), { body });
  await refuses(stop({ ErrorMessage: {} }), "SerializationException");
  await refuses(stop(Buffer.from("[")), "InvalidRequestContentException");
  const stopped = await stop({ ErrorMessage: "enough", Unknown: 1 });
  assert.equal(stopped.status, 200);
  const { json } = await api.send("GET", pathOf(event));
  assert.deepEqual([json.Status, json.Error], ["STOPPED", { ErrorMessage: "enough" }]);
  assert.equal(json.EndTimestamp, stopped.json.StopTimestamp);
  assert.deepEqual((await stop()).json, stopped.json);
});
