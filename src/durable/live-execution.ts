import { type Deferred, deferred, Semaphore, type Timer } from "../base/mod.ts";
import type { ExecutionEnd, ExecutionReference, ExecutionState } from "./execution.ts";
import type { StoredExecution } from "./store.ts";

/** What this process keeps of an execution that has not ended: little while it is suspended. */
export class LiveExecution {
  readonly reference: ExecutionReference;
  /** Held by whoever takes the execution one step further. */
  readonly lock: Semaphore = new Semaphore(1);
  readonly ended: Deferred<ExecutionEnd> = deferred<ExecutionEnd>();
  /** Aborts what works for the execution when that has ended or was deleted. */
  readonly over: AbortController = new AbortController();
  /** Chained invokes that are under way, by operation. */
  readonly chained: Set<string> = new Set();
  /** Kept while an invocation is under way, read again otherwise. */
  stored: StoredExecution<ExecutionState> | undefined;
  timer: Timer | undefined;
  isInvoking: boolean = false;

  constructor(reference: ExecutionReference) {
    this.reference = reference;
    // Nobody need wait for the end.
    this.ended.promise.catch(() => {});
  }
}
