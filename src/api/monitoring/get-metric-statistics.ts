import { byPeriod, figureOf, STATISTICS, type TimedPoint } from "../../monitoring/mod.ts";
import { MonitoringError } from "./errors.ts";
import {
  dimensions,
  type MonitoringCall,
  metricName,
  namespace,
  type Operation,
  UNITS,
} from "./operation.ts";
import type { Output } from "./protocol.ts";
import { integer, list, oneOf, text, time } from "./shape.ts";

const MINUTE_MS = 60_000;
/** Data points of one answer. AWS: 1,440. */
const POINTS_MAX = 1440;

/** Source: .../APIReference/API_GetMetricStatistics.html */
export const getMetricStatistics: Operation = async (call) => {
  const { services, owner, input } = call;
  const name = {
    owner,
    namespace: input.required("Namespace", namespace),
    dimensions: input.optional("Dimensions", dimensions) ?? [],
  };
  const metric = input.required("MetricName", metricName);
  const { startMs, endMs, periodMs } = readSpan(call);
  const figures = readFigures(call);
  const unit = input.optional("Unit", oneOf(UNITS));
  const data = await services.metrics.read(name, metric, startMs, endMs);
  const isOfUnit = unit === undefined || unit === data.unit;
  const points = isOfUnit ? byPeriod(data.points, startMs, periodMs) : [];
  return {
    Label: metric,
    Datapoints: points.map((point) => datapoint(point, figures, data.unit)),
  };
};

interface Span {
  readonly startMs: number;
  readonly endMs: number;
  readonly periodMs: number;
}

function readSpan({ input }: MonitoringCall): Span {
  const startMs = wholeMinute(input.required("StartTime", time));
  const endMs = input.required("EndTime", time);
  const seconds = input.required("Period", integer({ min: 1 }));
  const periodMs = periodOf(seconds);
  if (startMs >= endMs) {
    throw new MonitoringError(
      "InvalidParameterCombination",
      "The parameter StartTime must be less than the parameter EndTime.",
    );
  }
  const points = Math.ceil((endMs - startMs) / (seconds * 1000));
  if (points > POINTS_MAX) {
    throw new MonitoringError(
      "InvalidParameterCombination",
      `You have requested up to ${points} datapoints, which exceeds the limit of ${POINTS_MAX}. ` +
        "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
    );
  }
  return { startMs, endMs, periodMs };
}

/** AWS: times less than 15 days ago are rounded down to the minute. */
export function wholeMinute(timeMs: number): number {
  return timeMs - (timeMs % MINUTE_MS);
}

/** Values are kept by the minute: shorter periods get minutes. */
export function periodOf(seconds: number): number {
  if (seconds % 60 === 0 || [1, 5, 10, 20, 30].includes(seconds)) {
    return Math.max(MINUTE_MS, seconds * 1000);
  }
  throw new MonitoringError(
    "InvalidParameterValue",
    "The parameter Period must be a multiple of 60, or 1, 5, 10, 20 or 30.",
  );
}

interface Figures {
  readonly plain: readonly string[];
  readonly extended: readonly string[];
}

function readFigures({ input }: MonitoringCall): Figures {
  const plain = input.optional("Statistics", list(oneOf(STATISTICS), { min: 1, max: 5 })) ?? [];
  const wanted = list(text({ min: 1, max: 100 }), { min: 1, max: 10 });
  const extended = input.optional("ExtendedStatistics", wanted) ?? [];
  if (plain.length + extended.length === 0) {
    throw new MonitoringError(
      "MissingParameter",
      "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
    );
  }
  for (const each of extended) {
    if (!each.startsWith("p") || figureOf(each) === undefined) {
      throw new MonitoringError(
        "InvalidParameterValue",
        `The value ${each} for parameter ExtendedStatistics is not supported.`,
      );
    }
  }
  return { plain, extended };
}

function datapoint({ atMs, point }: TimedPoint, figures: Figures, unit?: string): Output {
  const plain = figures.plain.map((name) => [name, figureOf(name)?.(point)] as const);
  const extended = new Map<string, number>();
  for (const name of figures.extended) {
    const value = figureOf(name)?.(point);
    if (value !== undefined) extended.set(name, value);
  }
  return {
    Timestamp: new Date(atMs),
    ...Object.fromEntries(plain),
    Unit: unit,
    ...(extended.size === 0 ? {} : { ExtendedStatistics: extended }),
  };
}
