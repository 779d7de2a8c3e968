import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { ALICE, BOB } from "../registry/testing.ts";
import type { OperationUpdate } from "./operation.ts";
import { Crash, type DurableEvent, PENDING, succeeded, TestDurable } from "./testing.ts";

const start = (id: string, type: OperationUpdate["type"], more = {}): OperationUpdate => ({
  ...{ id, type, action: "START" },
  ...more,
});
const succeed = (id: string, payload = "1"): OperationUpdate => ({
  ...{ id, type: "STEP", action: "SUCCEED", payload },
});

/** The operation as the function was told of it. */
function told(event: DurableEvent, id: string): Readonly<Record<string, unknown>> | undefined {
  return event.InitialExecutionState.Operations.find((operation) => operation.Id === id);
}

test("a wait suspends the execution and time resumes it", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    if (told(event, "nap")?.Status === "SUCCEEDED") return succeeded("rested");
    const wait = start("nap", "WAIT", { waitSeconds: 5 });
    await durable.executions.checkpoint(record, { token: event.CheckpointToken, updates: [wait] });
    return PENDING;
  });
  const record = await durable.start("flow");
  await durable.settle();
  await durable.advance(4);
  assert.equal(durable.invocations.length, 1);
  await durable.advance(1);
  assert.equal(durable.invocations.length, 2);
  assert.deepEqual(durable.invocations[1]?.UpdatedOperationIds, ["nap"]);
  assert.deepEqual(await durable.executions.ended(record), {
    status: "SUCCEEDED",
    result: '"rested"',
  });
});

test("a checkpoint token is good once, and only for the invocation that got it", async () => {
  using durable = new TestDurable();
  const tokens: string[] = [];
  durable.functions.set("flow", async (event) => {
    tokens.push(event.CheckpointToken);
    if (tokens.length === 1) throw new Crash("gone");
    const { token } = await durable.checkpoint(record, event.CheckpointToken, succeed("a"));
    tokens.push(token);
    const stale = { message: "Invalid Checkpoint Token" };
    await assert.rejects(durable.checkpoint(record, event.CheckpointToken, succeed("b")), stale);
    await assert.rejects(durable.checkpoint(record, tokens[0] ?? "", succeed("b")), stale);
    await assert.rejects(durable.checkpoint(record, "bm90aGluZw==", succeed("b")), stale);
    await durable.checkpoint(record, token, succeed("b"));
    return succeeded(true);
  });
  const record = await durable.start("flow");
  await durable.settle();
  await durable.advance(1);
  assert.equal((await durable.executions.ended(record)).status, "SUCCEEDED");
  await assert.rejects(durable.checkpoint(record, tokens.at(-1) ?? "", succeed("c")), {
    message: "Invalid Checkpoint Token",
  });
});

test("a repeated checkpoint with the same client token is answered again, not applied", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    const request = { token: event.CheckpointToken, updates: [succeed("a")], clientToken: "once" };
    const first = await durable.executions.checkpoint(record, request);
    assert.deepEqual(await durable.executions.checkpoint(record, request), first);
    await durable.checkpoint(record, first.token);
    await assert.rejects(durable.executions.checkpoint(record, request));
    return succeeded(true);
  });
  const record = await durable.start("flow");
  assert.equal((await durable.executions.ended(record)).status, "SUCCEEDED");
  const types = await durable.types(record);
  assert.equal(types.filter((type) => type === "StepSucceeded").length, 1);
});

test("crashes are retried with growing pauses, then fail the execution", async () => {
  using durable = new TestDurable();
  const at: number[] = [];
  durable.functions.set("flow", async () => {
    at.push(durable.clock.monotonic() / 1000);
    throw new Crash("out of memory");
  });
  const record = await durable.start("flow");
  await durable.settle();
  await durable.advance(60);
  assert.deepEqual(at, [0, 1, 3, 7, 15, 31]);
  assert.equal(at.length, 1 + limits.DURABLE_CRASHES_MAX);
  assert.deepEqual(await durable.executions.ended(record), {
    status: "FAILED",
    error: { ErrorType: "Runtime.ExitError", ErrorMessage: "out of memory" },
  });
});

test("an invocation for which there is no room is asked for again and counts for nothing", async () => {
  using durable = new TestDurable();
  let refusals = 0;
  durable.functions.set("flow", async () => {
    if (refusals++ < 20) {
      const detail = { kind: "throttled", scope: "function", limit: 1, retryAfterSeconds: 1 };
      throw new PlatformError(detail as PlatformError["detail"], "Busy");
    }
    return succeeded(true);
  });
  const record = await durable.start("flow");
  await durable.settle();
  await durable.advance(25);
  assert.equal((await durable.executions.ended(record)).status, "SUCCEEDED");
  assert.deepEqual(await durable.types(record), [
    "ExecutionStarted",
    "InvocationCompleted",
    "ExecutionSucceeded",
  ]);
});

test("a step's next attempt waits for its time", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    const step = told(event, "s");
    if (step?.Status === "READY") {
      await durable.checkpoint(record, event.CheckpointToken, succeed("s", '"second"'));
      return succeeded((step.StepDetails as { Attempt: number }).Attempt);
    }
    const again = { ...succeed("s"), action: "RETRY", nextAttemptDelaySeconds: 3 } as const;
    const { payload: _, ...retry } = { ...again, error: { ErrorMessage: "first" } };
    await durable.checkpoint(record, event.CheckpointToken, start("s", "STEP"), retry);
    return PENDING;
  });
  const record = await durable.start("flow");
  await durable.settle();
  await durable.advance(2);
  assert.equal(durable.invocations.length, 1);
  await durable.advance(1);
  assert.equal((await durable.executions.ended(record)).result, "1");
});

test("callbacks: heartbeats keep them open, silence closes them", async () => {
  using durable = new TestDurable();
  let callbackId = "";
  durable.functions.set("flow", async (event) => {
    const status = told(event, "c")?.Status;
    if (status !== undefined && status !== "STARTED") return succeeded(status);
    const callback = start("c", "CALLBACK", { timeoutSeconds: 60, heartbeatSeconds: 10 });
    const answer = await durable.checkpoint(record, event.CheckpointToken, callback);
    callbackId = answer.operations[0]?.callbackId ?? "";
    return PENDING;
  });
  const record = await durable.start("flow");
  await durable.settle();
  for (let beat = 0; beat < 3; beat++) {
    await durable.advance(9);
    await durable.executions.heartbeat(ALICE, callbackId);
  }
  await assert.rejects(durable.executions.heartbeat(BOB, callbackId), /not found/);
  assert.equal(durable.invocations.length, 1);
  await durable.advance(10);
  assert.equal((await durable.executions.ended(record)).result, '"TIMED_OUT"');
  const late = durable.executions.completeCallback(ALICE, callbackId, { status: "SUCCEEDED" });
  await assert.rejects(late, /closed/);
});

test("what comes while the function runs is told at its next checkpoint", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    const callback = start("c", "CALLBACK");
    const first = await durable.checkpoint(record, event.CheckpointToken, callback);
    const callbackId = first.operations[0]?.callbackId ?? "";
    const outcome = { status: "SUCCEEDED", result: "now" } as const;
    await durable.executions.completeCallback(ALICE, callbackId, outcome);
    const second = await durable.checkpoint(record, first.token);
    assert.deepEqual(
      second.operations.map(({ id, status, result }) => [id, status, result]),
      [["c", "SUCCEEDED", "now"]],
    );
    return succeeded(true);
  });
  const record = await durable.start("flow");
  assert.equal((await durable.executions.ended(record)).status, "SUCCEEDED");
  assert.equal(durable.invocations.length, 1);
});

test("what comes between the last checkpoint and the suspension resumes at once", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    if (told(event, "c")?.Status === "SUCCEEDED") return succeeded(true);
    const { operations } = await durable.checkpoint(
      record,
      event.CheckpointToken,
      start("c", "CALLBACK"),
    );
    const callbackId = operations[0]?.callbackId ?? "";
    await durable.executions.completeCallback(ALICE, callbackId, { status: "SUCCEEDED" });
    return PENDING;
  });
  const record = await durable.start("flow");
  assert.equal((await durable.executions.ended(record)).status, "SUCCEEDED");
  assert.equal(durable.invocations.length, 2);
});

test("chained calls: of any function, and of a durable one exactly once over a crash", async () => {
  using durable = new TestDurable();
  durable.functions.set("plain", async (event) => ({ echoed: event }));
  durable.functions.set("child", async (event) => {
    if (told(event, "nap")?.Status === "SUCCEEDED") return succeeded("grown");
    const reference = { owner: ALICE, functionName: "child", id: childId(event) };
    const wait = start("nap", "WAIT", { waitSeconds: 5 });
    await durable.executions.checkpoint(reference, {
      token: event.CheckpointToken,
      updates: told(event, "nap") ? [] : [wait],
    });
    return PENDING;
  });
  durable.functions.set("flow", async (event) => {
    const done = ["p", "d"].map((id) => told(event, id)?.ChainedInvokeDetails);
    if (done.every((details) => Object.keys(details ?? {}).length > 0)) return succeeded(done);
    if (!told(event, "p")) {
      const plain = start("p", "CHAINED_INVOKE", { functionName: "plain", payload: "7" });
      const child = start("d", "CHAINED_INVOKE", { functionName: "child:1", payload: "8" });
      await durable.checkpoint(record, event.CheckpointToken, plain, child);
    }
    return PENDING;
  });
  const record = await durable.start("flow");
  await durable.settle();
  await durable.restart();
  await durable.advance(6);
  const { result = "null" } = await durable.executions.ended(record);
  assert.deepEqual(JSON.parse(result), [{ Result: '{"echoed":7}' }, { Result: '"grown"' }]);
  const children: string[] = [];
  for await (const { record: child } of durable.executions.store.executions(ALICE, "child")) {
    children.push(child.id);
  }
  assert.equal(children.length, 1);
});

function childId(event: DurableEvent): string {
  return event.DurableExecutionArn.split("/").at(-1) ?? "";
}

test("names: one execution for one payload, another payload is refused, owners apart", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async () => succeeded(true));
  const named = (payload: string, owner = ALICE) =>
    durable.start("flow", { name: "order", payload, owner });
  const [first, second] = await Promise.all([named("1"), named("1")]);
  assert.equal(first.id, second.id, "also when they come at the same moment");
  await durable.executions.ended(first);
  assert.equal((await named("1")).id, first.id);
  await assert.rejects(named("2"), {
    detail: { kind: "already_exists", resource: "durable-execution", id: "order" },
  });
  assert.notEqual((await named("2", BOB)).id, first.id);
  await assert.rejects(durable.executions.describe({ ...first, owner: BOB }), /not found/);
});

test("an ended execution is kept for its retention, then it and its name are gone", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async () => succeeded(true));
  await durable.executions.open();
  const record = await durable.start("flow", { name: "once" });
  await durable.executions.ended(record);
  await durable.clock.advance(23 * 3600 * 1000);
  await durable.settle();
  assert.equal((await durable.executions.describe(record)).record.status, "SUCCEEDED");
  await durable.clock.advance(2 * 3600 * 1000);
  await durable.settle();
  await assert.rejects(durable.executions.describe(record), /not found/);
  assert.deepEqual(await durable.history(record), []);
  const again = await durable.start("flow", { name: "once", payload: "2" });
  assert.notEqual(again.id, record.id);
});

test("a deleted function's executions end and are gone", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    const token = event.CheckpointToken;
    await durable.executions.checkpoint(record, { token, updates: [start("c", "CALLBACK")] });
    return PENDING;
  });
  const record = await durable.start("flow", { name: "n" });
  await durable.settle();
  const ended = durable.executions.ended(record);
  await Promise.all([assert.rejects(ended, /not found/), durable.executions.forget(ALICE, "flow")]);
  await assert.rejects(durable.executions.describe(record), /not found/);
  await durable.restart();
  assert.equal(durable.invocations.length, 1);
});

test("an invocation cut off by a crash of the server is run again", async () => {
  using durable = new TestDurable();
  const hung = Promise.withResolvers<never>();
  durable.functions.set("flow", () =>
    durable.invocations.length === 1 ? hung.promise : Promise.resolve(succeeded(true)),
  );
  const record = await durable.start("flow");
  await durable.settle();
  await durable.restart();
  assert.equal((await durable.executions.ended(record)).status, "SUCCEEDED");
  const events = await durable.history(record);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["ExecutionStarted", "InvocationCompleted", "InvocationCompleted", "ExecutionSucceeded"],
  );
});

test("an execution times out and can be stopped, whatever it waits for", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    const reference = { owner: ALICE, functionName: "flow", id: childId(event) };
    const updates = told(event, "c") ? [] : [start("c", "CALLBACK")];
    await durable.executions.checkpoint(reference, { token: event.CheckpointToken, updates });
    return PENDING;
  });
  const record = await durable.start("flow");
  const stopped = await durable.start("flow");
  await durable.settle();
  const error = { ErrorMessage: "enough" };
  await durable.executions.stop(stopped, error);
  assert.deepEqual(await durable.executions.ended(stopped), { status: "STOPPED", error });
  await durable.clock.advance(3600 * 1000);
  await durable.settle();
  assert.equal((await durable.executions.ended(record)).status, "TIMED_OUT");
});

test("operations and bytes of an execution are bounded, updates of a checkpoint too", async () => {
  using durable = new TestDurable();
  const messages: string[] = [];
  durable.functions.set("flow", async (event) => {
    let token = event.CheckpointToken;
    const send = async (updates: OperationUpdate[]): Promise<void> => {
      token = (await durable.executions.checkpoint(record, { token, updates })).token;
    };
    const refused = (updates: OperationUpdate[]): Promise<void> =>
      send(updates).catch((error: Error) => void messages.push(error.message));
    const many = (from: number, count: number): OperationUpdate[] =>
      Array.from({ length: count }, (_, index) => succeed(`s${from + index}`));
    await refused(many(0, limits.DURABLE_UPDATES_MAX + 1));
    for (let sent = 1; sent < limits.DURABLE_OPERATIONS_MAX; sent += 200) {
      await send(many(sent, Math.min(200, limits.DURABLE_OPERATIONS_MAX - sent)));
    }
    await refused(many(9000, 1));
    await refused([succeed("large", "x".repeat(limits.DURABLE_PAYLOAD_BYTES_MAX + 1))]);
    const page = await durable.executions.replay(record, token, { itemsMax: 1000 });
    assert.equal(page.operations.length, 1000);
    return succeeded(true);
  });
  const record = await durable.start("flow");
  assert.equal((await durable.executions.ended(record)).status, "SUCCEEDED");
  assert.match(messages[0] ?? "", /updates must be less than or equal to 250/);
  assert.match(messages[1] ?? "", /operations must be less than or equal to 3000/);
  assert.match(messages[2] ?? "", /STEP output payload size must be less than or equal to 1048576/);
});
