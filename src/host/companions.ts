import type { SandboxExit } from "../sandbox/mod.ts";
import type { LogPart, LogSource } from "./call-log.ts";
import type { PlatformEvent } from "./platform-events.ts";

/** Why an environment ends, in the words of the Extensions API. */
export type ShutdownReason = "spindown" | "timeout" | "failure";

/** What companions are told of a call that begins. */
export interface CompanionCall {
  readonly requestId: string;
  readonly functionArn: string;
  readonly traceId: string;
  /** Wall clock, milliseconds since 1970. */
  readonly deadlineMs: number;
}

/**
 * What lives beside the runtime in one environment: extensions, and whoever subscribed to its
 * telemetry. An environment without any has no companions at all.
 *
 * Order: `start`, then the runtime's initialisation, `ready`; for each call `invoke`, the runtime's
 * answer, `settled`; at the end `shutdown`, which may come at any time. Companions that join while
 * the runtime initialises itself are not started. When one of them fails, its environment is told
 * (CompanionHost.companionFailed) and ends.
 */
export interface Companions {
  /** Starts external extensions; resolves when all have registered, rejects after `shutdown`. */
  start(): Promise<void>;
  /**
   * After the runtime's initialisation: resolves when every extension asks for its next event,
   * rejects after `shutdown`.
   */
  ready(): Promise<void>;
  /** A call begins: whoever subscribed gets its INVOKE event. */
  invoke(call: CompanionCall): void;
  /**
   * Resolves when all who were told of the call ask for the next event, or after `shutdown`;
   * undefined when nobody is waited for.
   */
  settled(): Promise<void> | undefined;
  /** How the runtime ended, while its companions may live on. */
  readonly runtimeExited: Promise<SandboxExit>;
  /** Stops the runtime, lets extensions end, for two seconds at most. Called once. */
  shutdown(reason: ShutdownReason): Promise<void>;
  /** An event of the platform, for telemetry. */
  observe(event: PlatformEvent): void;
  /** Something that the function or an extension wrote, for telemetry. */
  observeLog(part: LogPart): void;
}

/** What companions need of the environment that they are in. */
export interface CompanionHost {
  /** Whether no call has begun yet. */
  readonly isInitialising: boolean;
  /** Whether nothing in it runs at the moment. */
  readonly isFrozen: boolean;
  /** Tells of an event: as a line of the log, and to the companions themselves. */
  note(text: string, event: PlatformEvent): void;
  writeOutput(chunk: Buffer, isMessage: boolean, source: LogSource): void;
  /** The runtime's process is gone while its companions live on. */
  runtimeEnded(): void;
  /** One of the companions cannot go on: the call that runs fails, and the environment ends. */
  companionFailed(errorType: string, reason: string): void;
}
