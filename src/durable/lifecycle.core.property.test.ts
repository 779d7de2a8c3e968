import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PlatformError } from "../base/mod.ts";
import { ALICE } from "../registry/testing.ts";
import type { ExecutionState, Transition } from "./execution.ts";
import {
  beginInvocation,
  checkpoint,
  completeCallback,
  endInvocation,
  fireTimers,
  recoverExecution,
  startExecution,
  stopExecution,
} from "./lifecycle.core.ts";
import type { Operation, OperationUpdate } from "./operation.ts";
import { replayPage } from "./replay.core.ts";
import { checkpointTokenOf } from "./token.core.ts";

const NEW = {
  ...{ owner: ALICE, functionName: "f", id: "e-1", name: "n", isNamed: false, version: "1" },
  ...{ functionArn: "f", arn: "a", timeoutSeconds: 300, retentionDays: 1, isSynchronous: false },
  ...{ traceId: "t", inputDigest: "d" },
};

const id = fc.constantFrom("a", "b", "c", "d");
const verb = fc.constantFrom(
  ...([
    "STEP START",
    "STEP SUCCEED",
    "STEP FAIL",
    "STEP RETRY",
    "WAIT START",
    "WAIT CANCEL",
  ] as const),
  ...(["CONTEXT START", "CONTEXT SUCCEED", "CONTEXT FAIL", "CALLBACK START"] as const),
  ...(["CALLBACK CANCEL", "CHAINED_INVOKE START", "CHAINED_INVOKE CANCEL"] as const),
);
const update: fc.Arbitrary<OperationUpdate> = fc
  .record({
    id,
    verb,
    parent: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, id),
    replayChildren: fc.boolean(),
    delay: fc.integer({ min: 1, max: 20 }),
  })
  .map(({ id, parent, verb, replayChildren, delay }) => {
    const [type, action] = verb.split(" ") as [OperationUpdate["type"], OperationUpdate["action"]];
    return {
      ...{ id: `${type}-${id}`, type, action, replayChildren, functionName: "g" },
      ...(parent === undefined ? {} : { parentId: `CONTEXT-${parent}` }),
      ...{ waitSeconds: delay, timeoutSeconds: delay, nextAttemptDelaySeconds: delay },
      ...(action === "SUCCEED" ? { payload: "1" } : {}),
    };
  });

type Action =
  | { readonly kind: "pass"; readonly seconds: number }
  | { readonly kind: "begin" | "pending" | "crash" | "recover" | "stop" }
  | { readonly kind: "checkpoint"; readonly updates: readonly OperationUpdate[] }
  | { readonly kind: "callback"; readonly id: string };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({
      kind: fc.constant("checkpoint" as const),
      updates: fc.array(update, { maxLength: 2 }),
    }),
  },
  { weight: 8, arbitrary: fc.constantFrom<Action>({ kind: "begin" }, { kind: "pending" }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.nat({ max: 15 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("callback" as const),
      id: id.map((each) => `CALLBACK-${each}`),
    }),
  },
  fc.constantFrom<Action>({ kind: "crash" }, { kind: "recover" }),
  { weight: 1, arbitrary: fc.constant<Action>({ kind: "stop" }) },
);

function applied(state: ExecutionState, step: Action, nowMs: number): Transition {
  const { record } = state;
  switch (step.kind) {
    case "pass":
      return fireTimers(state, nowMs);
    case "begin":
      return beginInvocation(state, `i-${record.token}`, nowMs).transition;
    case "pending":
      return endInvocation(state, record.invocation?.id ?? "", { status: "PENDING" }, nowMs);
    case "crash": {
      const outcome = { status: "CRASHED", error: {}, retryAfterMs: 1 } as const;
      return endInvocation(state, record.invocation?.id ?? "", outcome, nowMs);
    }
    case "recover":
      return recoverExecution(state, nowMs);
    case "stop":
      return stopExecution(state, undefined, nowMs);
    case "callback":
      return completeCallback(state, step.id, { status: "SUCCEEDED" }, nowMs);
    case "checkpoint": {
      const token = checkpointTokenOf(record, record.invocation?.id ?? "none");
      return checkpoint(state, { token, updates: step.updates }, nowMs).transition;
    }
  }
}

const FINAL: ReadonlySet<string> = new Set([
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "TIMED_OUT",
  "STOPPED",
]);

function checkStep(before: ExecutionState, { state, changed, events }: Transition): void {
  const { record, operations } = state;
  for (const [index, event] of events.entries()) {
    assert.equal(event.id, before.record.eventCount + index + 1, "events have no gaps");
  }
  assert.equal(record.eventCount, before.record.eventCount + events.length);
  assert.equal(record.operationCount, operations.size);
  const sequences = [...operations.values()].map(({ sequence }) => sequence);
  assert.deepEqual(
    sequences,
    sequences.map((_, index) => index),
    "in the order of start",
  );
  for (const operation of before.operations.values()) {
    if (!FINAL.has(operation.status)) continue;
    assert.deepEqual(operations.get(operation.id), operation, "what has ended stays as it is");
  }
  const differing = [...operations.values()].filter(
    (each) => before.operations.get(each.id) !== each,
  );
  const written = changed.toSorted((a, b) => a.sequence - b.sequence);
  assert.deepEqual(differing, written, "every change is written, and nothing else");
  assert.ok(record.token >= before.record.token, "tokens only grow");
  if (before.record.status !== "RUNNING") assert.equal(record.status, before.record.status);
}

function checkReplay({ record, operations }: ExecutionState): void {
  const seen: Operation[] = [];
  for (let after: number | undefined; ; ) {
    const bounds = { itemsMax: 2, bytesMax: 1e6, isNeverEmpty: true };
    const page = replayPage(
      { record, operations },
      after === undefined ? bounds : { ...bounds, after },
    );
    seen.push(...page.operations);
    if (page.next === undefined) break;
    after = page.next;
  }
  const ids = new Set(seen.map(({ id }) => id));
  assert.equal(ids.size, seen.length, "no operation is on two pages");
  for (const operation of operations.values()) {
    const parent = operations.get(operation.parentId ?? "");
    const isInside = parent !== undefined;
    const isShown = !isInside || (ids.has(parent.id) && (!parent.endedAt || parent.replayChildren));
    assert.equal(ids.has(operation.id), Boolean(isShown), "all but the inside of ended contexts");
  }
}

test("executions: any order of checkpoints, timers, callbacks and crashes keeps the rules", () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 30, maxLength: 60, size: "max" }), (actions) => {
      let nowMs = 1000;
      let { state } = startExecution(NEW, "{}", nowMs);
      state = beginInvocation(state, "i-first", nowMs).transition.state;
      for (const each of actions) {
        // Without an invocation there is little to try.
        if (each.kind === "checkpoint" && state.record.invocation === null) {
          state = beginInvocation(state, `i-${state.record.token}`, nowMs).transition.state;
        }
        if (each.kind === "pass") nowMs += each.seconds * 1000;
        const frozen = structuredClone(state);
        let transition: Transition;
        try {
          transition = applied(state, each, nowMs);
        } catch (error) {
          assert.ok(error instanceof PlatformError, String(error));
          assert.deepEqual(state, frozen, "a refused step changes nothing");
          continue;
        }
        assert.deepEqual(state, frozen, "steps do not change the state they begin with");
        checkStep(state, transition);
        checkReplay(transition.state);
        state = transition.state;
      }
    }),
    { numRuns: 300 },
  );
});

test("executions: a token is never valid twice", () => {
  fc.assert(
    fc.property(fc.array(fc.array(update, { maxLength: 3 }), { maxLength: 10 }), (batches) => {
      let { state } = startExecution(NEW, "{}", 0);
      state = beginInvocation(state, "i", 0).transition.state;
      for (const updates of batches) {
        const token = checkpointTokenOf(state.record, "i");
        try {
          state = checkpoint(state, { token, updates }, 0).transition.state;
        } catch {
          continue;
        }
        assert.throws(
          () => checkpoint(state, { token, updates: [] }, 0),
          /Invalid Checkpoint Token/,
        );
      }
    }),
  );
});
