import { limits } from "../model/mod.ts";
import type { Draft } from "./draft.ts";
import { endExecution } from "./ending.core.ts";
import type { ExecutionState } from "./execution.ts";
import type { Operation } from "./operation.ts";

/** Lets happen what is due by now; at most DURABLE_DUE_MAX operations, the rest next time. */
export function fireDue(draft: Draft): void {
  if (draft.record.status !== "RUNNING") return;
  if (draft.record.timeoutAt <= draft.nowMs) {
    const ErrorMessage = `Execution timed out after ${draft.record.timeoutSeconds} seconds`;
    endExecution(draft, {
      status: "TIMED_OUT",
      error: { ErrorType: "Execution.Timeout", ErrorMessage },
    });
    return;
  }
  let fired = 0;
  for (const operation of draft.operations.values()) {
    const dueAt = dueAtOf(operation);
    if (dueAt === undefined || dueAt > draft.nowMs) continue;
    fire(draft, operation);
    if (++fired === limits.DURABLE_DUE_MAX) return;
  }
}

/** When the execution next needs attention, at the latest: its own time-out. */
export function nextDueAt({ record, operations }: ExecutionState): number {
  let next = record.timeoutAt;
  if (record.retryAt !== null) next = Math.min(next, record.retryAt);
  for (const operation of operations.values()) {
    next = Math.min(next, dueAtOf(operation) ?? next);
  }
  return next;
}

/** Whether an operation is open and something but the function's own code will end it. */
export function isPending(operation: Operation): boolean {
  switch (operation.type) {
    case "WAIT":
    case "CALLBACK":
    case "CHAINED_INVOKE":
      return operation.status === "STARTED";
    case "STEP":
      return operation.status === "PENDING" || operation.status === "READY";
    default:
      return false;
  }
}

function dueAtOf(operation: Operation): number | undefined {
  if (!isPending(operation) || operation.status === "READY") return undefined;
  const { dueAt, heartbeatDueAt } = operation;
  if (dueAt === undefined) return heartbeatDueAt;
  return heartbeatDueAt === undefined ? dueAt : Math.min(dueAt, heartbeatDueAt);
}

function fire(draft: Draft, operation: Operation): void {
  const endedAt = draft.nowMs;
  if (operation.type === "STEP") {
    const { dueAt: _, ...rest } = operation;
    draft.put({ ...rest, status: "READY" });
  } else if (operation.type === "WAIT") {
    draft.put({ ...operation, status: "SUCCEEDED", endedAt });
    draft.note("WaitSucceeded", operation, { Duration: operation.waitSeconds });
  } else {
    const isLate = operation.dueAt !== undefined && operation.dueAt <= draft.nowMs;
    const error = {
      ErrorType: isLate ? "Callback.Timeout" : "Callback.HeartbeatTimeout",
      ErrorMessage: isLate ? "Callback timed out" : "Callback heartbeat timed out",
    };
    draft.put({ ...operation, status: "TIMED_OUT", endedAt, error });
    draft.note("CallbackTimedOut", operation, { Error: { Payload: error } });
  }
  draft.announce(operation.id);
}
