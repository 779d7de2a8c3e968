import type { SandboxExit } from "../sandbox/mod.ts";
import type { LogPart } from "./call-log.ts";
import type { FailedOutcome } from "./outcome.ts";
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
 * answer, `settled`; at the end `shutdown`, which may come at any time and settles all the others.
 * Nothing here throws: what goes wrong is a failure that becomes the call's outcome.
 */
export interface Companions {
  /** Starts external extensions; resolves when all have registered, or one has failed. */
  start(): Promise<FailedOutcome | undefined>;
  /** After the runtime's initialisation: resolves when every extension asks for its next event. */
  ready(): Promise<FailedOutcome | undefined>;
  /** A call begins: whoever subscribed gets its INVOKE event. */
  invoke(call: CompanionCall): void;
  /**
   * Resolves when all who were told of the call ask for the next event; undefined when nobody is
   * waited for. A failure when one ended instead.
   */
  settled(): Promise<FailedOutcome | undefined> | undefined;
  /** How the runtime ended, while its companions may live on. */
  readonly runtimeExited: Promise<SandboxExit>;
  /** Stops the runtime, lets extensions end, for two seconds at most. */
  shutdown(reason: ShutdownReason): Promise<void>;
  /** An event of the platform, for telemetry. */
  observe(event: PlatformEvent): void;
  /** Something that the function or an extension wrote, for telemetry. */
  observeLog(part: LogPart): void;
}
