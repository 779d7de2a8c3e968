import { MetricPoint } from "./metric-point.core.ts";

export const STATISTICS = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] as const;
export type Statistic = (typeof STATISTICS)[number];

/** One figure of a point; undefined when the point does not tell. */
export type Figure = (point: MetricPoint) => number | undefined;

/**
 * The figure that a name stands for: a statistic, or a percentile as `p99` or `p99.9`; undefined
 * for names that are none of them.
 */
export function figureOf(name: string): Figure | undefined {
  const percent = Number(/^p(\d{1,2}(?:\.\d{1,10})?|100)$/.exec(name)?.[1]);
  if (!Number.isNaN(percent)) return (point) => point.percentile(percent);
  switch (name) {
    case "SampleCount":
      return ({ count }) => count;
    case "Average":
      return ({ sum, count }) => sum / count;
    case "Sum":
      return ({ sum }) => sum;
    case "Minimum":
      return ({ min }) => min;
    case "Maximum":
      return ({ max }) => max;
    default:
      return undefined;
  }
}

export interface TimedPoint {
  readonly atMs: number;
  readonly point: MetricPoint;
}

/** Merges points into periods counted from `startMs`; earliest first, empty ones left out. */
export function byPeriod(
  points: readonly TimedPoint[],
  startMs: number,
  periodMs: number,
): TimedPoint[] {
  const periods = new Map<number, MetricPoint>();
  for (const { atMs, point } of points) {
    const at = startMs + Math.floor((atMs - startMs) / periodMs) * periodMs;
    const merged = periods.get(at) ?? new MetricPoint();
    merged.merge(point);
    periods.set(at, merged);
  }
  return Array.from(periods, ([atMs, point]) => ({ atMs, point })).sort((a, b) => a.atMs - b.atMs);
}
