/** The parts of a durable execution, in AWS's words; times in milliseconds since 1970. */

export type OperationType =
  | "EXECUTION"
  | "CONTEXT"
  | "STEP"
  | "WAIT"
  | "CALLBACK"
  | "CHAINED_INVOKE";

export type OperationStatus =
  | "STARTED"
  /** A step that waits for its next attempt, and then one that may be tried. */
  | "PENDING"
  | "READY"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | "TIMED_OUT"
  | "STOPPED";

export type OperationAction = "START" | "SUCCEED" | "FAIL" | "RETRY" | "CANCEL";

/** An error of user code. It passes through Hearth, so it has AWS's own members. */
export interface ErrorObject {
  readonly ErrorMessage?: string;
  readonly ErrorType?: string;
  readonly ErrorData?: string;
  readonly StackTrace?: readonly string[];
}

/** One operation as it stands. */
export interface Operation {
  readonly id: string;
  /** Its place in the order of start, from 0: the execution itself. */
  readonly sequence: number;
  readonly type: OperationType;
  readonly status: OperationStatus;
  readonly parentId?: string;
  readonly name?: string;
  readonly subType?: string;
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Input of the execution or of a chained invoke. */
  readonly input?: string;
  readonly result?: string;
  readonly error?: ErrorObject;
  /** Attempts of a step that have ended. */
  readonly attempt?: number;
  /** When a wait ends, a step may be tried again, or a callback has come too late. */
  readonly dueAt?: number;
  readonly waitSeconds?: number;
  readonly heartbeatSeconds?: number;
  readonly heartbeatDueAt?: number;
  readonly callbackId?: string;
  /** Children of this ended context are part of the state that is replayed. */
  readonly replayChildren?: boolean;
  /** Whom a chained invoke calls. */
  readonly functionName?: string;
}

/** What a checkpoint says of one operation. */
export interface OperationUpdate {
  readonly id: string;
  readonly type: OperationType;
  readonly action: OperationAction;
  readonly parentId?: string;
  readonly name?: string;
  readonly subType?: string;
  readonly payload?: string;
  readonly error?: ErrorObject;
  readonly replayChildren?: boolean;
  /** Present when the update has StepOptions; 0 when these do not say. */
  readonly nextAttemptDelaySeconds?: number;
  readonly waitSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly heartbeatSeconds?: number;
  readonly functionName?: string;
}

/** One line of an execution's history. */
export interface HistoryEvent {
  /** From 1, without gaps. */
  readonly id: number;
  /** AWS's EventType: `StepSucceeded`. */
  readonly type: string;
  readonly at: number;
  readonly operation?: Pick<Operation, "id" | "name" | "parentId" | "subType">;
  /** AWS's `<type>Details`, times in seconds since 1970 as its JSON has them. */
  readonly details: Readonly<Record<string, unknown>>;
}
