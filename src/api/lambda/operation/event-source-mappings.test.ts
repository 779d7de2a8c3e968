import assert from "node:assert/strict";
import { test } from "node:test";
import { type TestApi, testApi } from "../testing.ts";

const MAPPINGS = "/2015-03-31/event-source-mappings";
const QUEUE = "arn:aws:sqs:us-east-1:111111111111:queue";
const STREAM = "arn:aws:kinesis:us-east-1:111111111111:stream/s";
const TABLE = "arn:aws:dynamodb:us-east-1:111111111111:table/t/stream/2026";

async function withFunction(): Promise<TestApi> {
  const api = testApi();
  const body = {
    FunctionName: "hello",
    Runtime: "provided.al2023",
    Handler: "bootstrap",
    Role: "arn:aws:iam::111111111111:role/r",
    Code: { ZipFile: "MQ==" },
  };
  await api.send("POST", "/2015-03-31/functions", { body });
  return api;
}

test("CreateEventSourceMapping: checks everything, then finds no source", async () => {
  const api = await withFunction();
  const refused = async (more: Record<string, unknown>, code: string, message: RegExp) => {
    const body = { FunctionName: "hello", EventSourceArn: QUEUE, ...more };
    const answer = await api.send("POST", MAPPINGS, { body });
    assert.deepEqual([answer.status, answer.code], [400, code]);
    assert.match(answer.json.message, message);
  };
  const invalid = "InvalidParameterValueException";
  const validation = "ValidationException";
  await refused({}, invalid, /NonExistentQueue\. SQS Error Message: The specified queue does not/);
  const latest = { StartingPosition: "LATEST" };
  await refused({ EventSourceArn: STREAM, ...latest }, invalid, /^Stream not found: arn:aws:kin/);
  await refused({ EventSourceArn: TABLE, ...latest }, invalid, /^Stream not found: arn:aws:dyn/);
  await refused({ EventSourceArn: STREAM }, invalid, /null at 'startingPosition'/);
  await refused({ EventSourceArn: STREAM, StartingPosition: "NOW" }, validation, /'NOW' at 'start/);
  const past = { StartingPosition: "AT_TIMESTAMP", StartingPositionTimestamp: 1 };
  await refused({ EventSourceArn: TABLE, ...past }, invalid, /^Unsupported starting position/);
  await refused({ EventSourceArn: undefined }, invalid, /^Unrecognized event source/);
  await refused({ EventSourceArn: "queue" }, validation, /'queue' at 'eventSourceArn'/);
  await refused({ FunctionName: undefined }, validation, /null at 'functionName'/);
  await refused({ FunctionName: "nobody" }, invalid, /^Function does not exist$/);
  await refused({ BatchSize: 10_001 }, validation, /equal to 10000$/);
  await refused({ BatchSize: 11 }, invalid, /^Maximum batch window in seconds must be greater/);
  await refused({ BatchSize: "1" }, "SerializationException", /STRING_VALUE at 'batchSize'/);
  const filters = (Pattern: string) => ({ FilterCriteria: { Filters: [{ Pattern }] } });
  await refused(filters("{"), invalid, /^Invalid filter pattern definition/);
  await refused(filters('{"body":["a"]}'), invalid, /NonExistentQueue/);
  const SelfManagedEventSource = { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ["k:9092"] } };
  const kafka = { EventSourceArn: undefined, SelfManagedEventSource };
  await refused(kafka, invalid, /^Required 'sourceAccessConfigurations' parameter is missing/);
  await refused({ ...kafka, SourceAccessConfigurations: [] }, invalid, /source not found: k:9092/);
});

test("CreateEventSourceMapping: another account's function is not named", async () => {
  const api = await withFunction();
  const FunctionName = "arn:aws:lambda:us-east-1:222222222222:function:hello";
  const answer = await api.send("POST", MAPPINGS, {
    body: { FunctionName, EventSourceArn: QUEUE },
  });
  assert.deepEqual([answer.status, answer.code], [403, "AccessDeniedException"]);
});

test("Event source mappings: none is listed, none is found", async () => {
  const api = await withFunction();
  const empty = { EventSourceMappings: [] };
  assert.deepEqual((await api.send("GET", MAPPINGS)).json, empty);
  const both = `?FunctionName=hello&EventSourceArn=${encodeURIComponent(QUEUE)}&MaxItems=10`;
  assert.deepEqual((await api.send("GET", `${MAPPINGS}${both}`)).json, empty);
  assert.equal((await api.send("GET", `${MAPPINGS}?FunctionName=nobody`)).status, 404);
  assert.equal((await api.send("GET", `${MAPPINGS}?EventSourceArn=x`)).status, 400);
  assert.equal((await api.send("GET", `${MAPPINGS}?MaxItems=0`)).status, 400);
  const one = `${MAPPINGS}/14e0db71-5d35-4eb5-b481-8945cf9d10c2`;
  for (const method of ["GET", "PUT", "DELETE"]) {
    const answer = await api.send(method, one);
    assert.deepEqual([answer.status, answer.code], [404, "ResourceNotFoundException"]);
    assert.equal(answer.json.Message, "The resource you requested does not exist.");
  }
  const bad = await api.send("PUT", one, { body: { BatchSize: 0 } });
  assert.equal(bad.code, "ValidationException");
});
