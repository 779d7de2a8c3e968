import {
  type Clock,
  isPlatformError,
  type Log,
  messageOf,
  PlatformError,
  type SecureRandom,
  type Timer,
} from "../base/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import type { Invoker, Resolver } from "../invoke/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import { callChained } from "./chained-invoke.ts";
import type { ExecutionEnd, ExecutionRecord, ExecutionReference } from "./execution.ts";
import {
  type CallbackOutcome,
  type CheckpointAnswer,
  checkpoint,
  completeCallback,
  heartbeatCallback,
  stopExecution,
} from "./lifecycle.core.ts";
import type { LiveExecution } from "./live-execution.ts";
import type { ErrorObject, Operation, OperationUpdate } from "./operation.ts";
import { type OperationPage, replayPage } from "./replay.core.ts";
import { endFrom, Runner } from "./runner.ts";
import { alreadyStarted, digestOf, newExecution, type StartExecution } from "./start.ts";
import { ExecutionStore, executionNotFound } from "./store.ts";
import { invalidToken, parseCallbackId, requireToken } from "./token.core.ts";

export interface DurableExecutionsOptions {
  readonly table: TableStore;
  readonly invoker: Pick<Invoker, "invoke">;
  readonly resolver: Pick<Resolver, "resolve">;
  readonly region: string;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
}

/** Ended executions are looked for this often. */
const SWEEP_MS = 3600 * 1000;
const START_ATTEMPTS_MAX = 3;
const DAY_MS = 24 * 3600 * 1000;

/** The executions of durable functions. Everything it acknowledges survives a crash. */
export class DurableExecutions implements Disposable {
  readonly #options: DurableExecutionsOptions;
  readonly #store: ExecutionStore;
  readonly #runner: Runner;
  #sweep: Timer | undefined;
  #isClosed = false;

  constructor(options: DurableExecutionsOptions) {
    this.#options = options;
    const store = new ExecutionStore(options.table);
    this.#store = store;
    const runToEnd = async (request: StartExecution): Promise<ExecutionEnd> =>
      this.ended(await this.start(request));
    this.#runner = new Runner({
      ...options,
      store,
      chained: (record, operation, signal) =>
        callChained({ ...options, runToEnd }, record, operation, signal),
    });
  }

  /**
   * Goes on with what the server's last run left, and deletes what is too old, now and later.
   * Never rejects.
   */
  async open(): Promise<void> {
    let executions = 0;
    try {
      for await (const reference of this.#store.unfinished()) {
        if (this.#isClosed) return;
        await this.#runner.recover(reference);
        executions++;
      }
    } catch (error) {
      this.#options.log.error("durable.recovery_failed", { problem: messageOf(error) });
    }
    if (executions > 0) this.#options.log.info("durable.recovered", { executions });
    await this.#deleteExpired();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
    this.#runner[Symbol.dispose]();
  }

  /**
   * Starts an execution, or finds the one that was started with this name and the same payload.
   * @throws PlatformError kinds "already_exists" (another payload), "throttled" (too many)
   */
  async start(request: StartExecution): Promise<ExecutionRecord> {
    const { owner } = request.version;
    for (let attempt = 1; ; attempt++) {
      const { name } = request;
      const known = name === undefined ? undefined : await this.#store.named(owner, name);
      const existing = known?.value && (await this.#unexpired(known.value));
      if (existing) return this.#sameOrThrow(existing, request);
      this.#requireRoom(owner);
      const transition = newExecution(request, this.#options);
      try {
        const revision = await this.#store.create(transition, known);
        const { state } = transition;
        this.#runner.adopt(state.record, { value: state, revision });
        return state.record;
      } catch (error) {
        // Another start took the name: the next round finds it.
        const isTaken = isPlatformError(error, "precondition_failed");
        if (!isTaken || attempt === START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /**
   * Resolves when the execution has ended.
   * @throws PlatformError kind "not_found", also when the function is deleted meanwhile
   */
  async ended(reference: ExecutionReference): Promise<ExecutionEnd> {
    const live = await this.#running(reference);
    if (live) return live.ended.promise;
    const { record, operation } = await this.describe(reference);
    return endFrom(record, operation);
  }

  /** @throws PlatformError kind "not_found" */
  async describe(
    reference: ExecutionReference,
  ): Promise<{ readonly record: ExecutionRecord; readonly operation: Operation }> {
    const [found, operation] = await Promise.all([
      this.#store.find(reference),
      this.#store.executionOperation(reference),
    ]);
    if (!found || !operation) throw executionNotFound(reference.id);
    return { record: found.value, operation };
  }

  /** @throws PlatformError kind "invalid": the token is not the current one, or a bad update */
  async checkpoint(
    reference: ExecutionReference,
    request: {
      readonly token: string;
      readonly updates: readonly OperationUpdate[];
      readonly clientToken?: string;
    },
  ): Promise<CheckpointAnswer> {
    const live = await this.#running(reference);
    if (!live) throw invalidToken();
    return this.#runner.change(live, (state, nowMs) => checkpoint(state, request, nowMs));
  }

  /**
   * One page of what the function replays.
   * @throws PlatformError kind "invalid": the token is not the current one
   */
  async replay(
    reference: ExecutionReference,
    token: string,
    page: { readonly after?: number; readonly itemsMax: number },
  ): Promise<OperationPage> {
    const live = await this.#running(reference);
    if (!live) throw invalidToken();
    const state = await this.#runner.change(live, (current) => {
      requireToken(current.record, token);
      return { transition: { state: current, changed: [], events: [] }, result: current };
    });
    const bytesMax = limits.DURABLE_PAGE_BYTES_MAX;
    return replayPage(state, { ...page, bytesMax, isNeverEmpty: true });
  }

  /** @throws PlatformError kinds "invalid", "not_found", "conflict" (it is closed) */
  completeCallback(owner: Owner, callbackId: string, outcome: CallbackOutcome): Promise<void> {
    return this.#changeCallback(owner, callbackId, (operationId) => (state, nowMs) => ({
      transition: completeCallback(state, operationId, outcome, nowMs),
      result: undefined,
    }));
  }

  /** @throws PlatformError kinds "invalid", "not_found", "conflict" (it is closed) */
  heartbeat(owner: Owner, callbackId: string): Promise<void> {
    return this.#changeCallback(owner, callbackId, (operationId) => (state, nowMs) => ({
      transition: heartbeatCallback(state, operationId, nowMs),
      result: undefined,
    }));
  }

  /**
   * Ends the execution; one that has ended already stays as it is.
   * @returns the time of its end
   * @throws PlatformError kind "not_found"
   */
  async stop(reference: ExecutionReference, error: ErrorObject | undefined): Promise<number> {
    const live = await this.#running(reference);
    if (live) {
      return this.#runner.change(live, (state, nowMs) => {
        const transition = stopExecution(state, error, nowMs);
        return { transition, result: transition.state.record.endedAt ?? nowMs };
      });
    }
    const { record } = await this.describe(reference);
    return record.endedAt ?? record.startedAt;
  }

  /** What can be read of executions without changing them. */
  get store(): Pick<ExecutionStore, "events" | "eventsDown" | "executions"> {
    return this.#store;
  }

  /** Deletes the executions of a function that was deleted. */
  async forget(owner: Owner, functionName: string): Promise<void> {
    const nowMs = this.#options.clock.now();
    this.#runner.forget(owner, functionName);
    try {
      for await (const { record } of this.#store.executions(owner, functionName)) {
        if (this.#isClosed) return;
        // A new function of that name may have started executions already.
        if (record.startedAt <= nowMs) await this.#store.delete(record);
      }
    } catch (error) {
      this.#options.log.error("durable.forget_failed", {
        owner,
        functionName,
        problem: messageOf(error),
      });
    }
  }

  async #changeCallback(
    owner: Owner,
    callbackId: string,
    step: (operationId: string) => Parameters<Runner["change"]>[1],
  ): Promise<void> {
    const address = parseCallbackId(callbackId);
    if (!address) {
      throw new PlatformError({ kind: "invalid", field: "CallbackId" }, "Invalid callback ID");
    }
    const { functionName, executionId: id, operationId } = address;
    const reference = { owner, functionName, id };
    const live = await this.#running(reference);
    if (live) return void (await this.#runner.change(live, step(operationId)));
    await this.describe(reference);
    throw new PlatformError(
      { kind: "conflict", resource: "callback", id: callbackId },
      "The callback has timed out or is closed already",
    );
  }

  /** The execution if it has not ended; undefined when it has, or never was. */
  async #running(reference: ExecutionReference): Promise<LiveExecution | undefined> {
    const live = this.#runner.find(reference);
    if (live) return live;
    const found = await this.#store.find(reference);
    if (found?.value.status !== "RUNNING" || this.#isClosed) return undefined;
    // It was left by the server's last run, and `open` has not come to it yet.
    await this.#runner.recover(reference);
    return this.#runner.find(reference);
  }

  async #unexpired(reference: ExecutionReference): Promise<ExecutionRecord | undefined> {
    const record = (await this.#store.find(reference))?.value;
    if (record?.endedAt === undefined) return record;
    const expiresAt = record.endedAt + record.retentionDays * DAY_MS;
    return expiresAt > this.#options.clock.now() ? record : undefined;
  }

  #sameOrThrow(existing: ExecutionRecord, request: StartExecution): ExecutionRecord {
    const isSame =
      existing.functionName === request.version.name &&
      existing.inputDigest === digestOf(request.payload);
    if (isSame) return existing;
    throw alreadyStarted(existing.name);
  }

  #requireRoom(owner: Owner): void {
    const limit = limits.DURABLE_RUNNING_PER_OWNER_MAX;
    if (this.#runner.running(owner) < limit) return;
    throw new PlatformError(
      { kind: "throttled", scope: "account", limit, retryAfterSeconds: 1 },
      `Owner has ${limit} unfinished executions, which is the most`,
    );
  }

  async #deleteExpired(): Promise<void> {
    try {
      const executions = await this.#store.deleteExpired(this.#options.clock.now());
      if (executions > 0) this.#options.log.info("durable.expired", { executions });
    } catch (error) {
      this.#options.log.error("durable.sweep_failed", { problem: messageOf(error) });
    }
    if (this.#isClosed) return;
    this.#sweep = this.#options.clock.after(SWEEP_MS, () => void this.#deleteExpired());
  }
}
