import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../model/mod.ts";
import { ALICE } from "../registry/testing.ts";
import { FAILURE, SUCCESS, type TestEvents, testEvents } from "./testing.ts";

const ARN = "arn:aws:lambda:us-east-1:111111111111:function";

async function withDestinations(): Promise<TestEvents> {
  const events = await testEvents();
  await events.create("good");
  await events.create("bad");
  await events.configs.put(ALICE, "f", undefined, {
    maximumRetryAttempts: 0,
    destinations: { onSuccess: `${ARN}:good`, onFailure: `${ARN}:bad:$LATEST` },
  });
  return events;
}

test("Destinations: OnSuccess gets AWS's record of the call, once", async () => {
  const events = await withDestinations();
  await events.send("f", { payload: Buffer.from('{"n":1}'), requestId: "mine" });
  assert.deepEqual(events.called(), ["f", "good"]);
  assert.deepEqual(events.payload(1), {
    version: "1.0",
    timestamp: new Date(events.clock.now()).toISOString(),
    requestContext: {
      requestId: "mine",
      functionArn: `${ARN}:f:$LATEST`,
      condition: "Success",
      approximateInvokeCount: 1,
    },
    requestPayload: { n: 1 },
    responseContext: { statusCode: 200, executedVersion: "$LATEST" },
    responsePayload: "done",
  });
  assert.notEqual(events.calls[1]?.requestId, "mine", "the record is a call of its own");
  assert.equal(events.dispatcher.size, 0);
});

test("Destinations: OnFailure gets it after the last attempt", async () => {
  const events = await withDestinations();
  await events.configs.update(ALICE, "f", undefined, { maximumRetryAttempts: 1 });
  events.script = ({ functionName }) => (functionName === "f" ? FAILURE : SUCCESS);
  await events.send("f");
  await events.pass(60_000);
  assert.deepEqual(events.called(), ["f", "f", "bad"]);
  const { requestContext, responseContext, responsePayload } = events.payload(2);
  assert.deepEqual(
    [requestContext.condition, requestContext.approximateInvokeCount],
    ["RetriesExhausted", 2],
  );
  assert.deepEqual(responseContext, {
    statusCode: 200,
    executedVersion: "$LATEST",
    functionError: "Unhandled",
  });
  assert.deepEqual(responsePayload, { errorType: "Error", errorMessage: "no" });
});

test("Destinations: the record and the end of the event are one commit", async () => {
  const events = await withDestinations();
  let commits = 0;
  const commit = events.table.commit.bind(events.table);
  events.table.commit = (writes) => {
    if (++commits === 2) throw new Error("Disk is full");
    return commit(writes);
  };
  await events.send("f");
  assert.deepEqual(events.called(), ["f"], "no record before the event is over");
  await events.pass(1000);
  assert.deepEqual(events.called(), ["f", "f", "good"]);
  assert.equal(events.dispatcher.size, 0);
});

test("Destinations: one that is gone or too small loses the record, not the queue", async () => {
  const events = await withDestinations();
  await events.registry.delete(ALICE, "good");
  await events.send("f");
  assert.deepEqual(events.called(), ["f"]);
  await events.create("good");
  const most = Buffer.alloc(limits.EVENT_PAYLOAD_BYTES_MAX, "1");
  await events.send("f", { payload: most });
  assert.deepEqual(events.called(), ["f", "f"]);
  assert.equal(events.metric("hearth_async_destination_failures_total"), 2);
  assert.equal(events.dispatcher.size, 0);
});

test("Destinations: the trace tells that the call came through the function", async () => {
  const events = await withDestinations();
  await events.send("f", { traceId: "Root=1-2-3;Parent=4;Sampled=0" });
  const { traceId = "" } = events.calls[1] ?? {};
  assert.match(traceId, /^Root=1-2-3;Parent=4;Sampled=0;Lineage=[0-9a-f]{8}:0$/);
});

test("Destinations: payloads keep every digit", async () => {
  const events = await withDestinations();
  events.script = () => ({ status: "succeeded", payload: Buffer.from("1e400") });
  await events.send("f", { payload: Buffer.from("12345678901234567890.10") });
  const record = events.calls[1]?.payload.toString() ?? "";
  assert.match(record, /"requestPayload":12345678901234567890\.10,.*"responsePayload":1e400\}$/);
});

test("Destinations: an answer that is no JSON is told as text", async () => {
  const events = await withDestinations();
  events.script = () => ({ status: "succeeded", payload: Buffer.from("<p>") });
  await events.send("f", { payload: Buffer.alloc(0) });
  const { requestPayload, responsePayload } = events.payload(1);
  assert.deepEqual([requestPayload, responsePayload], [{}, "<p>"]);
});
