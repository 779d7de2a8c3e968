import type { Draft } from "./draft.ts";
import { type ExecutionEnd, executionOperation } from "./execution.ts";

const EVENTS: Readonly<Record<ExecutionEnd["status"], string>> = {
  SUCCEEDED: "ExecutionSucceeded",
  FAILED: "ExecutionFailed",
  TIMED_OUT: "ExecutionTimedOut",
  STOPPED: "ExecutionStopped",
};

/** Ends the execution, once: what comes after an end changes nothing. */
export function endExecution(draft: Draft, end: ExecutionEnd): void {
  if (draft.record.status !== "RUNNING") return;
  const { status, result, error } = end;
  const operation = executionOperation({ record: draft.record, operations: draft.operations });
  draft.put({
    ...operation,
    status,
    endedAt: draft.nowMs,
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
  });
  draft.set({ status, endedAt: draft.nowMs, wake: false, retryAt: null, updated: [] });
  const details =
    status === "SUCCEEDED"
      ? { Result: result === undefined ? {} : { Payload: result } }
      : { Error: error === undefined ? {} : { Payload: error } };
  draft.note(EVENTS[status], operation, details);
}
