import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type LambdaClient, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import {
  logThatMatches,
  NODE_TELEMETRY,
  PYTHON_TELEMETRY,
  publishLayer,
  recordsIn,
  type TelemetryRecord,
} from "../support/extensions.ts";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";

const BUFFERING = { timeoutMs: 25, maxItems: 1000, maxBytes: 262_144 };

let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});
after(() => hearth[Symbol.asyncDispose]());

/** Ends the function's environments and gives what its telemetry extension had got by then. */
async function recordsOf(name: string): Promise<readonly TelemetryRecord[]> {
  const change = { FunctionName: name, Description: "changed" };
  await lambda.send(new UpdateFunctionConfigurationCommand(change));
  const log = await logThatMatches(hearth, name, /\] got .*platform\.report/);
  return recordsIn(log);
}

/** The one record of a type. */
type Only = (type: string) => TelemetryRecord["record"];

function checkInitialisation(only: Only): void {
  const { instanceId, ...initStart } = only("platform.initStart");
  assert.match(instanceId, /^[0-9a-f]+$/);
  const init = { initializationType: "on-demand", phase: "init" };
  assert.deepEqual(initStart, {
    ...init,
    functionName: "http",
    functionVersion: "$LATEST",
    instanceMaxMemory: 128 * 1024 * 1024,
    runtimeVersion: "nodejs24.x",
  });
  assert.deepEqual(only("platform.initRuntimeDone"), { ...init, status: "success" });
  const initReport = only("platform.initReport");
  assert.ok(initReport.metrics.durationMs > 0);
  assert.deepEqual({ ...initReport, metrics: 0 }, { ...init, status: "success", metrics: 0 });
  assert.deepEqual(only("platform.telemetrySubscription"), {
    name: "receiver.py",
    state: "Subscribed",
    types: ["platform", "function", "extension"],
  });
  assert.deepEqual(only("platform.extension"), {
    name: "receiver.py",
    state: "Ready",
    events: ["INVOKE", "SHUTDOWN"],
  });
}

test("TEL-1: over HTTP come AWS's events with their fields, and lines of logs", async () => {
  const layer = await publishLayer(lambda, "http", {
    "extensions/receiver.py*": PYTHON_TELEMETRY,
  });
  const subscription = {
    schemaVersion: "2022-12-13",
    types: ["platform", "function", "extension"],
    buffering: BUFFERING,
  };
  const more = {
    Layers: [layer],
    Environment: { Variables: { SUBSCRIPTION: JSON.stringify(subscription) } },
  };
  await deploy(lambda, {
    name: "http",
    files: handlerFile("console.log('one\\ntwo'); return 1;"),
    more,
  });
  const { requestId } = await call(lambda, "http");
  const records = await recordsOf("http");
  const types = records.map(({ type }) => type);
  for (const { time } of records) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const only: Only = (type) => {
    const found = records.filter((record) => record.type === type);
    assert.equal(found.length, 1, `${type} in ${types.join()}`);
    return found[0]?.record;
  };
  checkInitialisation(only);
  assert.deepEqual(only("platform.start"), { requestId, version: "$LATEST" });
  const done = only("platform.runtimeDone");
  assert.deepEqual([done.requestId, done.status], [requestId, "success"]);
  assert.deepEqual(Object.keys(done.metrics), ["durationMs", "producedBytes"]);
  const report = only("platform.report");
  assert.deepEqual([report.requestId, report.status], [requestId, "success"]);
  assert.deepEqual(Object.keys(report.metrics), [
    "durationMs",
    "billedDurationMs",
    "memorySizeMB",
    "maxMemoryUsedMB",
    "initDurationMs",
  ]);
  assert.match(only("function"), new RegExp(`\t${requestId}\tINFO\tone\ntwo$`));
  const said = records.filter(({ type }) => type === "extension").map(({ record }) => record);
  assert.match(
    said.join("\n"),
    /^\[receiver\.py\] registered .*\n\[receiver\.py\] subscribed 200 "OK"/,
  );
  const order = ["platform.initStart", "platform.initRuntimeDone", "platform.initReport"];
  const calls = ["platform.start", "function", "platform.runtimeDone", "platform.report"];
  const expected = [...order, ...calls];
  assert.deepEqual(
    types.filter((type) => expected.includes(type)),
    expected,
  );
});

test("TEL-1: over TCP come lines of JSON; JSON logs are objects", async () => {
  const layer = await publishLayer(lambda, "tcp", { "extensions/receiver.js*": NODE_TELEMETRY });
  const more = { Layers: [layer], LoggingConfig: { LogFormat: "JSON" as const } };
  await deploy(lambda, {
    name: "tcp",
    files: handlerFile("console.log({ a: 1 }); return 1;"),
    more,
  });
  await call(lambda, "tcp");
  const { requestId } = await call(lambda, "tcp");
  const records = await recordsOf("tcp");
  const calls = records.filter(({ type }) => type === "function");
  assert.equal(calls.length, 2);
  assert.deepEqual(calls[1]?.record.message, { a: 1 });
  assert.equal(calls[1]?.record.requestId, requestId);
  assert.equal(records.filter(({ type }) => type === "platform.report").length, 2);
  assert.ok(!records.some(({ type }) => type === "extension"));
});

test("TEL-2: the older Logs API has its own events and texts", async () => {
  const layer = await publishLayer(lambda, "logs", {
    "extensions/receiver.py*": PYTHON_TELEMETRY,
  });
  const subscription = {
    schemaVersion: "2020-08-15",
    types: ["platform", "function"],
    buffering: BUFFERING,
  };
  const more = {
    Layers: [layer],
    Environment: {
      Variables: { SUBSCRIPTION: JSON.stringify(subscription), SUBSCRIBE_AT: "2020-08-15/logs" },
    },
  };
  await deploy(lambda, {
    name: "logs",
    files: handlerFile("console.log('hello'); return 1;"),
    more,
  });
  const { requestId } = await call(lambda, "logs");
  const records = await recordsOf("logs");
  assert.deepEqual(
    records.map(({ type }) => type),
    [
      "platform.logsSubscription",
      "platform.extension",
      "platform.start",
      "function",
      "platform.end",
      "platform.report",
    ],
  );
  assert.deepEqual(records[4]?.record, { requestId });
  assert.deepEqual(Object.keys(records[5]?.record), ["requestId", "metrics"]);
});

test("TEL-1: an extension inside the runtime gets telemetry, too", async () => {
  const files = {
    "index.mjs": `
import { createServer } from "node:http";
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API;
const got = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  got.push(...JSON.parse(body));
  response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
server.unref();
const registered = await fetch(api + "/2020-01-01/extension/register", {
  method: "POST",
  headers: { "Lambda-Extension-Name": "inside" },
  body: "{}",
});
const subscribed = await fetch(api + "/2022-07-01/telemetry", {
  method: "PUT",
  headers: { "Lambda-Extension-Identifier": registered.headers.get("lambda-extension-identifier") },
  body: JSON.stringify({
    schemaVersion: "2022-07-01",
    types: ["platform", "function"],
    buffering: { timeoutMs: 25 },
    destination: { protocol: "HTTP", URI: "http://sandbox:" + server.address().port },
  }),
});
export const handler = async (wanted) => {
  console.log("from the handler");
  while (!got.some(({ type }) => type === wanted)) await new Promise((next) => setTimeout(next, 5));
  return got.splice(0).map(({ type, record }) => [type, record]);
};
`,
  };
  await deploy(lambda, { name: "inside", files });
  const { value: first } = await call(lambda, "inside", "function");
  const types = first.map(([type]: [string]) => type);
  assert.equal(types[0], "platform.initStart");
  const said = first.filter(([type]: [string]) => type === "function");
  assert.match(said[0][1], /from the handler$/);
  const { value: second } = await call(lambda, "inside", "platform.report");
  assert.ok(second.some(([type]: [string]) => type === "platform.runtimeDone"));
});
