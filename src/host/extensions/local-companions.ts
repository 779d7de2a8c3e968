import { constants } from "node:os";
import { basename } from "node:path";
import {
  type Clock,
  type Deferred,
  deferred,
  PlatformError,
  type SecureRandom,
} from "../../base/mod.ts";
import type { FunctionVersion } from "../../model/mod.ts";
import type { Sandbox, SandboxExit } from "../../sandbox/mod.ts";
import type { LogPart } from "../call-log.ts";
import type { CompanionCall, CompanionHost, Companions, ShutdownReason } from "../companions.ts";
import { exitWords } from "../outcome.ts";
import type { PlatformEvent } from "../platform-events.ts";
import { sendError } from "../runtime-api-http.ts";
import type { SandboxApi } from "../sandbox-api.ts";
import type { Extension, LifecycleEvent } from "./extension.ts";
import { EXTENSIONS_MAX, ExtensionsApi } from "./extensions-api.ts";
import type { SubscriptionApi } from "./subscription.ts";
import type { Program, ProgramExit, Supervisor } from "./supervisor.ts";
import { Telemetry } from "./telemetry.ts";

/** The processes of a sandbox whose function has external extensions. */
export interface ExternalExtensions {
  readonly supervisor: Supervisor;
  /** Paths as seen inside. */
  readonly paths: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface LocalCompanionsOptions {
  readonly host: CompanionHost;
  readonly version: FunctionVersion;
  readonly sandbox: Sandbox;
  readonly api: SandboxApi;
  readonly clock: Clock;
  readonly random: SecureRandom;
  /** Absent where nothing but the runtime's own process can be an extension. */
  readonly external?: ExternalExtensions;
}

/** Shutdown in all. AWS: 2 s with external extensions, 500 ms with internal ones alone. */
const SHUTDOWN_MS = 2_000;
const SHUTDOWN_INTERNAL_MS = 500;
/** Of that, what the runtime has between SIGTERM and SIGKILL. AWS: 500 ms with an internal one. */
const RUNTIME_MS = 300;
const RUNTIME_INTERNAL_MS = 500;
/** Of that, what receivers have for the last telemetry before extensions are told to end. Ours. */
const LAST_TELEMETRY_MS = 300;

/**
 * The extensions of one environment on this machine, and their telemetry.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
export class LocalCompanions implements Companions {
  readonly runtimeExited: Promise<SandboxExit>;
  readonly #options: LocalCompanionsOptions;
  readonly #extensions: ExtensionsApi;
  readonly #telemetry: Telemetry;
  readonly #programs = new Map<Extension, Program>();
  readonly #waits = new Set<{ isMet(): boolean; readonly met: Deferred<void> }>();
  #isInitialising = true;
  #isEnding = false;

  constructor(options: LocalCompanionsOptions) {
    const { version, random, api, external, sandbox } = options;
    this.#options = options;
    this.#telemetry = new Telemetry(options);
    this.#extensions = new ExtensionsApi({
      version,
      random,
      onChange: () => this.#changed(),
      onInternalFailed: (state, reason) => this.#fail(`Extension.${state}`, reason),
    });
    this.runtimeExited = external?.supervisor.runtime.exited.then(sandboxExitOf) ?? sandbox.exited;
    api.mount("2020-01-01", (path, request, response) =>
      this.#extensions.handle(path, request, response),
    );
    this.#mountSubscription("2022-07-01", "telemetry");
    this.#mountSubscription("2020-08-15", "logs");
    void external?.supervisor.runtime.exited.then(() => options.host.runtimeEnded());
  }

  async start(): Promise<void> {
    for (const path of this.#options.external?.paths ?? []) this.#launch(path);
    await this.#until(() => this.#extensions.extensions.every(({ state }) => state !== "Started"));
  }

  async ready(): Promise<void> {
    this.#extensions.closeRegistration();
    const isThere = ({ state }: Extension): boolean => state === "Ready" || state === "Running";
    await this.#until(() => this.#extensions.extensions.every(isThere));
    this.#endInitialisation();
  }

  invoke({ requestId, functionArn, traceId, deadlineMs }: CompanionCall): void {
    if (this.#isInitialising) this.#endInitialisation();
    this.#telemetry.wake();
    this.#send("INVOKE", {
      eventType: "INVOKE",
      deadlineMs,
      requestId,
      invokedFunctionArn: functionArn,
      tracing: { type: "X-Amzn-Trace-Id", value: traceId },
    });
  }

  settled(): Promise<void> | undefined {
    const isAtRest = ({ state, events }: Extension): boolean =>
      state === "Ready" || !events.includes("INVOKE");
    const areAtRest = (): boolean => this.#extensions.extensions.every(isAtRest);
    if (this.#isEnding || areAtRest()) return undefined;
    return this.#until(areAtRest).catch(() => {});
  }

  async shutdown(reason: ShutdownReason): Promise<void> {
    this.#isEnding = true;
    if (this.#isInitialising) this.#endInitialisation();
    for (const { met } of this.#waits) met.reject(ending());
    this.#waits.clear();
    this.#telemetry.wake();
    const { external, clock } = this.#options;
    if (external === undefined) await this.#within(SHUTDOWN_INTERNAL_MS, this.#telemetry.flush());
    else {
      const endsAt = clock.monotonic() + SHUTDOWN_MS;
      await this.#endRuntime(external.supervisor.runtime);
      await this.#within(LAST_TELEMETRY_MS, this.#telemetry.flush());
      await this.#endExtensions(reason, Math.max(0, endsAt - clock.monotonic()));
    }
    this.#telemetry.close();
  }

  observe(event: PlatformEvent): void {
    this.#telemetry.observe(event);
  }

  observeLog(part: LogPart): void {
    this.#telemetry.observeLog(part);
  }

  #mountSubscription(version: string, kind: SubscriptionApi): void {
    this.#options.api.mount(version, async (path, request, response) => {
      if (request.method !== "PUT" || path.replace(/\/$/, "") !== kind) {
        return sendError(response, 404, "NotFound", "Unknown path");
      }
      const extension = this.#extensions.identify(request, response);
      if (extension === undefined) return;
      await this.#telemetry.subscribe(kind, extension, request, response);
    });
  }

  #launch(path: string): void {
    const { external, host } = this.#options;
    if (external === undefined) return;
    const extension = this.#extensions.expect(basename(path));
    if (this.#extensions.extensions.length > EXTENSIONS_MAX) {
      extension.fail("LaunchError", "TooManyExtensions");
      this.#fail("Extension.LaunchError", "ErrTooManyExtensions");
      return;
    }
    const { supervisor, environment } = external;
    const program = supervisor.startExtension(path, environment, (chunk) =>
      host.writeOutput(chunk, false, "extension"),
    );
    this.#programs.set(extension, program);
    void program.exited.then((exit) => this.#exited(extension, path, exit));
  }

  #exited(extension: Extension, path: string, exit: ProgramExit): void {
    this.#programs.delete(extension);
    const { state } = extension;
    if ("errno" in exit) {
      const isDenied = exit.errno === constants.errno.EACCES;
      extension.fail("LaunchError", isDenied ? "PermissionDenied" : "UnknownError");
      this.#fail("Extension.LaunchError", `fork/exec ${path}: ${errnoWords(exit.errno)}`);
      return;
    }
    extension.exited();
    const errorType = state === "InitError" || state === "ExitError" ? state : "Crash";
    const reason = exit.code === 0 ? "exit code 0" : exitWords(exit);
    this.#fail(`Extension.${errorType}`, reason);
  }

  #fail(errorType: string, reason: string): void {
    if (!this.#isEnding) this.#options.host.companionFailed(errorType, reason);
  }

  /** Nobody joins any more; the log tells who is there. */
  #endInitialisation(): void {
    this.#isInitialising = false;
    this.#extensions.closeRegistration();
    this.#telemetry.closeSubscription();
    const { host, clock } = this.#options;
    for (const { name, state, events, errorType } of this.#extensions.extensions) {
      const failure = errorType === undefined ? "" : `\tError Type: ${errorType}`;
      const line = `EXTENSION\tName: ${name}\tState: ${state}\tEvents: [${events.join(", ")}]${failure}\n`;
      host.note(line, {
        timeMs: clock.now(),
        type: "platform.extension",
        record: { name, state, events, ...(errorType === undefined ? {} : { errorType }) },
      });
    }
  }

  /** Tells every extension that wants to know; the same bytes to all. */
  #send(kind: LifecycleEvent, event: Readonly<Record<string, unknown>>): void {
    const listeners = this.#extensions.extensions.filter(({ events }) => events.includes(kind));
    if (listeners.length === 0) return;
    const body = Buffer.from(JSON.stringify(event));
    const id = this.#options.random.uuid();
    for (const extension of listeners) extension.send({ id, body });
  }

  async #endRuntime(runtime: Program): Promise<void> {
    const { extensions } = this.#extensions;
    const hasInternal = extensions.some(({ isExternal }) => !isExternal);
    // AWS: without extensions nobody has time to end.
    if (extensions.length === 0) return runtime.signal("SIGKILL");
    runtime.signal("SIGTERM");
    await this.#within(hasInternal ? RUNTIME_INTERNAL_MS : RUNTIME_MS, runtime.exited);
    runtime.signal("SIGKILL");
  }

  /** Those who want to know have until the end; the others have nothing to wait for. */
  async #endExtensions(shutdownReason: ShutdownReason, leftMs: number): Promise<void> {
    const deadlineMs = Math.round(this.#options.clock.now() + leftMs);
    this.#send("SHUTDOWN", { eventType: "SHUTDOWN", shutdownReason, deadlineMs });
    for (const [{ events }, program] of this.#programs) {
      if (!events.includes("SHUTDOWN")) program.signal("SIGKILL");
    }
    const ends = Array.from(this.#programs.values(), ({ exited }) => exited);
    await this.#within(leftMs, Promise.all(ends));
  }

  /** Resolves when the condition holds, now or after some change; rejects at the end. */
  #until(isMet: () => boolean): Promise<void> {
    if (this.#isEnding) return Promise.reject(ending());
    if (isMet()) return Promise.resolve();
    const met = deferred<void>();
    this.#waits.add({ isMet, met });
    return met.promise;
  }

  #changed(): void {
    for (const wait of this.#waits) {
      if (!wait.isMet()) continue;
      this.#waits.delete(wait);
      wait.met.resolve();
    }
  }

  /** Resolves with the promise, or when the time is over. */
  async #within(limitMs: number, promise: Promise<unknown>): Promise<void> {
    const over = deferred<void>();
    using _limit = this.#options.clock.after(limitMs, () => over.resolve());
    await Promise.race([promise, over.promise]);
  }
}

function ending(): PlatformError {
  return new PlatformError({ kind: "unavailable", what: "environment" }, "Environment ends");
}

function sandboxExitOf(exit: ProgramExit): SandboxExit {
  // A wrapper that cannot be executed ends as in the shell that runs it on AWS.
  if ("errno" in exit) {
    const code = exit.errno === constants.errno.ENOENT ? 127 : 126;
    return { code, signal: null, outOfMemory: false };
  }
  return { code: exit.code, signal: exit.signal, outOfMemory: false };
}

/** As Go, and so AWS's messages, name the errors of an exec. */
function errnoWords(errno: number): string {
  switch (errno) {
    case constants.errno.EACCES:
      return "permission denied";
    case constants.errno.ENOENT:
      return "no such file or directory";
    case constants.errno.ENOEXEC:
      return "exec format error";
    default:
      return `error ${errno}`;
  }
}
