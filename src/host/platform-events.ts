import type { FunctionConfiguration } from "../model/mod.ts";

/**
 * Events of the platform as the Telemetry API and JSON system logs tell them.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
 */
export interface PlatformEvent {
  /** Wall clock, milliseconds since 1970. */
  readonly timeMs: number;
  /** `platform.start`, `platform.report`, … */
  readonly type: string;
  readonly record: Readonly<Record<string, unknown>>;
}

const LEVELS = ["DEBUG", "INFO", "WARN"] as const;
type Level = (typeof LEVELS)[number];

/**
 * An event as a line of the function's JSON log; undefined when its level is below the one
 * configured. Source: "System log level event mapping",
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 */
export function systemLogLine(
  event: PlatformEvent,
  logging: FunctionConfiguration["logging"],
): string | undefined {
  const least = LEVELS.indexOf((logging.systemLogLevel ?? "INFO") as Level);
  if (LEVELS.indexOf(levelOf(event)) < least) return undefined;
  const time = new Date(event.timeMs).toISOString();
  return `${JSON.stringify({ time, type: event.type, record: event.record })}\n`;
}

function levelOf({ type, record }: PlatformEvent): Level {
  const { status } = record;
  const isWell = status === undefined || status === "success";
  switch (type) {
    case "platform.initRuntimeDone":
    case "platform.initReport":
    case "platform.runtimeDone":
    case "platform.extension":
      return isWell ? "DEBUG" : "WARN";
    case "platform.logsDropped":
      return "WARN";
    default:
      return isWell ? "INFO" : "WARN";
  }
}
