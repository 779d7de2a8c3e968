import { type Clock, isPlatformError, type Log, type Metrics, type Timer } from "../base/mod.ts";
import {
  type Decision,
  type FunctionVersion,
  type InvokeResult,
  limits,
  type Owner,
  type ResponseSink,
  type RuntimeName,
  type StartKind,
  versionKey,
} from "../model/mod.ts";
import type { LogStore } from "../monitoring/mod.ts";
import { type Acquired, Acquirer, type Machine } from "./acquire.ts";
import { plainBootKey } from "./boot-key.ts";
import { CallLog, type LogPart } from "./call-log.ts";
import type { Instrument } from "./channel.ts";
import type { CallObserver, Environment, EnvironmentCall, EnvironmentRun } from "./environment.ts";
import type { HostInstance } from "./instance.ts";
import { LogKeeper } from "./log-keeper.ts";
import { failedOutcome } from "./outcome.ts";
import { type ProvisionedState, Provisioning } from "./provisioning.ts";
import type { Crew } from "./sidecars/crew.ts";
import type { SidecarManager } from "./sidecars/manager.ts";

export interface HostOptions {
  readonly machine: Machine;
  readonly logs: Pick<LogStore, "append" | "followed">;
  /** Absent where calls have nothing beside them. */
  readonly sidecars?: SidecarManager;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Waiting runtimes to keep ready, by runtime. */
  readonly warm: ReadonlyMap<RuntimeName, number>;
  readonly bootConcurrency: number;
  readonly environmentsMax: number;
  /** An idle environment ends after this long. */
  readonly keepAliveMs: number;
  /** An idle environment is frozen after this long. */
  readonly freezeAfterMs: number;
  /** An environment older than this ends after its call: its credentials age. */
  readonly environmentAgeMsMax: number;
}

/** One call for this machine. */
export interface HostCall {
  readonly requestId: string;
  readonly version: FunctionVersion;
  readonly invokedArn: string;
  readonly traceId: string;
  readonly payload: Buffer;
  readonly clientContext?: string;
  readonly cognitoIdentity?: string;
  readonly sink?: ResponseSink;
  /** Sidecars that this one call asks for, by name. */
  readonly sidecars?: readonly string[];
  /** Where choices about the call are written down. */
  readonly decisions?: DecisionSink;
  /** Called once an environment is found. */
  onAcquired(acquired: Acquired): void;
}

/** The call's decision record, as far as this room writes it. */
export interface DecisionSink {
  note(step: string, choice: string, facts?: Decision["facts"], reason?: string): void;
}

/** One environment as the admin API shows it. */
export interface EnvironmentSummary {
  readonly environmentId: string;
  readonly instanceId: string;
  readonly owner?: Owner;
  readonly functionName?: string;
  readonly version?: string;
  readonly runtime: RuntimeName;
  readonly state: string;
  readonly memoryMiB: number;
  readonly idleMs: number;
}

export interface PoolSummary {
  readonly runtime: RuntimeName;
  readonly target: number;
  readonly ready: number;
  readonly booting: number;
}

/** Who looks at a call while it runs. */
interface Watch {
  readonly observer: CallObserver | undefined;
  /** Whether followers of the function see the log as it is written. */
  readonly isFollowed: boolean;
  /** What the runtime is to observe of itself, once it is known where the call runs. */
  readonly instruments:
    | ((environment: Environment) => Promise<readonly Instrument[] | undefined>)
    | undefined;
  /** What the function's log is to say first. */
  readonly notices: readonly string[] | undefined;
}

const SWEEP_INTERVAL_MS = 100;

/** One machine: runs calls in environments and keeps the right ones ready. */
export class Host implements AsyncDisposable {
  readonly #options: HostOptions;
  readonly #acquirer: Acquirer;
  readonly #logs: LogKeeper;
  readonly #provisioning: Provisioning;
  readonly #starts: (start: StartKind) => void;
  #sweepTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: HostOptions) {
    this.#options = options;
    const onEnded = (environment: Environment): void => this.#keepLastWords(environment);
    this.#acquirer = new Acquirer({ ...options, onEnded });
    this.#logs = new LogKeeper(options.logs, options.clock);
    this.#provisioning = new Provisioning(
      this.#acquirer,
      options.environmentsMax,
      options.clock,
      options.log,
    );
    const starts = options.metrics.counter("hearth_starts_total", "Calls by how they started");
    this.#starts = (start) => starts.add(1, { start });
    this.#publishGauges(options.metrics);
  }

  /** Begins to fill the pool and to look after idle environments. */
  start(): void {
    this.#topUpPool();
    this.#sweepTimer = this.#options.clock.after(SWEEP_INTERVAL_MS, () => this.#sweep());
  }

  /** Resolves when every pool is at its target; rejects when the signal aborts first. */
  async filled(signal: AbortSignal): Promise<void> {
    while (this.pools().some((pool) => pool.ready < pool.target)) {
      await this.#options.clock.sleep(POOL_POLL_MS, signal);
    }
  }

  /**
   * Runs one call to its end, in the first environment the acquisition ladder finds. When an
   * environment does not get initialised in time, initialisation is tried once more in a new one,
   * inside the call's own time.
   * @throws PlatformError when no environment could be had
   */
  run(call: HostCall): Promise<InvokeResult> {
    const { sidecars } = this.#options;
    if (!sidecars?.isWanted(call)) return this.#run(call, undefined);
    return sidecars.attend(call, (attended, crew) => this.#run(attended, crew));
  }

  async #run(call: HostCall, crew: Crew | undefined): Promise<InvokeResult> {
    const { owner, name } = call.version;
    const { logs } = this.#options;
    const followed = logs.followed(owner, name);
    const follower = followed && { onLog: ({ bytes }: LogPart) => followed(bytes) };
    const watch: Watch = {
      observer: bothObservers(follower, crew?.observer),
      isFollowed: followed !== undefined,
      instruments: crew && ((environment) => crew.instrumentsIn(environment)),
      notices: crew?.notices,
    };
    let run = await this.#runOnce(call, false, watch).catch((error) => this.#refused(call, error));
    if (run.initTimedOut) run = await this.#runOnce(call, true, watch);
    if (run.report.start !== "warm") this.#replenish();
    return { version: call.version, outcome: run.outcome, report: run.report };
  }

  /** Ends environments that no longer match a function: idle ones now, others after their call. */
  retire(owner: Owner, functionName: string, which: (version: FunctionVersion) => boolean): void {
    for (const environment of this.#acquirer.inventory.environments()) {
      const { version } = environment;
      if (version?.owner !== owner || version.name !== functionName || !which(version)) continue;
      environment.isRetired = true;
      if (this.#acquirer.inventory.withdrawIdle(environment)) this.#acquirer.discard(environment);
    }
  }

  /** Keeps `count` environments of a published version initialised; 0 lets them go. */
  provision(version: FunctionVersion, count: number): void {
    if (!this.#isClosed) this.#provisioning.want(version, count);
  }

  /** Whether environments are to be kept ready for a version. */
  isProvisioned(version: FunctionVersion): boolean {
    return this.#provisioning.isWanted(versionKey(version));
  }

  provisioned(version: FunctionVersion): ProvisionedState {
    return this.#provisioning.state(version);
  }

  /** Environments of one owner, or of all and those of nobody. */
  environments(owner?: Owner): EnvironmentSummary[] {
    const now = this.#options.clock.monotonic();
    const summaries: EnvironmentSummary[] = [];
    for (const environment of this.#acquirer.inventory.environments()) {
      const { version, instance } = environment;
      if (owner !== undefined && version?.owner !== owner) continue;
      summaries.push({
        environmentId: environment.id,
        instanceId: instance.id,
        ...(instance.owner === undefined ? {} : { owner: instance.owner }),
        ...(version === undefined ? {} : { functionName: version.name, version: version.version }),
        runtime: environment.bootKey.runtime,
        state: environment.isFrozen ? "frozen" : environment.state,
        memoryMiB: environment.reservedMiB,
        idleMs: environment.state === "busy" ? 0 : Math.round(now - environment.lastUsedAt),
      });
    }
    return summaries;
  }

  pools(): PoolSummary[] {
    return Array.from(this.#options.warm, ([runtime, target]) => ({
      runtime,
      target,
      ...this.#acquirer.inventory.poolSize(runtime),
    }));
  }

  /** Ends everything on this machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#sweepTimer?.cancel();
    this.#acquirer.close();
    await Promise.all(
      [...this.#acquirer.inventory.instances].map((instance) =>
        this.#acquirer.endInstance(instance),
      ),
    );
  }

  async #runOnce(call: HostCall, initInsideCall: boolean, watch: Watch): Promise<EnvironmentRun> {
    const acquired = await this.#acquirer.acquire(call.version);
    const { environment, start } = acquired;
    call.onAcquired(acquired);
    this.#starts(start);
    environment.isLogSeen = watch.isFollowed;
    const instruments = watch.instruments && (await watch.instruments(environment));
    const environmentCall: EnvironmentCall = {
      requestId: call.requestId,
      functionArn: call.invokedArn,
      traceId: call.traceId,
      payload: call.payload,
      start,
      initInsideCall,
      observer: watch.observer,
      notices: watch.notices,
      sink: call.sink,
      ...(instruments === undefined ? {} : { instruments }),
      ...(call.clientContext === undefined ? {} : { clientContext: call.clientContext }),
      ...(call.cognitoIdentity === undefined ? {} : { cognitoIdentity: call.cognitoIdentity }),
    };
    const release = (durationMs: number): void => this.#acquirer.release(environment, durationMs);
    let run: EnvironmentRun | undefined;
    try {
      run = await environment.run(environmentCall);
      this.#logs.keep(call.version, environment, run.log, watch.isFollowed);
      return run;
    } finally {
      const durationMs = run?.report.durationMs ?? 0;
      // Nobody waits for the extensions that are still at work, except the next call.
      if (run?.settled === undefined) release(durationMs);
      else this.#acquirer.releaseAfter(run.settled, environment, durationMs);
    }
  }

  #refused(call: HostCall, error: unknown): EnvironmentRun {
    const run = refusedRun(call, error, this.#options.clock.now());
    this.#logs.keep(call.version, { id: run.report.environmentId, logStream: "" }, run.log, false);
    return run;
  }

  /** What was written after the last call: by extensions that were told to end, for one. */
  #keepLastWords(environment: Environment): void {
    const { version } = environment;
    const lastWords = environment.takeLastWords();
    if (version !== undefined) this.#logs.keep(version, environment, lastWords, false);
  }

  /** Replaces the waiting runtimes that calls have taken. */
  #replenish(): void {
    this.#topUpPool();
    for (const instance of this.#acquirer.inventory.instances) this.#keepSpare(instance);
  }

  /** An owner who just started something is likely to start more: a runtime waits for that. */
  #keepSpare(instance: HostInstance): void {
    const { lastKey } = instance;
    if (instance.owner === undefined || instance.isEnded || lastKey === undefined) return;
    const isRecent = this.#options.clock.monotonic() - instance.lastAssignedAt < SPARE_KEEP_MS;
    const spare = instance.waiting(lastKey);
    if (!isRecent && spare !== undefined) this.#acquirer.discard(spare);
    if (!isRecent || spare !== undefined || instance.sparesBooting > 0 || this.#isClosed) return;
    if (instance.hasRoom(limits.MEMORY_MIB_MIN)) this.#acquirer.addSpare(instance, lastKey);
  }

  #publishGauges(metrics: Metrics): void {
    metrics.gauge("hearth_environments", "Environments by state", () => {
      const counts = new Map<string, number>();
      for (const { state } of this.environments()) counts.set(state, (counts.get(state) ?? 0) + 1);
      return Array.from(counts, ([state, count]): [Record<string, string>, number] => [
        { state },
        count,
      ]);
    });
    metrics.gauge("hearth_acquisitions_waiting", "Calls that wait for an environment", () => {
      return this.#acquirer.waiting;
    });
    metrics.gauge("hearth_pool_ready", "Unassigned instances with a waiting runtime", () =>
      this.pools().map(({ runtime, ready }): [Record<string, string>, number] => [
        { runtime },
        ready,
      ]),
    );
  }

  #topUpPool(): void {
    if (this.#isClosed) return;
    for (const [runtime, target] of this.#options.warm) {
      if (!this.#acquirer.mayFillPool(runtime)) continue;
      const { ready, booting } = this.#acquirer.inventory.poolSize(runtime);
      for (let missing = target - ready - booting; missing > 0; missing--) {
        this.#acquirer.addPooled(plainBootKey(runtime));
      }
    }
  }

  /** Freezes, ends and replaces what time has made it right to. */
  #sweep(): void {
    const { clock, freezeAfterMs, keepAliveMs, environmentAgeMsMax } = this.#options;
    const now = clock.monotonic();
    const { inventory } = this.#acquirer;
    this.#logs.keepPieces(inventory.environments());
    if (!this.#isClosed) this.#provisioning.reconcile();
    for (const environment of [...inventory.idle()]) {
      const idleMs = environment.isProvisioned ? 0 : now - environment.lastUsedAt;
      const isOld = now - environment.bornAt > environmentAgeMsMax;
      if (idleMs > keepAliveMs || isOld) this.#acquirer.discard(environment);
      else if (idleMs > freezeAfterMs) environment.freeze();
    }
    this.#acquirer.prune();
    for (const instance of [...inventory.instances]) {
      if (instance.owner === undefined) continue;
      if (instance.isIdle) void this.#acquirer.endInstance(instance);
      else this.#keepSpare(instance);
    }
    this.#topUpPool();
    if (!this.#isClosed) this.#sweepTimer = clock.after(SWEEP_INTERVAL_MS, () => this.#sweep());
  }
}

/** One observer of two, either of which may be missing. */
function bothObservers(
  first: CallObserver | undefined,
  second: CallObserver | undefined,
): CallObserver | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    onStarted(initDurationMs) {
      first.onStarted?.(initDurationMs);
      second.onStarted?.(initDurationMs);
    },
    onLog(part) {
      first.onLog?.(part);
      second.onLog?.(part);
    },
    onEvidence(instrument, bytes) {
      first.onEvidence?.(instrument, bytes);
      second.onEvidence?.(instrument, bytes);
    },
  };
}

/**
 * A runtime that its function's own start variables keep from starting is the function's failure,
 * not the platform's.
 */
function refusedRun(call: HostCall, error: unknown, nowMs: number): EnvironmentRun {
  if (!isPlatformError(error, "runtime_refused")) throw error;
  const { requestId } = call;
  const text = "Runtime exited without providing a reason";
  const log = new CallLog();
  log.line(`${error.message}\nEND RequestId: ${requestId}\n`, nowMs);
  const none = { environmentId: "none", instanceId: "none", durationMs: 0, memoryUsedMiB: 0 };
  return {
    outcome: failedOutcome("Runtime.ExitError", `RequestId: ${requestId} Error: ${text}`),
    report: { start: "cold", ...none, log: log.bytes() },
    log,
    settled: undefined,
    initTimedOut: false,
  };
}

const POOL_POLL_MS = 5;
/** How long after its last new environment an instance keeps a runtime waiting. */
const SPARE_KEEP_MS = 30_000;
