import type { Outcome, ResponseSink, RunReport, StartKind } from "../model/mod.ts";
import type { CallLog, LogPart } from "./call-log.ts";
import type { Instrument } from "./channel.ts";

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
  /** Lines that begin the call's log. */
  readonly notices?: readonly string[] | undefined;
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
