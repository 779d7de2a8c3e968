import { PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import type { ExecutionRecord } from "./execution.ts";
import type { Operation, OperationAction, OperationType, OperationUpdate } from "./operation.ts";

/**
 * What an update may say, in the state its operation is in, with AWS's messages.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_CheckpointDurableExecution.html
 */

const ACTIONS: Readonly<Record<OperationType, readonly OperationAction[]>> = {
  EXECUTION: ["SUCCEED", "FAIL"],
  CONTEXT: ["START", "SUCCEED", "FAIL"],
  STEP: ["START", "SUCCEED", "FAIL", "RETRY"],
  WAIT: ["START", "CANCEL"],
  CALLBACK: ["START", "CANCEL"],
  CHAINED_INVOKE: ["START", "CANCEL"],
};

/** @throws PlatformError kind "invalid" for updates that cannot stand in one request */
export function checkUpdates(updates: readonly OperationUpdate[]): void {
  if (updates.length > limits.DURABLE_UPDATES_MAX) {
    throw invalid(`Number of updates must be less than or equal to ${limits.DURABLE_UPDATES_MAX}.`);
  }
  const executions = updates.filter(({ type }) => type === "EXECUTION");
  if (executions.length > 1) throw invalid("Cannot checkpoint multiple EXECUTION updates.");
  if (executions.length === 1 && updates.at(-1)?.type !== "EXECUTION") {
    throw invalid("EXECUTION checkpoint must be the last update.");
  }
  const last = new Map<string, OperationUpdate>();
  for (const update of updates) {
    const before = last.get(update.id);
    if (before && !mayFollow(before, update)) {
      throw invalid("Cannot update the same operation twice in a single request.");
    }
    last.set(update.id, update);
  }
}

/** A step or context may start and end in one request. */
function mayFollow(before: OperationUpdate, update: OperationUpdate): boolean {
  const isBracket = before.type === "STEP" || before.type === "CONTEXT";
  return isBracket && before.action === "START" && update.action !== "START";
}

/**
 * @param operation what the update is about, as it stands; undefined when it is new
 * @throws PlatformError kind "invalid"
 */
export function checkUpdate(
  record: ExecutionRecord,
  operations: ReadonlyMap<string, Operation>,
  operation: Operation | undefined,
  update: OperationUpdate,
): void {
  if (!ACTIONS[update.type].includes(update.action)) {
    throw invalid("Invalid action for the given operation type.");
  }
  checkSizes(record, update);
  if (update.parentId !== undefined && operations.get(update.parentId)?.type !== "CONTEXT") {
    throw invalid("Invalid parent operation id.");
  }
  if (operation && operation.type !== update.type) throw invalid("Invalid operation type.");
  if (update.action === "SUCCEED" && update.error !== undefined) {
    throw invalid("Cannot provide an Error for SUCCEED action.");
  }
  if (update.action === "FAIL" && update.payload !== undefined) {
    throw invalid("Cannot provide a Payload for FAIL action.");
  }
  if (update.type !== "EXECUTION") checkState(operation, update);
  checkOptions(update);
}

function checkState(operation: Operation | undefined, update: OperationUpdate): void {
  const { type, action } = update;
  const status = operation?.status;
  switch (action) {
    case "START":
      if (type === "STEP") {
        if (operation && status !== "READY") throw invalid("Invalid current STEP state to start.");
        return;
      }
      if (operation) throw invalid(`Cannot start a ${type} that already exists.`);
      return;
    case "SUCCEED":
    case "FAIL":
      if (!operation || status === "STARTED" || (type === "STEP" && status === "READY")) return;
      throw invalid(`Invalid current ${type} state to close.`);
    case "RETRY":
      if (!operation || status === "STARTED" || status === "READY") return;
      throw invalid("Invalid current STEP state to re-attempt.");
    case "CANCEL":
      if (status === "STARTED") return;
      throw invalid(`Cannot cancel a ${type} that does not exist or has already completed.`);
  }
}

function checkOptions(update: OperationUpdate): void {
  const { type, action } = update;
  if (action === "RETRY") {
    if (update.nextAttemptDelaySeconds === undefined) throw invalidOptions("StepOptions");
    if (update.error !== undefined && update.payload !== undefined) {
      throw invalid("Cannot provide both error and payload to RETRY a STEP.");
    }
  }
  if (action !== "START") return;
  if (type === "WAIT" && update.waitSeconds === undefined) throw invalidOptions("WaitOptions");
  if (type === "CHAINED_INVOKE" && update.functionName === undefined) {
    throw invalidOptions("ChainedInvokeOptions");
  }
}

function checkSizes({ isSynchronous }: ExecutionRecord, update: OperationUpdate): void {
  const limitBytes = payloadBytesMax(update.type === "EXECUTION" && isSynchronous);
  if (update.payload !== undefined && Buffer.byteLength(update.payload) > limitBytes) {
    throw invalid(
      `${update.type} output payload size must be less than or equal to ${limitBytes} bytes.`,
    );
  }
  if (update.error === undefined) return;
  const errorBytes = Buffer.byteLength(JSON.stringify(update.error));
  if (errorBytes > limits.DURABLE_PAYLOAD_BYTES_MAX) {
    throw invalid(`Error object size must be less than ${limits.DURABLE_PAYLOAD_BYTES_MAX} bytes.`);
  }
}

/** Bytes of a result that somebody waits for, or of any other payload. */
export function payloadBytesMax(isAwaited: boolean): number {
  return isAwaited ? limits.INVOKE_PAYLOAD_BYTES_MAX : limits.DURABLE_PAYLOAD_BYTES_MAX;
}

/** @throws PlatformError kind "invalid" when the execution has grown beyond its bounds */
export function checkBounds(record: ExecutionRecord): void {
  if (record.operationCount > limits.DURABLE_OPERATIONS_MAX) {
    throw invalid(
      `Number of operations must be less than or equal to ${limits.DURABLE_OPERATIONS_MAX}.`,
    );
  }
  if (record.eventCount > limits.DURABLE_EVENTS_MAX) {
    throw invalid(`Number of events must be less than or equal to ${limits.DURABLE_EVENTS_MAX}.`);
  }
  if (record.storedBytes > limits.DURABLE_STORED_BYTES_MAX) {
    throw invalid(
      `Durable execution storage must be less than or equal to ${limits.DURABLE_STORED_BYTES_MAX} bytes.`,
    );
  }
}

function invalidOptions(member: string): PlatformError {
  return invalid(`Invalid ${member} for the given action.`);
}

function invalid(message: string): PlatformError {
  return new PlatformError({ kind: "invalid", field: "Updates" }, message);
}
