import { type Clock, type Log, messageOf, type SecureRandom } from "../base/mod.ts";
import type { Invoker } from "../invoke/mod.ts";
import type { Owner } from "../model/mod.ts";
import { nextDueAt } from "./due.core.ts";
import {
  type ExecutionEnd,
  type ExecutionRecord,
  type ExecutionReference,
  type ExecutionState,
  executionOperation,
} from "./execution.ts";
import { invocationEvent, invocationOutcome, refusalOutcome } from "./invocation.core.ts";
import {
  type BegunInvocation,
  beginInvocation,
  completeChained,
  endInvocation,
  fireTimers,
  type InvocationOutcome,
  recoverExecution,
  type Step,
  wantsInvocation,
} from "./lifecycle.core.ts";
import { LiveExecution } from "./live-execution.ts";
import type { Operation } from "./operation.ts";
import { type ExecutionStore, executionNotFound, keyOf, type StoredExecution } from "./store.ts";

/** Calls the function that an execution chains to; resolves with what came of it. */
export type ChainedCall = (
  record: ExecutionRecord,
  operation: Operation,
  signal: AbortSignal,
) => Promise<ExecutionEnd>;

export interface RunnerOptions {
  readonly store: ExecutionStore;
  readonly invoker: Pick<Invoker, "invoke">;
  readonly chained: ChainedCall;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
}

/** The longest that timers of the machine can wait; later ones are set again. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** After a step that could not be written the execution is read and tried again. */
const FAILED_STEP_MS = 1000;

/**
 * Moves executions: one step at a time for each, every step durable before it has an effect. An
 * execution is invoked when its function has something to learn, and is a timer at most in between.
 */
export class Runner implements Disposable {
  readonly #options: RunnerOptions;
  readonly #clock: Clock;
  readonly #live = new Map<string, LiveExecution>();
  readonly #counts = new Map<Owner, number>();
  #isClosed = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** Unfinished executions of this owner. */
  running(owner: Owner): number {
    return this.#counts.get(owner) ?? 0;
  }

  find(reference: ExecutionReference): LiveExecution | undefined {
    return this.#live.get(keyOf(reference));
  }

  /** Takes an unfinished execution into its care; `stored` is what was just written of it. */
  adopt(reference: ExecutionReference, stored?: StoredExecution<ExecutionState>): LiveExecution {
    const known = this.find(reference);
    if (known) return known;
    const live = new LiveExecution(reference);
    live.stored = stored;
    this.#live.set(keyOf(reference), live);
    this.#counts.set(reference.owner, this.running(reference.owner) + 1);
    if (stored) this.#settle(live);
    return live;
  }

  /** Goes on with an execution that the server's last run left. */
  recover(reference: ExecutionReference): Promise<void> {
    return this.#wake(this.adopt(reference));
  }

  /** Stops caring for a function's executions, because they are deleted. */
  forget(owner: Owner, functionName: string): void {
    for (const live of this.#live.values()) {
      const { reference } = live;
      if (reference.owner !== owner || reference.functionName !== functionName) continue;
      live.ended.reject(executionNotFound(reference.id));
      this.#drop(live);
    }
  }

  /**
   * Takes an execution one step further.
   * @throws PlatformError kind "not_found", and whatever `step` throws
   */
  async change<T>(
    live: LiveExecution,
    step: (state: ExecutionState, nowMs: number) => Step<T>,
  ): Promise<T> {
    using permit = await live.lock.acquire();
    try {
      const { value, revision } = await this.#stored(live);
      const { transition, result } = step(value, this.#clock.now());
      if (transition.state === value) return result;
      live.stored = undefined;
      const written = await this.#options.store.save(transition, revision);
      live.stored = { value: transition.state, revision: written };
      return result;
    } finally {
      permit.release();
      this.#settle(live);
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const live of this.#live.values()) this.#drop(live);
  }

  async #stored(live: LiveExecution): Promise<StoredExecution<ExecutionState>> {
    if (live.over.signal.aborted && !live.stored) throw executionNotFound(live.reference.id);
    live.stored ??= await this.#options.store.load(live.reference);
    if (!live.stored) throw executionNotFound(live.reference.id);
    return live.stored;
  }

  /** Sets up what comes next, after any step: an invocation, chained calls, a timer, or the end. */
  #settle(live: LiveExecution): void {
    live.timer?.cancel();
    if (this.#isClosed || this.find(live.reference) !== live) return;
    if (!live.stored) {
      this.#wakeAfter(live, FAILED_STEP_MS);
      return;
    }
    const state = live.stored.value;
    if (state.record.status !== "RUNNING") {
      live.ended.resolve(endOf(state));
      live.over.abort();
      if (!live.isInvoking) this.#drop(live);
      return;
    }
    this.#chain(live, state);
    const nowMs = this.#clock.now();
    if (!live.isInvoking && wantsInvocation(state, nowMs)) void this.#invoke(live);
    this.#wakeAfter(live, nextDueAt(state) - nowMs);
    if (!live.isInvoking) live.stored = undefined;
  }

  #wakeAfter(live: LiveExecution, delayMs: number): void {
    const boundedMs = Math.min(Math.max(delayMs, 0), TIMER_MS_MAX);
    live.timer = this.#clock.after(boundedMs, () => void this.#wake(live));
  }

  /** Lets happen what is due. An invocation that nobody here waits for any more is written off. */
  #wake(live: LiveExecution): Promise<void> {
    return this.#background(live, () =>
      this.change(live, (state, nowMs) => {
        const next = live.isInvoking ? fireTimers : recoverExecution;
        return { transition: next(state, nowMs), result: undefined };
      }),
    );
  }

  async #invoke(live: LiveExecution): Promise<void> {
    live.isInvoking = true;
    await this.#background(live, async () => {
      const id = this.#options.random.uuid();
      const begun = await this.change(live, (state, nowMs) => beginInvocation(state, id, nowMs));
      if (!begun) return;
      const outcome = await this.#call(id, begun);
      // A server that stops takes its sandboxes along; the next start goes on from here.
      if (this.#isClosed) return;
      await this.change(live, (state, nowMs) => ({
        transition: endInvocation(state, id, outcome, nowMs),
        result: undefined,
      }));
    });
    live.isInvoking = false;
    this.#settle(live);
  }

  async #call(requestId: string, begun: BegunInvocation): Promise<InvocationOutcome> {
    const { owner, functionName, version, traceId, crashes } = begun.state.record;
    try {
      const { outcome } = await this.#options.invoker.invoke({
        requestId,
        owner,
        functionName,
        qualifier: version,
        payload: invocationEvent(begun),
        traceId,
        receivedAt: this.#clock.monotonic(),
        isExecution: true,
      });
      return invocationOutcome(outcome, crashes);
    } catch (error) {
      return refusalOutcome(error, crashes);
    }
  }

  #chain(live: LiveExecution, { record, operations }: ExecutionState): void {
    for (const operation of operations.values()) {
      const isOpen = operation.type === "CHAINED_INVOKE" && operation.status === "STARTED";
      if (!isOpen || live.chained.has(operation.id)) continue;
      live.chained.add(operation.id);
      void this.#background(live, async () => {
        const end = await this.#options.chained(record, operation, live.over.signal);
        await this.change(live, (state, nowMs) => ({
          transition: completeChained(state, operation.id, end, nowMs),
          result: undefined,
        }));
        live.chained.delete(operation.id);
      });
    }
  }

  /** Supervises what no caller waits for. */
  async #background(live: LiveExecution, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#isClosed || live.over.signal.aborted) return;
      const { owner, functionName, id } = live.reference;
      this.#options.log.error("durable.step_failed", {
        owner,
        functionName,
        executionId: id,
        problem: messageOf(error),
      });
    }
  }

  #drop(live: LiveExecution): void {
    live.timer?.cancel();
    live.over.abort();
    if (!this.#live.delete(keyOf(live.reference))) return;
    const { owner } = live.reference;
    const left = this.running(owner) - 1;
    if (left > 0) this.#counts.set(owner, left);
    else this.#counts.delete(owner);
  }
}

/** How an execution that is not running any more ended. */
export function endOf(state: ExecutionState): ExecutionEnd {
  return endFrom(state.record, executionOperation(state));
}

export function endFrom(record: ExecutionRecord, operation: Operation): ExecutionEnd {
  const { status } = record;
  if (status === "RUNNING") throw new Error("Invariant broken: Execution has ended");
  const { result, error } = operation;
  return {
    status,
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
  };
}
