import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { ALICE } from "../registry/testing.ts";
import { beginInvocation, endInvocation, startExecution } from "./lifecycle.core.ts";
import type { OperationUpdate } from "./operation.ts";
import { type DurableEvent, PENDING, succeeded, TestDurable } from "./testing.ts";

/** Functions that do what AWS's SDK never does. */

const RETRY: readonly OperationUpdate[] = [
  { id: "s", type: "STEP", action: "START" },
  {
    ...{ id: "s", type: "STEP", action: "RETRY" },
    ...{ nextAttemptDelaySeconds: 1, error: { ErrorMessage: "again" } },
  },
];

test("a function that never tries the step that is ready is not asked again at once", async () => {
  using durable = new TestDurable();
  durable.functions.set("flow", async (event) => {
    const isFirst = event.InitialExecutionState.Operations.length === 1;
    if (isFirst) await durable.checkpoint(record, event.CheckpointToken, ...RETRY);
    return PENDING;
  });
  const record = await durable.start("flow");
  await durable.settle();
  await durable.advance(10);
  assert.ok(durable.invocations.length > 2, "it is asked");
  assert.ok(durable.invocations.length <= 12, `${durable.invocations.length} invocations in 10 s`);
});

test("an execution whose invocations alone fill its history ends", () => {
  const wanted = {
    ...{ owner: "1", functionName: "f", id: "0", name: "n", isNamed: false, version: "1" },
    ...{ functionArn: "", arn: "", timeoutSeconds: 9, retentionDays: 1, isSynchronous: false },
    ...{ traceId: "", inputDigest: "" },
  } as unknown as Parameters<typeof startExecution>[0];
  const { state: started } = startExecution(wanted, "{}", 0);
  const full = { ...started, record: { ...started.record, eventCount: limits.DURABLE_EVENTS_MAX } };
  const begun = beginInvocation(full, "i", 0).transition.state;
  const { state } = endInvocation(begun, "i", { status: "PENDING" }, 0);
  assert.equal(state.record.status, "FAILED");
});

function chain(id: string, functionName: string): OperationUpdate {
  return { id, type: "CHAINED_INVOKE", action: "START", functionName };
}

test("chained calls: executions that chain to their own function are one chain of calls", async () => {
  using durable = new TestDurable();
  const traces: string[] = [];
  const flow = async (event: DurableEvent, traceId: string) => {
    if (event.InitialExecutionState.Operations.length > 1) return succeeded(1);
    traces.push(traceId);
    if (traces.length === 3) {
      throw new PlatformError({ kind: "recursion", resource: "flow", runs: 3 }, "In circles");
    }
    const id = event.DurableExecutionArn.split("/").at(-1) ?? "";
    const reference = { owner: ALICE, functionName: "flow", id };
    const { CheckpointToken: token } = event;
    await durable.executions.checkpoint(reference, { token, updates: [chain("c", "flow:1")] });
    return PENDING;
  };
  durable.functions.set("flow", (event, { traceId }) => flow(event, traceId));
  await durable.start("flow");
  await durable.advance(2);
  const runs = traces.map((trace) => /Lineage=[0-9a-f]{8}:(\d)$/.exec(trace)?.[1]);
  assert.deepEqual(runs, [undefined, "0", "1"]);
  const last = [];
  for await (const { record } of durable.executions.store.executions(ALICE, "flow")) {
    last.push(record.status);
  }
  assert.deepEqual(last.sort(), ["FAILED", "SUCCEEDED", "SUCCEEDED"], "refused at once, for good");
});
