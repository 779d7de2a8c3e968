import { type Clock, deferred } from "../base/mod.ts";
import {
  type FunctionVersion,
  limits,
  type Outcome,
  type RunReport,
  type StartKind,
  versionKey,
} from "../model/mod.ts";
import type { Sandbox, SandboxLimits } from "../sandbox/mod.ts";
import type { BootKey } from "./boot-key.ts";
import { CallAttempt } from "./call-attempt.ts";
import { CallLog, type ReportFigures, reportLine } from "./call-log.ts";
import type { InitialiseRequest, InitialiseResult, RuntimeChannel } from "./channel.ts";
import type { HostInstance } from "./instance.ts";
import { exitOutcome, failedOutcome, timedOutOutcome } from "./outcome.ts";

/** One call as an environment runs it. */
export interface EnvironmentCall {
  readonly requestId: string;
  readonly functionArn: string;
  readonly traceId: string;
  readonly payload: Buffer;
  readonly clientContext?: string;
  readonly start: StartKind;
  /** Whether a slow initialisation counts against the call's own time-out (a second attempt). */
  readonly initInsideCall: boolean;
  /** Sees the call's log as it is written; absent when nobody follows. */
  readonly onLog?: ((part: Buffer) => void) | undefined;
}

export interface EnvironmentRun {
  readonly outcome: Outcome;
  readonly report: RunReport;
  /** Initialisation did not end in INIT_MS_MAX: the call has not started and may go elsewhere. */
  readonly initTimedOut: boolean;
}

export type EnvironmentState = "waiting" | "idle" | "busy" | "ended";

/** Reading a cgroup file costs more than a warm call may: figures this young are used again. */
const USAGE_FRESH_MS = 100;
const MIB = 1024 * 1024;

/**
 * One runtime process with (after `assign`) one version's code, running one call at a time.
 * waiting -> idle <-> busy -> ended.
 */
export class Environment {
  readonly id: string;
  readonly instance: HostInstance;
  readonly bootKey: BootKey;
  readonly sandbox: Sandbox;
  readonly #channel: RuntimeChannel;
  readonly #clock: Clock;
  state: EnvironmentState = "waiting";
  version: FunctionVersion | undefined;
  versionKey = "";
  /** Memory this environment may use, counted against its instance. */
  reservedMiB: number = limits.MEMORY_MIB_MIN;
  isFrozen = false;
  /** Set when its version was replaced: ends after the call it is in. */
  isRetired = false;
  bornAt: number;
  lastUsedAt: number;
  #log: CallLog = new CallLog();
  #initialised: Promise<InitialiseResult> | undefined;
  #memoryMiB = 0;
  #memoryReadAt = Number.NEGATIVE_INFINITY;

  constructor(
    id: string,
    instance: HostInstance,
    bootKey: BootKey,
    sandbox: Sandbox,
    channel: RuntimeChannel,
    clock: Clock,
  ) {
    this.id = id;
    this.instance = instance;
    this.bootKey = bootKey;
    this.sandbox = sandbox;
    this.#channel = channel;
    this.#clock = clock;
    this.bornAt = clock.monotonic();
    this.lastUsedAt = this.bornAt;
  }

  /** Where output of the function goes: the call that runs, or else the next one. */
  writeOutput(chunk: Buffer): void {
    this.#log.append(chunk);
  }

  /** Makes this waiting runtime one of `version`: its code must be in place. */
  assign(version: FunctionVersion, request: InitialiseRequest): void {
    this.version = version;
    this.versionKey = versionKey(version);
    this.reservedMiB = version.configuration.memorySizeMiB;
    this.instance.lastKey = this.bootKey;
    this.instance.lastAssignedAt = this.#clock.monotonic();
    this.#initialised = this.#channel.initialise(request);
    // The failure is met where the call awaits it; here it must only not go unheard.
    this.#initialised.catch(() => {});
    // It was booted with the least a function can have.
    if (this.reservedMiB !== limits.MEMORY_MIB_MIN) {
      this.sandbox.limit(sandboxLimits(this.reservedMiB));
    }
  }

  /** Runs one call; afterwards the environment is idle, or ended when the process cannot go on. */
  async run(call: EnvironmentCall): Promise<EnvironmentRun> {
    this.thaw();
    this.state = "busy";
    const initialised = this.#initialised;
    this.#initialised = undefined;
    const attempt = new CallAttempt(call.initInsideCall, this.#timeoutMs, this.#clock, () =>
      this.end(),
    );
    const log = this.#log;
    if (call.onLog !== undefined) log.follow(call.onLog);
    const outcome =
      initialised === undefined
        ? await this.#callWarm(call, attempt, log)
        : await this.#callCold(call, attempt, log, initialised);
    const durationMs = attempt.finish();
    const memoryUsedMiB = this.#readMemory(attempt.isCold);
    this.#writeReport(call, attempt, outcome, durationMs, memoryUsedMiB);
    this.#log = new CallLog();
    if (this.state === "busy") this.state = this.#channel.isOpen ? "idle" : "ended";
    this.lastUsedAt = this.#clock.monotonic();
    const report: RunReport = {
      start: call.start,
      environmentId: this.id,
      instanceId: this.instance.id,
      durationMs,
      memoryUsedMiB,
      log: log.bytes(),
      ...(attempt.initDurationMs === undefined ? {} : { initDurationMs: attempt.initDurationMs }),
    };
    return { outcome, report, initTimedOut: attempt.initTimedOut };
  }

  freeze(): void {
    if (this.isFrozen || this.state !== "idle") return;
    this.isFrozen = true;
    this.sandbox.freeze();
  }

  thaw(): void {
    if (!this.isFrozen) return;
    this.isFrozen = false;
    this.sandbox.thaw();
  }

  /** Ends the process and all that belongs to it. Safe to call again. */
  async end(): Promise<void> {
    this.state = "ended";
    this.#channel.close();
    await this.sandbox.kill();
  }

  get #timeoutMs(): number {
    return (this.version?.configuration.timeoutSeconds ?? limits.TIMEOUT_SECONDS_DEFAULT) * 1000;
  }

  #callWarm(call: EnvironmentCall, attempt: CallAttempt, log: CallLog): Promise<Outcome> {
    attempt.started();
    log.line(startLine(call, this.version));
    return this.#invoke(call, attempt);
  }

  async #callCold(
    call: EnvironmentCall,
    attempt: CallAttempt,
    log: CallLog,
    initialised: Promise<InitialiseResult>,
  ): Promise<Outcome> {
    attempt.initialising();
    // Sent before initialisation has ended: the runtime takes both in order, a round trip less.
    const running = this.#invoke(call, attempt, () => {
      attempt.started();
      log.line(startLine(call, this.version));
    });
    const initial = await initialised.catch(() => undefined);
    if (initial?.ok !== false) return await running;
    attempt.initFailed();
    log.line(startLine(call, this.version));
    await this.end();
    await running;
    return initial.outcome;
  }

  async #invoke(
    call: EnvironmentCall,
    attempt: CallAttempt,
    onStarted?: () => void,
  ): Promise<Outcome> {
    try {
      return await this.#channel.invoke({
        requestId: call.requestId,
        functionArn: call.functionArn,
        traceId: call.traceId,
        timeoutMs: this.#timeoutMs,
        payload: call.payload,
        ...(call.clientContext === undefined ? {} : { clientContext: call.clientContext }),
        ...(onStarted === undefined ? {} : { onStarted }),
      });
    } catch {
      return await this.#outcomeOfDeath(call, attempt);
    }
  }

  /** The runtime's socket closed: its process died, was killed for time, or cut the line itself. */
  async #outcomeOfDeath(call: EnvironmentCall, attempt: CallAttempt): Promise<Outcome> {
    const graceful = deferred<void>();
    // A process that closed its socket is given a moment to end with the exit code it chose.
    const grace = this.#clock.after(EXIT_GRACE_MS, () => graceful.resolve());
    await Promise.race([this.sandbox.exited, graceful.promise]);
    grace.cancel();
    this.state = "ended";
    const exit = await this.sandbox.kill();
    if (attempt.isTimedOut) return timedOutOutcome(call.requestId, this.#timeoutMs / 1000);
    if (attempt.initTimedOut) {
      return failedOutcome(
        "Sandbox.Timedout",
        `RequestId: ${call.requestId} Error: Init timed out`,
      );
    }
    return exitOutcome(call.requestId, exit);
  }

  #readMemory(isCold: boolean): number {
    const now = this.#clock.monotonic();
    if (isCold || now - this.#memoryReadAt > USAGE_FRESH_MS || this.state === "ended") {
      this.#memoryReadAt = now;
      const peakMiB = Math.ceil(this.sandbox.usage().memoryPeakBytes / MIB);
      this.#memoryMiB = Math.max(this.#memoryMiB, Math.min(peakMiB, this.reservedMiB));
    }
    return this.#memoryMiB;
  }

  #writeReport(
    call: EnvironmentCall,
    attempt: CallAttempt,
    outcome: Outcome,
    durationMs: number,
    memoryUsedMiB: number,
  ): void {
    const log = this.#log;
    log.endOutput();
    if (attempt.isTimedOut) {
      const at = new Date(this.#clock.now()).toISOString();
      const seconds = (this.#timeoutMs / 1000).toFixed(2);
      log.line(`${at} ${call.requestId} Task timed out after ${seconds} seconds\n\n`);
    }
    log.line(`END RequestId: ${call.requestId}\n`);
    const figures: ReportFigures = {
      requestId: call.requestId,
      durationMs,
      memorySizeMiB: this.reservedMiB,
      memoryUsedMiB,
      ...(attempt.initDurationMs === undefined ? {} : { initDurationMs: attempt.initDurationMs }),
      ...(this.state === "ended" ? { status: endStatus(attempt, outcome) } : {}),
    };
    log.line(reportLine(figures));
  }
}

/** How long a runtime whose socket closed may take to end with an exit code of its own. */
const EXIT_GRACE_MS = 500;

function endStatus(
  attempt: CallAttempt,
  outcome: Outcome,
): { kind: "timeout" | "error"; errorType?: string } {
  if (attempt.isTimedOut || attempt.initTimedOut) return { kind: "timeout" };
  return outcome.status === "failed"
    ? { kind: "error", errorType: outcome.errorType }
    : { kind: "error" };
}

function startLine(call: EnvironmentCall, version: FunctionVersion | undefined): string {
  return `START RequestId: ${call.requestId} Version: ${version?.version ?? "$LATEST"}\n`;
}

/** Limits of a sandbox by memory size: processor time in proportion, as on Lambda. */
export function sandboxLimits(memoryMiB: number): SandboxLimits {
  return {
    memoryMiB,
    cpuWeight: Math.max(2, Math.round((memoryMiB / limits.MEMORY_MIB_PER_CPU) * 1024)),
    processes: limits.PROCESSES_MAX,
  };
}
