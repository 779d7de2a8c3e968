import type { Owner } from "../model/mod.ts";
import type { ErrorObject, HistoryEvent, Operation } from "./operation.ts";

export type ExecutionStatus = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";

export const EXECUTION_STATUSES: readonly ExecutionStatus[] = [
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "STOPPED",
];

/** Where an execution is kept. */
export interface ExecutionReference {
  readonly owner: Owner;
  readonly functionName: string;
  /** UUID of version 7: its first 48 bits are the start in milliseconds. */
  readonly id: string;
}

/** An execution without its operations: small, since every checkpoint writes it. */
export interface ExecutionRecord extends ExecutionReference {
  readonly name: string;
  /** Whether the caller chose the name, so that a second call with it finds this execution. */
  readonly isNamed: boolean;
  /** The version all its invocations run. */
  readonly version: string;
  readonly functionArn: string;
  readonly arn: string;
  readonly status: ExecutionStatus;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly timeoutSeconds: number;
  readonly timeoutAt: number;
  readonly retentionDays: number;
  /** Whether a caller waits for the result, which may then be larger. */
  readonly isSynchronous: boolean;
  readonly traceId: string;
  /** SHA-256 of the input, to tell a repeated start from another one. */
  readonly inputDigest: string;
  readonly operationCount: number;
  readonly eventCount: number;
  readonly storedBytes: number;
  /** Number of the only checkpoint token that is valid; each use makes the next one. */
  readonly token: number;
  /** The invocation that may checkpoint; null between invocations. */
  readonly invocation: { readonly id: string; readonly startedAt: number } | null;
  /** Something happened that the function has not been told: it should run. */
  readonly wake: boolean;
  /** Earliest time of the next invocation, after one that could not run to its end. */
  readonly retryAt: number | null;
  /** Invocations in a row that crashed. */
  readonly crashes: number;
  /** Operations that changed since the function was last told. */
  readonly updated: readonly string[];
  /** The last checkpoint that named itself, so that a repeated request finds it. */
  readonly lastCheckpoint?: { readonly clientToken: string; readonly token: number };
}

/** An execution with its operations, by id, in the order of their start. */
export interface ExecutionState {
  readonly record: ExecutionRecord;
  readonly operations: ReadonlyMap<string, Operation>;
}

/** One step of an execution: the state after it, and what of that must be written. */
export interface Transition {
  readonly state: ExecutionState;
  readonly changed: readonly Operation[];
  readonly events: readonly HistoryEvent[];
}

/** How an execution ended. */
export interface ExecutionEnd {
  readonly status: Exclude<ExecutionStatus, "RUNNING">;
  readonly result?: string;
  readonly error?: ErrorObject;
}

/** The operation that stands for the execution itself: the first one, always there. */
export function executionOperation(state: ExecutionState): Operation {
  const [first] = state.operations.values();
  if (first?.type !== "EXECUTION") throw new Error("Invariant broken: Execution comes first");
  return first;
}
