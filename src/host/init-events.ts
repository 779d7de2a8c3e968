import type { FunctionVersion } from "../model/mod.ts";
import type { InitialisationType } from "./function-environment.ts";
import type { PlatformEvent } from "./platform-events.ts";
import { rounded } from "./report.ts";

/**
 * The events of an environment's initialisation.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
 */
interface InitFacts {
  readonly timeMs: number;
  readonly initialisation: InitialisationType;
}

/** A failed initialisation names its error. */
interface InitEnd extends InitFacts {
  readonly errorType?: string | undefined;
}

const PHASE = "init";

export function initStartEvent(
  { timeMs, initialisation }: InitFacts,
  { name, version, configuration }: FunctionVersion,
  environmentId: string,
): PlatformEvent {
  const record = {
    initializationType: initialisation,
    phase: PHASE,
    functionName: name,
    functionVersion: version,
    instanceId: environmentId,
    instanceMaxMemory: configuration.memorySizeMiB * 1024 * 1024,
    runtimeVersion: configuration.runtime,
  };
  return { timeMs, type: "platform.initStart", record };
}

export function initRuntimeDoneEvent(end: InitEnd): PlatformEvent {
  return { timeMs: end.timeMs, type: "platform.initRuntimeDone", record: endRecord(end) };
}

export function initReportEvent(end: InitEnd, durationMs: number): PlatformEvent {
  const record = { ...endRecord(end), metrics: { durationMs: rounded(durationMs) } };
  return { timeMs: end.timeMs, type: "platform.initReport", record };
}

function endRecord({ initialisation, errorType }: InitEnd): Record<string, unknown> {
  return {
    initializationType: initialisation,
    phase: PHASE,
    status: errorType === undefined ? "success" : "error",
    ...(errorType === undefined ? {} : { errorType }),
  };
}
