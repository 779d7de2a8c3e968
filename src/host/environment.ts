import { assert, type Clock, deferred } from "../base/mod.ts";
import {
  type FunctionVersion,
  limits,
  type Outcome,
  type ResponseSink,
  type RunReport,
  type StartKind,
  versionKey,
} from "../model/mod.ts";
import type { Sandbox, SandboxLimits } from "../sandbox/mod.ts";
import type { BootKey } from "./boot-key.ts";
import { CallAttempt } from "./call-attempt.ts";
import { CallLog, type LogPart } from "./call-log.ts";
import type { InitialiseRequest, InitialiseResult, Instrument, RuntimeChannel } from "./channel.ts";
import type { Companions, ShutdownReason } from "./companions.ts";
import type { HostInstance } from "./instance.ts";
import { exitOutcome, type FailedOutcome, failedOutcome, timedOutOutcome } from "./outcome.ts";
import { type PlatformEvent, systemLogLine } from "./platform-events.ts";
import {
  callEnd,
  type ReportFigures,
  reportEvent,
  reportLine,
  runtimeDoneEvent,
  startEvent,
  startLine,
} from "./report.ts";
import type { ByteSink } from "./streamed-response.ts";

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
  readonly cognitoIdentity?: string;
  /** Takes the response while it is written. */
  readonly sink?: ResponseSink | undefined;
  /** Sees the call as it goes; absent when nobody looks. */
  readonly observer?: CallObserver | undefined;
  readonly instruments?: readonly Instrument[];
}

/** Sees one call as it goes. Must be quick and must not throw. */
export interface CallObserver {
  /** The handler is about to run. */
  onStarted?(initDurationMs: number | undefined): void;
  onLog?(part: LogPart): void;
  /** What an instrument brings; hostile, and a view of a larger buffer. */
  onEvidence?(instrument: string, bytes: Buffer): void;
}

export interface EnvironmentRun {
  readonly outcome: Outcome;
  readonly report: RunReport;
  readonly log: CallLog;
  /** Resolves when the environment may be given back: extensions have done their part. */
  readonly settled: Promise<void> | undefined;
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
  /** Extensions and telemetry, where there are any. */
  companions: Companions | undefined;
  /** Name of the log stream that everything written here goes to. */
  logStream = "";
  bornAt: number;
  lastUsedAt: number;
  #log: CallLog = new CallLog();
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
    this.bornAt = clock.monotonic();
    this.lastUsedAt = this.bornAt;
  }

  /**
   * Where output of the function goes: the call that runs, or else the next one.
   * @param isMessage whether the chunk is one message, not a piece of a stream of lines
   */
  writeOutput(chunk: Buffer, isMessage = false): void {
    this.#log.append(chunk, this.#clock.now(), isMessage);
  }

  /** Makes this waiting runtime one of `version`: its code must be in place. */
  assign(version: FunctionVersion, request: InitialiseRequest): void {
    this.version = version;
    this.versionKey = versionKey(version);
    this.reservedMiB = version.configuration.memorySizeMiB;
    this.instance.lastKey = this.bootKey;
    this.instance.lastAssignedAt = this.#clock.monotonic();
    this.logStream = request.logStream;
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
    const log = this.#log;
    this.#follow(log, call);
    const outcome =
      initialised === undefined
        ? await this.#callWarm(call, attempt)
        : await this.#callCold(call, attempt, initialised);
    const durationMs = attempt.finish();
    const memoryUsedMiB = this.#readMemory(attempt.isCold);
    this.#writeReport(call, attempt, outcome, durationMs, memoryUsedMiB);
    this.#log = new CallLog();
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
    this.#channel.close();
    if (this.companions !== undefined) {
      this.thaw();
      await this.companions.shutdown(reason);
    }
    await this.sandbox.kill();
  }

  /** The runtime becomes the function's, once the extensions that it has are there. */
  async #initialise(request: InitialiseRequest): Promise<InitialiseResult> {
    const { companions } = this;
    if (companions === undefined) return this.#channel.initialise(request);
    const failed = await companions.start();
    if (failed !== undefined) return { ok: false, outcome: failed };
    const result = await this.#channel.initialise(request);
    const unready = result.ok ? await companions.ready() : undefined;
    return unready === undefined ? result : { ok: false, outcome: unready };
  }

  /** What is left to wait for after the answer, before the environment may take another call. */
  #settle(attempt: CallAttempt): Promise<void> | undefined {
    if (this.state !== "busy") return undefined;
    const settled = this.companions?.settled();
    if (settled === undefined) return undefined;
    const late = this.#clock.after(attempt.leftMs, () => void this.end("timeout"));
    return settled.then((failed) => {
      late.cancel();
      if (failed !== undefined) void this.end("failure");
      if (this.state === "busy") this.#rest();
    });
  }

  #rest(): void {
    this.state = this.#channel.isOpen ? "idle" : "ended";
  }

  #follow(log: CallLog, { observer }: EnvironmentCall): void {
    const { companions } = this;
    if (observer?.onLog === undefined && companions === undefined) return;
    log.follow((part) => {
      observer?.onLog?.(part);
      companions?.observeLog(part);
    });
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
    if (this.companions !== undefined) {
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
    this.#noteStart(call);
    await this.end("failure");
    return outcome;
  }

  #started(call: EnvironmentCall, attempt: CallAttempt): void {
    attempt.started();
    this.#noteStart(call);
    call.observer?.onStarted?.(attempt.initDurationMs);
    const { requestId, functionArn, traceId } = call;
    const { companions } = this;
    if (companions === undefined) return;
    const deadlineMs = this.#clock.now() + this.#timeoutMs;
    companions.invoke({ requestId, functionArn, traceId, deadlineMs });
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
    const graceful = deferred<void>();
    // A process that closed its socket is given a moment to end with the exit code it chose.
    const grace = this.#clock.after(EXIT_GRACE_MS, () => graceful.resolve());
    const { companions, sandbox } = this;
    const runtimeExited = companions?.runtimeExited ?? sandbox.exited;
    await Promise.race([runtimeExited, sandbox.exited, graceful.promise]);
    grace.cancel();
    const ending = this.end("failure");
    const exit = await (companions === undefined ? sandbox.kill() : runtimeExited);
    // Extensions take their leave behind the answer.
    if (companions === undefined) await ending;
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
    const now = this.#clock.now();
    const { requestId } = call;
    const end = callEnd(outcome, attempt.isTimedOut || attempt.initTimedOut);
    log.endOutput(now);
    if (attempt.isTimedOut && this.#hasTextLog) {
      const at = new Date(now).toISOString();
      const seconds = (this.#timeoutMs / 1000).toFixed(2);
      log.line(`${at} ${requestId} Task timed out after ${seconds} seconds\n\n`, now);
    }
    this.#note(`END RequestId: ${requestId}\n`, () =>
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
    this.#note(reportLine(figures), () => reportEvent(now, figures, end));
  }

  #noteStart({ requestId }: EnvironmentCall): void {
    const version = this.version?.version ?? "$LATEST";
    this.#note(startLine(requestId, version), () =>
      startEvent(this.#clock.now(), requestId, version),
    );
  }

  get #hasTextLog(): boolean {
    return this.version?.configuration.logging.format !== "JSON";
  }

  /** Tells of an event: in AWS's line of text or in JSON, and to whoever subscribed. */
  #note(text: string, event: () => PlatformEvent): void {
    const { companions, version } = this;
    if (this.#hasTextLog) this.#log.line(text, this.#clock.now());
    if (this.#hasTextLog && companions === undefined) return;
    const told = event();
    const line =
      this.#hasTextLog || !version ? undefined : systemLogLine(told, version.configuration.logging);
    if (line !== undefined) this.#log.line(line, told.timeMs);
    companions?.observe(told);
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
