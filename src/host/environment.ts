import { assert, type Clock, deferred } from "../base/mod.ts";
import {
  type FunctionVersion,
  limits,
  type Outcome,
  type ResponseSink,
  type RunReport,
  versionKey,
} from "../model/mod.ts";
import type { Sandbox, SandboxLimits } from "../sandbox/mod.ts";
import type { BootKey } from "./boot-key.ts";
import { CallAttempt } from "./call-attempt.ts";
import type { CallLog, LogSource } from "./call-log.ts";
import type { InitialiseRequest, InitialiseResult, RuntimeChannel } from "./channel.ts";
import type { CompanionHost, Companions, ShutdownReason } from "./companions.ts";
import type { EnvironmentCall, EnvironmentRun } from "./environment-call.ts";
import { EnvironmentLog } from "./environment-log.ts";
import type { InitialisationType } from "./function-environment.ts";
import { initReportEvent, initRuntimeDoneEvent, initStartEvent } from "./init-events.ts";
import type { HostInstance } from "./instance.ts";
import { exitOutcome, type FailedOutcome, failedOutcome, timedOutOutcome } from "./outcome.ts";
import type { PlatformEvent } from "./platform-events.ts";
import {
  callEnd,
  type ReportFigures,
  reportEvent,
  reportLine,
  runtimeDoneEvent,
} from "./report.ts";
import type { ByteSink } from "./streamed-response.ts";

export type { CallObserver, EnvironmentCall, EnvironmentRun } from "./environment-call.ts";

export type EnvironmentState = "waiting" | "idle" | "busy" | "ended";

/** Reading a cgroup file costs more than a warm call may: figures this young are used again. */
const USAGE_FRESH_MS = 100;
const MIB = 1024 * 1024;

/**
 * One runtime process with (after `assign`) one version's code, running one call at a time.
 * waiting -> idle <-> busy -> ended.
 */
export class Environment implements CompanionHost {
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
  /** Kept ready as provisioned concurrency: does not end for being idle. */
  isProvisioned = false;
  /** Initialised before any call, and not done with it yet. */
  isPreparing = false;
  /** Whoever keeps it among the idle is told here that it has ended there. */
  onEndedIdle: () => void = () => {};
  /** Name of the log stream that everything written here goes to. */
  logStream = "";
  /** Whether followers are handed the log of the call that runs as it is written. */
  isLogSeen = false;
  bornAt: number;
  lastUsedAt: number;
  readonly #log: EnvironmentLog;
  #companions: Companions | undefined;
  #companionFailure: { readonly errorType: string; readonly reason: string } | undefined;
  #assignedAtMs = 0;
  isInitialising = false;
  #ending: Promise<void> | undefined;
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
    this.#log = new EnvironmentLog(clock);
    this.bornAt = clock.monotonic();
    this.lastUsedAt = this.bornAt;
  }

  /**
   * Where output of the function goes: the call that runs, or else the next one.
   * @param isMessage whether the chunk is one message, not a piece of a stream of lines
   */
  writeOutput(chunk: Buffer, isMessage = false, source: LogSource = "function"): void {
    this.#log.current.append(chunk, this.#clock.now(), isMessage, source);
  }

  /** Where output goes: the log of the call that runs, or of the next one. */
  get log(): CallLog {
    return this.#log.current;
  }

  /** What was written since the last call's log was closed; for an environment that has ended. */
  takeLastWords(): CallLog {
    return this.#log.renew();
  }

  /** Extensions and telemetry, where there are any: before initialisation begins, or during it. */
  join(companions: Companions): void {
    this.#companions = companions;
    this.#log.join(companions);
    if (this.isInitialising) companions.observe(this.#initStart());
  }

  note(text: string, event: PlatformEvent): void {
    this.#log.note(text, () => event);
  }

  companionFailed(errorType: string, reason: string): void {
    if (this.state === "ended") return;
    this.#companionFailure = { errorType, reason };
    if (this.state === "idle") this.runtimeEnded();
    else void this.end("failure");
  }

  runtimeEnded(): void {
    if (this.state !== "idle" && this.state !== "waiting") return;
    void this.end("failure");
    this.onEndedIdle();
  }

  /** Makes this waiting runtime one of `version`: its code must be in place. */
  assign(version: FunctionVersion, request: InitialiseRequest): void {
    this.version = version;
    this.versionKey = versionKey(version);
    this.reservedMiB = version.configuration.memorySizeMiB;
    this.instance.lastKey = this.bootKey;
    this.instance.lastAssignedAt = this.#clock.monotonic();
    this.logStream = request.logStream;
    this.#log.assign(version);
    this.isInitialising = true;
    this.#assignedAtMs = this.#clock.now();
    this.#initialised = this.#initialise(request);
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
    const attempt = new CallAttempt(
      call.initInsideCall,
      this.#timeoutMs,
      this.#clock,
      (reason) => void this.end(reason),
    );
    const { observer, notices } = call;
    if (observer?.onLog !== undefined) this.#log.current.follow((part) => observer.onLog?.(part));
    if (notices !== undefined) this.#log.notice(notices);
    const outcome =
      initialised === undefined
        ? await this.#callWarm(call, attempt)
        : await this.#callCold(call, attempt, initialised);
    const durationMs = attempt.finish();
    const memoryUsedMiB = this.#readMemory(attempt.isCold);
    this.#writeReport(call, attempt, outcome, durationMs, memoryUsedMiB);
    const log = this.#log.renew();
    const settled = this.#settle(attempt);
    if (this.state === "busy" && settled === undefined) this.#rest();
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
    return { outcome, report, log, settled, initTimedOut: attempt.initTimedOut };
  }

  /**
   * Initialises before any call; the environment is idle afterwards, or has ended. Undefined when
   * all went well, otherwise how initialisation failed.
   */
  async prepare(): Promise<FailedOutcome | undefined> {
    const initialised = this.#initialised;
    this.#initialised = undefined;
    if (initialised === undefined) return undefined;
    this.isPreparing = true;
    const limitMs = Math.max(limits.PROVISIONED_INIT_MS_MAX, this.#timeoutMs);
    using _late = this.#clock.after(limitMs, () => void this.end("failure"));
    const result = await initialised.catch(() => undefined);
    this.isPreparing = false;
    this.lastUsedAt = this.#clock.monotonic();
    if (result?.ok === true) {
      this.#rest();
      return undefined;
    }
    await this.end("failure");
    return result?.outcome ?? failedOutcome("Runtime.ExitError", "Runtime ended in initialisation");
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

  /**
   * Ends the process and all that belongs to it; extensions are told why and get their time. Safe
   * to call again.
   */
  end(reason: ShutdownReason = "spindown"): Promise<void> {
    this.state = "ended";
    this.#ending ??= this.#end(reason);
    return this.#ending;
  }

  async #end(reason: ShutdownReason): Promise<void> {
    if (this.#companions !== undefined) {
      this.#channel.abandon();
      this.thaw();
      await this.#companions.shutdown(reason);
    }
    this.#channel.close();
    await this.sandbox.kill();
  }

  /** The runtime becomes the function's, once the extensions that it has are there. */
  async #initialise(request: InitialiseRequest): Promise<InitialiseResult> {
    const companions = this.#companions;
    const beganAt = this.#clock.monotonic();
    this.#log.tell(() => this.#initStart());
    if (companions !== undefined) await companions.start();
    const result = await this.#channel.initialise(request);
    this.isInitialising = false;
    const errorType = result.ok ? undefined : result.outcome.errorType;
    this.#log.tell(() => initRuntimeDoneEvent({ ...this.#initFacts(), errorType }));
    if (companions !== undefined && result.ok) await companions.ready();
    const durationMs = this.#clock.monotonic() - beganAt;
    this.#log.tell(() => initReportEvent({ ...this.#initFacts(), errorType }, durationMs));
    return result;
  }

  #initStart(): PlatformEvent {
    const { version } = this;
    assert(version, "an environment is initialised for a version");
    const facts = { ...this.#initFacts(), timeMs: this.#assignedAtMs };
    return initStartEvent(facts, version, this.id);
  }

  #initFacts(): { timeMs: number; initialisation: InitialisationType } {
    const initialisation = this.isProvisioned ? "provisioned-concurrency" : "on-demand";
    return { timeMs: this.#clock.now(), initialisation };
  }

  /** What is left to wait for after the answer, before the environment may take another call. */
  #settle(attempt: CallAttempt): Promise<void> | undefined {
    if (this.state !== "busy") return undefined;
    const settled = this.#companions?.settled();
    if (settled === undefined) return undefined;
    const late = this.#clock.after(attempt.leftMs, () => void this.end("timeout"));
    return settled.then(() => {
      late.cancel();
      if (this.state === "busy") this.#rest();
    });
  }

  #rest(): void {
    this.state = this.#channel.isOpen ? "idle" : "ended";
  }

  get #timeoutMs(): number {
    return (this.version?.configuration.timeoutSeconds ?? limits.TIMEOUT_SECONDS_DEFAULT) * 1000;
  }

  #callWarm(call: EnvironmentCall, attempt: CallAttempt): Promise<Outcome> {
    this.#started(call, attempt);
    return this.#invoke(call, attempt);
  }

  async #callCold(
    call: EnvironmentCall,
    attempt: CallAttempt,
    initialised: Promise<InitialiseResult>,
  ): Promise<Outcome> {
    attempt.initialising();
    const onStarted = (): void => this.#started(call, attempt);
    // With extensions the runtime begins later than they do, and a call later than all of them.
    if (this.#companions !== undefined) {
      const initial = await initialised.catch(() => undefined);
      if (initial === undefined) return await this.#outcomeOfDeath(call, attempt);
      if (!initial.ok) return await this.#failInitialisation(call, attempt, initial.outcome);
      onStarted();
      return await this.#invoke(call, attempt);
    }
    // Sent before initialisation has ended: the runtime takes both in order, a round trip less.
    const running = this.#invoke(call, attempt, onStarted);
    const initial = await initialised.catch(() => undefined);
    if (initial?.ok !== false) return await running;
    const outcome = await this.#failInitialisation(call, attempt, initial.outcome);
    await running;
    return outcome;
  }

  async #failInitialisation(
    call: EnvironmentCall,
    attempt: CallAttempt,
    outcome: FailedOutcome,
  ): Promise<Outcome> {
    attempt.initFailed();
    this.#log.start(call.requestId);
    await this.end("failure");
    return outcome;
  }

  #started(call: EnvironmentCall, attempt: CallAttempt): void {
    attempt.started();
    this.isInitialising = false;
    const { requestId, functionArn, traceId } = call;
    this.#companions?.invoke({
      ...{ requestId, functionArn, traceId },
      deadlineMs: this.#clock.now() + this.#timeoutMs,
    });
    this.#log.start(requestId);
    call.observer?.onStarted?.(attempt.initDurationMs);
  }

  async #invoke(
    call: EnvironmentCall,
    attempt: CallAttempt,
    onStarted?: () => void,
  ): Promise<Outcome> {
    const { clientContext, cognitoIdentity, sink, instruments, observer } = call;
    try {
      return await this.#channel.invoke({
        requestId: call.requestId,
        functionArn: call.functionArn,
        traceId: call.traceId,
        timeoutMs: this.#timeoutMs,
        payload: call.payload,
        ...(clientContext === undefined ? {} : { clientContext }),
        ...(cognitoIdentity === undefined ? {} : { cognitoIdentity }),
        ...(sink === undefined ? {} : { sink: this.#byteSink(call, sink) }),
        ...(instruments === undefined ? {} : { instruments }),
        ...(observer?.onEvidence === undefined
          ? {}
          : { onEvidence: (name, bytes) => observer.onEvidence?.(name, bytes) }),
        ...(onStarted === undefined ? {} : { onStarted }),
      });
    } catch {
      return await this.#outcomeOfDeath(call, attempt);
    }
  }

  /** A response on its way learns here what only the environment knows. */
  #byteSink({ start }: EnvironmentCall, sink: ResponseSink): ByteSink {
    const { version } = this;
    assert(version, "an environment that runs a call has a version");
    const where = { environmentId: this.id, instanceId: this.instance.id };
    return {
      begin: (contentType) => sink.begin({ contentType, version, start, ...where }),
      write: (chunk) => sink.write(chunk),
    };
  }

  /** The runtime's socket closed: its process died, was killed for time, or cut the line itself. */
  async #outcomeOfDeath(call: EnvironmentCall, attempt: CallAttempt): Promise<Outcome> {
    const { sandbox } = this;
    const companions = this.#companions;
    const known = this.#knownOutcome(call, attempt);
    // Extensions take their leave behind the answer.
    if (companions !== undefined && known !== undefined) return known;
    const graceful = deferred<void>();
    // A process that closed its socket is given a moment to end with the exit code it chose.
    const grace = this.#clock.after(EXIT_GRACE_MS, () => graceful.resolve());
    const runtimeExited = companions?.runtimeExited ?? sandbox.exited;
    await Promise.race([runtimeExited, sandbox.exited, graceful.promise]);
    grace.cancel();
    const ending = this.end("failure");
    if (companions === undefined) await ending;
    let exit = await Promise.race([runtimeExited, sandbox.exited]);
    // Only the end of the sandbox tells who killed.
    if (exit.signal === "SIGKILL") {
      exit = { ...exit, outOfMemory: (await sandbox.exited).outOfMemory };
    }
    return this.#knownOutcome(call, attempt) ?? exitOutcome(call.requestId, exit);
  }

  /** What the platform itself has done to the call, if anything. */
  #knownOutcome({ requestId }: EnvironmentCall, attempt: CallAttempt): FailedOutcome | undefined {
    const failure = this.#companionFailure;
    if (attempt.isTimedOut) return timedOutOutcome(requestId, this.#timeoutMs / 1000);
    if (attempt.initTimedOut) {
      return failedOutcome("Sandbox.Timedout", `RequestId: ${requestId} Error: Init timed out`);
    }
    if (failure === undefined) return undefined;
    return failedOutcome(failure.errorType, `RequestId: ${requestId} Error: ${failure.reason}`);
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
    const now = this.#clock.now();
    const { requestId } = call;
    const end = callEnd(outcome, attempt.isTimedOut || attempt.initTimedOut);
    log.current.endOutput(now);
    if (attempt.isTimedOut && log.isText) {
      const at = new Date(now).toISOString();
      const seconds = (this.#timeoutMs / 1000).toFixed(2);
      log.current.line(`${at} ${requestId} Task timed out after ${seconds} seconds\n\n`, now);
    }
    log.note(`END RequestId: ${requestId}\n`, () =>
      runtimeDoneEvent(now, requestId, durationMs, end),
    );
    const figures: ReportFigures = {
      requestId,
      durationMs,
      memorySizeMiB: this.reservedMiB,
      memoryUsedMiB,
      ...(attempt.initDurationMs === undefined ? {} : { initDurationMs: attempt.initDurationMs }),
      ...(this.state === "ended" ? { status: endStatus(attempt, outcome) } : {}),
    };
    log.note(reportLine(figures), () => reportEvent(now, figures, end));
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

/** Limits of a sandbox by memory size: processor time in proportion, as on Lambda. */
export function sandboxLimits(memoryMiB: number): SandboxLimits {
  return {
    memoryMiB,
    cpuWeight: Math.max(2, Math.round((memoryMiB / limits.MEMORY_MIB_PER_CPU) * 1024)),
    processes: limits.PROCESSES_MAX,
  };
}
