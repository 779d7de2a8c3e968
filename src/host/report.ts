import type { Outcome } from "../model/mod.ts";
import type { PlatformEvent } from "./platform-events.ts";

/** The figures of a REPORT line. */
export interface ReportFigures {
  readonly requestId: string;
  readonly durationMs: number;
  readonly initDurationMs?: number;
  readonly memorySizeMiB: number;
  readonly memoryUsedMiB: number;
  /** `timeout`, or `error` with its type; absent on success. */
  readonly status?: { readonly kind: "timeout" | "error"; readonly errorType?: string };
}

/**
 * AWS's REPORT line, tab separated.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 */
export function reportLine(figures: ReportFigures): string {
  const { durationMs, initDurationMs } = figures;
  let line =
    `REPORT RequestId: ${figures.requestId}\tDuration: ${durationMs.toFixed(2)} ms\t` +
    `Billed Duration: ${billedDurationMs(figures)} ms\tMemory Size: ${figures.memorySizeMiB} MB\t` +
    `Max Memory Used: ${figures.memoryUsedMiB} MB\t`;
  if (initDurationMs !== undefined) line += `Init Duration: ${initDurationMs.toFixed(2)} ms\t`;
  if (figures.status !== undefined) line += `Status: ${figures.status.kind}\t`;
  if (figures.status?.errorType !== undefined) line += `Error Type: ${figures.status.errorType}\t`;
  return `${line}\n`;
}

/** AWS's START line. */
export function startLine(requestId: string, version: string): string {
  return `START RequestId: ${requestId} Version: ${version}\n`;
}

export function startEvent(timeMs: number, requestId: string, version: string): PlatformEvent {
  return { timeMs, type: "platform.start", record: { requestId, version } };
}

/** The runtime has answered, or ended; extensions may go on. */
export function runtimeDoneEvent(
  timeMs: number,
  requestId: string,
  durationMs: number,
  end: CallEnd,
): PlatformEvent {
  const metrics = { durationMs: rounded(durationMs), producedBytes: end.producedBytes };
  return {
    timeMs,
    type: "platform.runtimeDone",
    record: { requestId, ...statusOf(end), metrics },
  };
}

export function reportEvent(timeMs: number, figures: ReportFigures, end: CallEnd): PlatformEvent {
  const { durationMs, initDurationMs } = figures;
  const metrics = {
    durationMs: rounded(durationMs),
    billedDurationMs: billedDurationMs(figures),
    memorySizeMB: figures.memorySizeMiB,
    maxMemoryUsedMB: figures.memoryUsedMiB,
    ...(initDurationMs === undefined ? {} : { initDurationMs: rounded(initDurationMs) }),
  };
  return {
    timeMs,
    type: "platform.report",
    record: { requestId: figures.requestId, ...statusOf(end), metrics },
  };
}

/** How a call ended, for its events. */
export interface CallEnd {
  readonly status: "success" | "error" | "timeout";
  readonly errorType?: string;
  readonly producedBytes: number;
}

export function callEnd(outcome: Outcome, isTimedOut: boolean): CallEnd {
  const producedBytes = outcome.payload.length;
  if (isTimedOut) return { status: "timeout", producedBytes };
  if (outcome.status === "succeeded") return { status: "success", producedBytes };
  return { status: "error", errorType: outcome.errorType, producedBytes };
}

function statusOf({ status, errorType }: CallEnd): Record<string, string> {
  return { status, ...(errorType === undefined ? {} : { errorType }) };
}

/** Milliseconds as the events give them: three digits after the point. */
export function rounded(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000;
}

function billedDurationMs({ durationMs, initDurationMs }: ReportFigures): number {
  return Math.max(1, Math.ceil(durationMs + (initDurationMs ?? 0)));
}
