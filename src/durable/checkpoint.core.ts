import type { Draft } from "./draft.ts";
import { endExecution } from "./ending.core.ts";
import type { Operation, OperationType, OperationUpdate } from "./operation.ts";
import { callbackIdOf } from "./token.core.ts";
import { checkBounds, checkUpdate, checkUpdates } from "./update-check.core.ts";

/**
 * Applies the updates of one checkpoint, all or none: a draft that threw is thrown away.
 * @throws PlatformError kind "invalid"
 */
export function applyUpdates(draft: Draft, updates: readonly OperationUpdate[]): void {
  checkUpdates(updates);
  for (const update of updates) {
    const operation = update.type === "EXECUTION" ? undefined : draft.operations.get(update.id);
    checkUpdate(draft.record, draft.operations, operation, update);
    APPLY[update.type](draft, operation ?? newOperation(draft, update), update);
  }
  checkBounds(draft.record);
}

type Apply = (draft: Draft, operation: Operation, update: OperationUpdate) => void;

const APPLY: Readonly<Record<OperationType, Apply>> = {
  STEP: applyToStep,
  CONTEXT: applyToContext,
  WAIT: applyToWait,
  CALLBACK: applyToCallback,
  CHAINED_INVOKE: applyToChained,
  EXECUTION: (draft, _execution, update) => {
    const status = update.action === "SUCCEED" ? "SUCCEEDED" : "FAILED";
    endExecution(draft, { status, ...outcomeOf(update) });
  },
};

function newOperation(draft: Draft, update: OperationUpdate): Operation {
  return {
    id: update.id,
    sequence: draft.record.operationCount,
    type: update.type,
    status: "STARTED",
    startedAt: draft.nowMs,
    ...(update.parentId === undefined ? {} : { parentId: update.parentId }),
    ...(update.name === undefined ? {} : { name: update.name }),
    ...(update.subType === undefined ? {} : { subType: update.subType }),
  };
}

function applyToStep(draft: Draft, operation: Operation, update: OperationUpdate): void {
  // An error or result of the attempt before belongs to that attempt; a result is a state to keep.
  const { error: _, dueAt: __, ...rest } = operation;
  if (update.action === "START") {
    draft.note("StepStarted", draft.put({ ...rest, status: "STARTED" }), {});
    return;
  }
  const attempt = (operation.attempt ?? 0) + 1;
  const outcome = outcomeOf(update);
  const ended = { ...rest, attempt, ...outcome };
  if (update.action === "RETRY") {
    const delaySeconds = update.nextAttemptDelaySeconds ?? 0;
    const dueAt = draft.nowMs + delaySeconds * 1000;
    draft.put({ ...ended, status: "PENDING", dueAt });
    const retry = { CurrentAttempt: attempt, NextAttemptDelaySeconds: delaySeconds };
    draft.note(update.error ? "StepFailed" : "StepSucceeded", operation, {
      ...outcomeDetails(update, update.error === undefined),
      RetryDetails: retry,
    });
    return;
  }
  const isSuccess = update.action === "SUCCEED";
  draft.put({ ...ended, status: isSuccess ? "SUCCEEDED" : "FAILED", endedAt: draft.nowMs });
  draft.note(isSuccess ? "StepSucceeded" : "StepFailed", operation, {
    ...outcomeDetails(update, isSuccess),
    RetryDetails: { CurrentAttempt: attempt },
  });
}

function applyToContext(draft: Draft, operation: Operation, update: OperationUpdate): void {
  if (update.action === "START") {
    draft.note("ContextStarted", draft.put(operation), {});
    return;
  }
  const isSuccess = update.action === "SUCCEED";
  draft.put({
    ...operation,
    ...outcomeOf(update),
    ...(update.replayChildren === undefined ? {} : { replayChildren: update.replayChildren }),
    status: isSuccess ? "SUCCEEDED" : "FAILED",
    endedAt: draft.nowMs,
  });
  const type = isSuccess ? "ContextSucceeded" : "ContextFailed";
  draft.note(type, operation, outcomeDetails(update, isSuccess));
}

function applyToWait(draft: Draft, operation: Operation, update: OperationUpdate): void {
  if (update.action === "CANCEL") {
    draft.put({ ...operation, status: "CANCELLED", endedAt: draft.nowMs });
    draft.note("WaitCancelled", operation, outcomeDetails(update, false));
    return;
  }
  const waitSeconds = update.waitSeconds ?? 0;
  const dueAt = draft.nowMs + waitSeconds * 1000;
  draft.put({ ...operation, waitSeconds, dueAt });
  draft.note("WaitStarted", operation, {
    Duration: waitSeconds,
    ScheduledEndTimestamp: dueAt / 1000,
  });
}

function applyToCallback(draft: Draft, operation: Operation, update: OperationUpdate): void {
  if (update.action === "CANCEL") {
    draft.put({ ...operation, status: "CANCELLED", endedAt: draft.nowMs });
    return;
  }
  const { timeoutSeconds = 0, heartbeatSeconds = 0 } = update;
  const callbackId = callbackIdOf(draft.record, operation.id);
  draft.put({
    ...operation,
    callbackId,
    ...(timeoutSeconds === 0 ? {} : { dueAt: draft.nowMs + timeoutSeconds * 1000 }),
    ...(heartbeatSeconds === 0
      ? {}
      : { heartbeatSeconds, heartbeatDueAt: draft.nowMs + heartbeatSeconds * 1000 }),
  });
  draft.note("CallbackStarted", operation, {
    CallbackId: callbackId,
    ...(timeoutSeconds === 0 ? {} : { Timeout: timeoutSeconds }),
    ...(heartbeatSeconds === 0 ? {} : { HeartbeatTimeout: heartbeatSeconds }),
  });
}

function applyToChained(draft: Draft, operation: Operation, update: OperationUpdate): void {
  if (update.action === "CANCEL") {
    draft.put({ ...operation, status: "CANCELLED", endedAt: draft.nowMs });
    draft.note("ChainedInvokeStopped", operation, outcomeDetails(update, false));
    return;
  }
  const { functionName = "", payload } = update;
  draft.put({ ...operation, functionName, ...(payload === undefined ? {} : { input: payload }) });
  draft.note("ChainedInvokeStarted", operation, {
    FunctionName: functionName,
    Input: payload === undefined ? {} : { Payload: payload },
  });
}

function outcomeOf({ payload, error }: OperationUpdate): Pick<Operation, "result" | "error"> {
  return {
    ...(payload === undefined ? {} : { result: payload }),
    ...(error === undefined ? {} : { error }),
  };
}

/** AWS's Result or Error of an event. */
export function outcomeDetails(
  { payload, error }: Pick<OperationUpdate, "payload" | "error">,
  isSuccess: boolean,
): Record<string, unknown> {
  return isSuccess
    ? { Result: payload === undefined ? {} : { Payload: payload } }
    : { Error: error === undefined ? {} : { Payload: error } };
}
