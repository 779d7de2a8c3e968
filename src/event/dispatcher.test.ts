import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred, PlatformError } from "../base/mod.ts";
import { limits, type Outcome } from "../model/mod.ts";
import { ALICE, BOB } from "../registry/testing.ts";
import { FAILURE, SUCCESS, testEvents } from "./testing.ts";

const MINUTE_MS = 60_000;
const ARN = "arn:aws:lambda:us-east-1:111111111111:function";

function throttled(limit: number): PlatformError {
  const scope = "function";
  return new PlatformError({ kind: "throttled", scope, limit, retryAfterSeconds: 1 }, "Busy");
}

function unavailable(): PlatformError {
  return new PlatformError({ kind: "unavailable", what: "host" }, "Down");
}

test("Events: an accepted event runs once and leaves nothing behind", async () => {
  const events = await testEvents();
  const payload = Buffer.from('{ "a": "žluť" }');
  await events.send("f", { payload, requestId: "first" });
  assert.deepEqual(events.called(), ["f"]);
  assert.equal(events.calls[0]?.requestId, "first");
  assert.deepEqual(events.calls[0]?.payload, payload);
  assert.equal(events.dispatcher.size, 0);
  assert.deepEqual(await events.table.list("events"), []);
  assert.deepEqual(await events.table.list("event-payloads"), []);
  assert.equal(events.metric("hearth_async_events_received_total"), 1);
});

test("ASYNC-3: a failing function gets its event again after one minute, then after two", async () => {
  const events = await testEvents();
  events.script = () => FAILURE;
  await events.send("f", { requestId: "same" });
  assert.equal(events.calls.length, 1);
  await events.pass(MINUTE_MS - 1);
  assert.equal(events.calls.length, 1);
  await events.pass(1);
  assert.equal(events.calls.length, 2);
  await events.pass(2 * MINUTE_MS - 1);
  assert.equal(events.calls.length, 2);
  await events.pass(1);
  assert.equal(events.calls.length, 3);
  await events.pass(24 * 60 * MINUTE_MS);
  assert.equal(events.calls.length, 3);
  assert.deepEqual([...new Set(events.calls.map(({ requestId }) => requestId))], ["same"]);
  assert.equal(events.dispatcher.size, 0);
  const dropped = 'hearth_async_events_dropped_total{condition="RetriesExhausted"}';
  assert.equal(events.metric(dropped), 1);
  assert.equal(events.metric("hearth_async_event_age_milliseconds_total"), 4 * MINUTE_MS);
});

test("Events: MaximumRetryAttempts of the qualifier says how often", async () => {
  const events = await testEvents();
  await events.registry.publishVersion(ALICE, "f");
  await events.configs.put(ALICE, "f", "1", { maximumRetryAttempts: 0 });
  await events.configs.put(ALICE, "f", undefined, { maximumRetryAttempts: 1 });
  events.script = () => FAILURE;
  await events.send("f", { qualifier: "1" });
  await events.pass(10 * MINUTE_MS);
  assert.equal(events.calls.length, 1);
  await events.send("f");
  await events.pass(10 * MINUTE_MS);
  assert.equal(events.calls.length, 3);
});

test("Events: a restart goes on where the queue was, attempts and times included", async () => {
  const events = await testEvents();
  events.script = () => FAILURE;
  await events.send("f", { requestId: "failed once" });
  const never = deferred<Outcome>();
  events.script = () => never.promise;
  await events.send("f", { requestId: "under way" });
  events.script = () => SUCCESS;
  await events.restart();
  assert.equal(events.calls.at(-1)?.requestId, "under way");
  assert.equal(events.calls.length, 3);
  await events.pass(MINUTE_MS);
  assert.equal(events.calls.at(-1)?.requestId, "failed once");
  assert.equal(events.dispatcher.size, 0);
  assert.deepEqual(await events.table.list("events"), []);
});

test("Events: what ends after the dispatcher does changes nothing on disk", async () => {
  const events = await testEvents();
  const running = deferred<Outcome>();
  events.script = () => running.promise;
  await events.send("f");
  await events.dispatcher[Symbol.asyncDispose]();
  running.resolve(FAILURE);
  await events.settle();
  const [left] = await events.table.list<{ attempts: number }>("events");
  assert.equal(left?.value.attempts, 0);
});

test("Events: drain takes no more and waits for what runs", async () => {
  const events = await testEvents();
  const running = deferred<Outcome>();
  events.script = () => running.promise;
  await events.send("f");
  let hasDrained = false;
  const draining = events.dispatcher.drain(1000).then(() => {
    hasDrained = true;
  });
  await events.send("f");
  assert.deepEqual([events.calls.length, hasDrained], [1, false]);
  running.resolve(SUCCESS);
  await draining;
  assert.equal(events.dispatcher.size, 1);
  const stuck = await testEvents();
  stuck.script = () => deferred<Outcome>().promise;
  await stuck.send("f");
  const late = stuck.dispatcher.drain(1000);
  await stuck.pass(1000);
  await late;
});

test("Events: throttles and refusals of the platform back off from 1 s to 5 min", async () => {
  for (const refusal of [throttled(1), unavailable()]) {
    const events = await testEvents();
    events.script = () => {
      throw refusal;
    };
    await events.send("f");
    const times: number[] = [];
    const begin = events.clock.now();
    for (let seen = events.calls.length; times.length < 11; ) {
      await events.pass(1000);
      if (events.calls.length === seen) continue;
      seen = events.calls.length;
      times.push((events.clock.now() - begin) / 1000);
    }
    const waits = times.map((time, index) => time - (times[index - 1] ?? 0));
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    events.script = () => SUCCESS;
    await events.pass(300_000);
    assert.equal(events.dispatcher.size, 0);
  }
});

test("Events: a place that becomes free ends the back-off", async () => {
  const events = await testEvents();
  const first = deferred<Outcome>();
  let running = 0;
  events.script = async ({ requestId }) => {
    if (running === 1) throw throttled(1);
    running++;
    const outcome = requestId === "long" ? await first.promise : SUCCESS;
    running--;
    return outcome;
  };
  await events.send("f", { requestId: "long" });
  for (let i = 0; i < 20; i++) await events.send("f");
  await events.pass(600_000);
  assert.equal(events.dispatcher.size, 21);
  first.resolve(SUCCESS);
  await events.settle();
  for (let i = 0; i < 20 && events.dispatcher.size > 0; i++) await events.settle();
  assert.equal(events.dispatcher.size, 0, "no time had to pass");
});

test("ASYNC-3: an event that waits for longer than MaximumEventAge is dropped", async () => {
  const events = await testEvents();
  await events.create("grave");
  const onFailure = `${ARN}:grave`;
  const destinations = { onFailure };
  await events.configs.put(ALICE, "f", undefined, { maximumEventAgeSeconds: 60, destinations });
  events.script = ({ functionName }) => {
    if (functionName === "f") throw throttled(1);
    return SUCCESS;
  };
  await events.send("f");
  await events.pass(MINUTE_MS - 1);
  assert.equal(events.dispatcher.size, 1);
  await events.pass(1);
  assert.equal(events.dispatcher.size, 0);
  assert.equal(events.called().at(-1), "grave");
  assert.deepEqual(events.payload(-1).requestContext, {
    requestId: "r1",
    functionArn: `${ARN}:f:$LATEST`,
    condition: "EventAgeExceeded",
    approximateInvokeCount: 0,
  });
  events.script = ({ functionName }) => (functionName === "f" ? FAILURE : SUCCESS);
  await events.send("f");
  assert.equal(events.payload(-1).requestContext.condition, "EventAgeExceeded");
  assert.equal(events.payload(-1).requestContext.approximateInvokeCount, 1);
});

test("Events: a reservation of zero sends events to their destination at once", async () => {
  const events = await testEvents();
  await events.create("grave");
  await events.configs.put(ALICE, "f", undefined, { destinations: { onFailure: `${ARN}:grave` } });
  events.script = ({ functionName }) => {
    if (functionName === "f") throw throttled(0);
    return SUCCESS;
  };
  await events.send("f");
  const { timestamp, ...record } = events.payload(-1);
  assert.equal(typeof timestamp, "string");
  assert.deepEqual(record, {
    version: "1.0",
    requestContext: {
      requestId: "r1",
      functionArn: `${ARN}:f:$LATEST`,
      condition: "ZeroReservedConcurrency",
      approximateInvokeCount: 0,
    },
    requestPayload: {},
  });
});

test("ASYNC-5: owners take turns, and so do an owner's functions", async () => {
  const events = await testEvents();
  await events.create("g");
  await events.create("bob", BOB);
  const gates: Array<() => void> = [];
  const hold = (): Promise<Outcome> => new Promise((resolve) => gates.push(() => resolve(SUCCESS)));
  events.script = hold;
  const many = limits.EVENTS_RUNNING_PER_OWNER_MAX + 20;
  for (let i = 0; i < many; i++) await events.send("f");
  assert.equal(events.calls.length, limits.EVENTS_RUNNING_PER_OWNER_MAX, "an owner's share");
  await events.send("bob", { owner: BOB });
  assert.equal(events.called().at(-1), "bob", "the other does not wait for it");
  await events.send("g");
  gates.shift()?.();
  await events.settle();
  gates.shift()?.();
  await events.settle();
  assert.deepEqual(events.called().slice(-2).sort(), ["f", "g"]);
});

test("Events: those of a deleted function go with it, and nobody else's", async () => {
  const events = await testEvents();
  await events.create("f", BOB);
  events.script = () => {
    throw throttled(1);
  };
  await events.send("f");
  await events.send("f");
  await events.send("f", { owner: BOB });
  await events.registry.delete(ALICE, "f");
  events.dispatcher.forget(ALICE, "f");
  await events.settle();
  assert.equal(events.dispatcher.size, 1);
  const left = await events.table.list<{ owner: string }>("events");
  assert.deepEqual(
    left.map(({ value }) => value.owner),
    [BOB],
  );
  assert.equal((await events.table.list("event-payloads")).length, 1);
});

test("Events: a start drops events whose function was deleted", async () => {
  const events = await testEvents();
  events.script = () => FAILURE;
  await events.send("f");
  await events.registry.delete(ALICE, "f");
  await events.restart();
  await events.pass(MINUTE_MS);
  assert.equal(events.calls.length, 1);
  assert.equal(events.dispatcher.size, 0);
  assert.deepEqual(await events.table.list("events"), []);
});

test("Events: refused when there is no such function, or too much", async () => {
  const events = await testEvents();
  await assert.rejects(events.send("g"), { kind: "not_found" });
  await assert.rejects(events.send("f", { qualifier: "9" }), { kind: "not_found" });
  await assert.rejects(events.send("f", { owner: BOB }), { kind: "not_found" });
  const most = Buffer.alloc(limits.EVENT_PAYLOAD_BYTES_MAX, "1");
  await events.send("f", { payload: most });
  const more = Buffer.concat([most, Buffer.from("1")]);
  await assert.rejects(events.send("f", { payload: more }), { kind: "too_large" });
  assert.equal(events.calls.length, 1);
});
