import { PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { applyUpdates, outcomeDetails } from "./checkpoint.core.ts";
import { Draft } from "./draft.ts";
import { fireDue, isPending } from "./due.core.ts";
import { endExecution } from "./ending.core.ts";
import type { ExecutionEnd, ExecutionRecord, ExecutionState, Transition } from "./execution.ts";
import type { ErrorObject, Operation, OperationUpdate } from "./operation.ts";
import { checkpointTokenOf, requireToken } from "./token.core.ts";
import { payloadBytesMax } from "./update-check.core.ts";

/** The life of one execution as steps from state to state; no I/O, no clock. */

/** A step's transition and what its caller wants to know. */
export interface Step<T> {
  readonly transition: Transition;
  readonly result: T;
}

/** How one invocation of the function came out. */
export type InvocationOutcome =
  | ExecutionEnd
  | { readonly status: "PENDING" }
  /** User code or its runtime went down: tried again. */
  | { readonly status: "CRASHED"; readonly error: ErrorObject; readonly retryAfterMs: number }
  /** It never ran, for want of room: tried again without counting. */
  | { readonly status: "REFUSED"; readonly retryAfterMs: number };

/** What a new execution begins with; the rest of the record follows from it. */
export type NewExecution = Pick<
  ExecutionRecord,
  | "owner"
  | "functionName"
  | "id"
  | "name"
  | "isNamed"
  | "version"
  | "functionArn"
  | "arn"
  | "timeoutSeconds"
  | "retentionDays"
  | "isSynchronous"
  | "traceId"
  | "inputDigest"
>;

export function startExecution(wanted: NewExecution, input: string, nowMs: number): Transition {
  const record: ExecutionRecord = {
    ...wanted,
    status: "RUNNING",
    startedAt: nowMs,
    timeoutAt: nowMs + wanted.timeoutSeconds * 1000,
    operationCount: 0,
    eventCount: 0,
    storedBytes: 0,
    token: 0,
    invocation: null,
    wake: true,
    retryAt: null,
    crashes: 0,
    updated: [],
  };
  const draft = new Draft({ record, operations: new Map() }, nowMs);
  const operation = draft.put({
    id: wanted.id,
    sequence: 0,
    type: "EXECUTION",
    status: "STARTED",
    name: wanted.name,
    startedAt: nowMs,
    input,
  });
  draft.note("ExecutionStarted", operation, {
    Input: { Payload: input },
    ExecutionTimeout: wanted.timeoutSeconds,
  });
  return draft.finish();
}

/** What an invocation is told at its begin. */
export interface BegunInvocation {
  readonly token: string;
  readonly state: ExecutionState;
  /** Operations that changed since the last invocation was told. */
  readonly updated: readonly string[];
}

export function beginInvocation(
  state: ExecutionState,
  invocationId: string,
  nowMs: number,
): Step<BegunInvocation | undefined> {
  const draft = new Draft(state, nowMs);
  fireDue(draft);
  if (draft.record.status !== "RUNNING") return { transition: draft.finish(), result: undefined };
  const { updated, token } = draft.record;
  const invocation = { id: invocationId, startedAt: nowMs };
  draft.set({ invocation, token: token + 1, wake: false, retryAt: null, updated: [] });
  const transition = draft.finish();
  const began = checkpointTokenOf(transition.state.record, invocationId);
  return { transition, result: { token: began, state: transition.state, updated } };
}

/** What a checkpoint is answered. */
export interface CheckpointAnswer {
  readonly token: string;
  /** Every operation that changed since the last answer, with this request's own. */
  readonly operations: readonly Operation[];
}

/**
 * Uses up a checkpoint token. With the same client token the request before is answered again.
 * @throws PlatformError kind "invalid"
 */
export function checkpoint(
  state: ExecutionState,
  request: {
    readonly token: string;
    readonly updates: readonly OperationUpdate[];
    readonly clientToken?: string;
  },
  nowMs: number,
): Step<CheckpointAnswer> {
  const { clientToken, updates } = request;
  const repeated = repeatedAnswer(state, request.token, clientToken, updates);
  if (repeated) return { transition: { state, changed: [], events: [] }, result: repeated };
  const draft = new Draft(state, nowMs);
  fireDue(draft);
  const { invocationId, token } = requireToken(draft.record, request.token);
  applyUpdates(draft, updates);
  const told = new Set([...draft.record.updated, ...draft.changedIds()]);
  draft.set({
    token: token + 1,
    wake: false,
    updated: [],
    ...(clientToken === undefined ? {} : { lastCheckpoint: { clientToken, token } }),
  });
  const transition = draft.finish();
  const { record, operations } = transition.state;
  const result = {
    token: checkpointTokenOf(record, invocationId),
    operations: [...operations.values()].filter(({ id }) => told.has(id)),
  };
  return { transition, result };
}

function repeatedAnswer(
  { record, operations }: ExecutionState,
  token: string,
  clientToken: string | undefined,
  updates: readonly OperationUpdate[],
): CheckpointAnswer | undefined {
  const last = record.lastCheckpoint;
  if (clientToken === undefined || last?.clientToken !== clientToken) return undefined;
  if (record.token !== last.token + 1 || !record.invocation) return undefined;
  const before = checkpointTokenOf({ ...record, token: last.token }, record.invocation.id);
  if (token !== before) return undefined;
  const asked = new Set(updates.map(({ id }) => id));
  return {
    token: checkpointTokenOf(record, record.invocation.id),
    operations: [...operations.values()].filter(({ id }) => asked.has(id)),
  };
}

/** Takes the outcome of the invocation that is under way; that of any other changes nothing. */
export function endInvocation(
  state: ExecutionState,
  invocationId: string,
  outcome: InvocationOutcome,
  nowMs: number,
): Transition {
  const draft = new Draft(state, nowMs);
  const { invocation } = draft.record;
  if (invocation?.id !== invocationId) return draft.finish();
  draft.set({ invocation: null });
  if (outcome.status === "REFUSED") {
    draft.set({ wake: true, retryAt: nowMs + outcome.retryAfterMs });
    return draft.finish();
  }
  const error = outcome.status === "CRASHED" ? outcome.error : undefined;
  noteInvocation(draft, invocation, error);
  fireDue(draft);
  if (draft.record.status === "RUNNING") settle(draft, outcome);
  endIfTooLong(draft);
  return draft.finish();
}

function settle(draft: Draft, outcome: Exclude<InvocationOutcome, { status: "REFUSED" }>): void {
  switch (outcome.status) {
    case "CRASHED":
      crash(draft, outcome.error, outcome.retryAfterMs);
      break;
    case "PENDING":
      suspend(draft);
      break;
    default:
      endExecution(draft, bounded(draft.record, outcome));
  }
}

function suspend(draft: Draft): void {
  const pending = [...draft.operations.values()].filter(isPending);
  if (pending.length === 0 && !draft.record.wake) {
    const ErrorMessage = "Cannot return PENDING status with no pending operations.";
    const error = { ErrorType: "InvalidParameterValueException", ErrorMessage };
    crash(draft, error, NOTHING_PENDING_MS);
    return;
  }
  draft.set({ crashes: 0 });
  // A step that is ready to be tried has no timer left that would wake the execution.
  const isReady = pending.some(({ status }) => status === "READY");
  if (!isReady || draft.record.wake) return;
  draft.set({ wake: true, retryAt: draft.nowMs + NOTHING_PENDING_MS });
}

/** Before a function is asked again that suspended itself for nothing it was not told of. */
const NOTHING_PENDING_MS = 1000;

/** Checkpoints are refused when the history is full; invocations without any fill it, too. */
function endIfTooLong(draft: Draft): void {
  if (draft.record.eventCount <= limits.DURABLE_EVENTS_MAX) return;
  const ErrorMessage = `Number of events must be less than or equal to ${limits.DURABLE_EVENTS_MAX}.`;
  const error = { ErrorType: "InvalidParameterValueException", ErrorMessage };
  endExecution(draft, { status: "FAILED", error });
}

function crash(draft: Draft, error: ErrorObject, retryAfterMs: number): void {
  const crashes = draft.record.crashes + 1;
  if (crashes > limits.DURABLE_CRASHES_MAX) endExecution(draft, { status: "FAILED", error });
  else draft.set({ crashes, wake: true, retryAt: draft.nowMs + retryAfterMs });
}

function bounded(record: ExecutionRecord, end: ExecutionEnd): ExecutionEnd {
  const limitBytes = payloadBytesMax(record.isSynchronous);
  const actualBytes = Buffer.byteLength(end.result ?? "");
  if (actualBytes <= limitBytes) return end;
  const ErrorMessage = `Response payload size (${actualBytes} bytes) exceeded maximum allowed payload size (${limitBytes} bytes).`;
  return {
    status: "FAILED",
    error: { ErrorType: "Function.ResponseSizeTooLarge", ErrorMessage },
  };
}

function noteInvocation(
  draft: Draft,
  invocation: NonNullable<ExecutionRecord["invocation"]>,
  error: ErrorObject | undefined,
): void {
  draft.note("InvocationCompleted", undefined, {
    StartTimestamp: invocation.startedAt / 1000,
    EndTimestamp: draft.nowMs / 1000,
    RequestId: invocation.id,
    ...(error === undefined ? {} : { Error: { Payload: error } }),
  });
}

/** What a start of the server makes of an execution that was under way when it went down. */
export function recoverExecution(state: ExecutionState, nowMs: number): Transition {
  const draft = new Draft(state, nowMs);
  const { invocation } = draft.record;
  if (invocation) {
    const ErrorMessage = "The server stopped during the invocation";
    noteInvocation(draft, invocation, { ErrorType: "Sandbox.Failure", ErrorMessage });
    draft.set({ invocation: null, wake: true });
  }
  fireDue(draft);
  return draft.finish();
}

export function fireTimers(state: ExecutionState, nowMs: number): Transition {
  const draft = new Draft(state, nowMs);
  fireDue(draft);
  return draft.finish();
}

/** Stops the execution; one that has ended stays as it is. */
export function stopExecution(
  state: ExecutionState,
  error: ErrorObject | undefined,
  nowMs: number,
): Transition {
  const draft = new Draft(state, nowMs);
  fireDue(draft);
  if (draft.record.status === "RUNNING") {
    endExecution(draft, { status: "STOPPED", ...(error === undefined ? {} : { error }) });
  }
  return draft.finish();
}

export type CallbackOutcome =
  | { readonly status: "SUCCEEDED"; readonly result?: string }
  | { readonly status: "FAILED"; readonly error: ErrorObject };

/** @throws PlatformError kinds "not_found", "conflict" when the callback is closed */
export function completeCallback(
  state: ExecutionState,
  operationId: string,
  outcome: CallbackOutcome,
  nowMs: number,
): Transition {
  const draft = new Draft(state, nowMs);
  fireDue(draft);
  const operation = openCallback(draft, operationId);
  draft.put({ ...operation, ...outcome, endedAt: nowMs });
  if (outcome.status === "SUCCEEDED") {
    const { result } = outcome;
    const details = outcomeDetails(result === undefined ? {} : { payload: result }, true);
    draft.note("CallbackSucceeded", operation, details);
  } else {
    draft.note("CallbackFailed", operation, outcomeDetails({ error: outcome.error }, false));
  }
  draft.announce(operationId);
  return draft.finish();
}

/** @throws PlatformError kinds "not_found", "conflict" when the callback is closed */
export function heartbeatCallback(
  state: ExecutionState,
  operationId: string,
  nowMs: number,
): Transition {
  const draft = new Draft(state, nowMs);
  fireDue(draft);
  const operation = openCallback(draft, operationId);
  if (operation.heartbeatSeconds !== undefined) {
    draft.put({ ...operation, heartbeatDueAt: nowMs + operation.heartbeatSeconds * 1000 });
  }
  return draft.finish();
}

function openCallback(draft: Draft, operationId: string): Operation {
  const operation = draft.operations.get(operationId);
  if (operation?.type !== "CALLBACK") {
    throw new PlatformError(
      { kind: "not_found", resource: "callback", id: operationId },
      "Callback not found",
    );
  }
  if (draft.record.status === "RUNNING" && operation.status === "STARTED") return operation;
  throw new PlatformError(
    { kind: "conflict", resource: "callback", id: operationId },
    "The callback has timed out or is closed already",
  );
}

/** Brings the end of a chained invoke to the execution that waits for it. */
export function completeChained(
  state: ExecutionState,
  operationId: string,
  end: ExecutionEnd,
  nowMs: number,
): Transition {
  const draft = new Draft(state, nowMs);
  const operation = draft.operations.get(operationId);
  const isOpen = operation?.type === "CHAINED_INVOKE" && operation.status === "STARTED";
  if (!isOpen || draft.record.status !== "RUNNING") return draft.finish();
  const { status, result, error } = end;
  draft.put({
    ...operation,
    status,
    endedAt: nowMs,
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
  });
  const details = outcomeDetails(
    { ...(result === undefined ? {} : { payload: result }), ...(error ? { error } : {}) },
    status === "SUCCEEDED",
  );
  draft.note(CHAINED_EVENTS[status], operation, details);
  draft.announce(operationId);
  return draft.finish();
}

const CHAINED_EVENTS: Readonly<Record<ExecutionEnd["status"], string>> = {
  SUCCEEDED: "ChainedInvokeSucceeded",
  FAILED: "ChainedInvokeFailed",
  TIMED_OUT: "ChainedInvokeTimedOut",
  STOPPED: "ChainedInvokeStopped",
};

/** Whether the function should be invoked now. */
export function wantsInvocation({ record }: ExecutionState, nowMs: number): boolean {
  if (record.status !== "RUNNING" || record.invocation || !record.wake) return false;
  return record.retryAt === null || record.retryAt <= nowMs;
}
