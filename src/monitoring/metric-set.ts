import { createHash } from "node:crypto";
import { limits, type Owner } from "../model/mod.ts";
import { MetricPoint } from "./metric-point.core.ts";

/** What tells series of one metric apart. */
export interface Dimension {
  readonly name: string;
  readonly value: string;
}

/** All metrics of a namespace that have the same dimensions. */
export interface MetricSetName {
  readonly owner: Owner;
  readonly namespace: string;
  readonly dimensions: readonly Dimension[];
}

export const MINUTE_MS = 60_000;
/** Span of time whose points lie in one document. */
export const BLOCK_MS: number = 15 * MINUTE_MS;

/** Points of a block as they are stored: by metric, the start of each and its numbers. */
export type StoredBlock = Readonly<Record<string, readonly (readonly [number, number[]])[]>>;

/** Tells sets apart, whatever the order of their dimensions. */
export function setId({ namespace, dimensions }: Omit<MetricSetName, "owner">): string {
  const sorted = dimensions.map(({ name, value }) => [name, value]).sort(byName);
  const text = JSON.stringify([namespace, sorted]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/**
 * The metrics of one set while values come in: points of the last minutes, and what is not in the
 * store yet.
 */
export class MetricSet {
  readonly name: MetricSetName;
  readonly id: string;
  /** By metric: its unit. */
  readonly units: Map<string, string> = new Map();
  /** Its units are not in the store yet. */
  isRenamed = true;
  lastMs = 0;
  /** The time of the last value as the store has it. */
  storedLastMs = -1;
  /** Nothing more may be recorded here: the store has forgotten it. */
  isClosed = false;
  /** Holds so much that the spread of further values is not kept. */
  isFull = false;
  readonly #blocks = new Map<number, MetricBlock>();
  readonly #series = new Map<string, MetricSeries>();
  readonly #onChange: (set: MetricSet) => void;

  constructor(name: MetricSetName, id: string, onChange: (set: MetricSet) => void) {
    this.name = name;
    this.id = id;
    this.#onChange = onChange;
  }

  /** The series of one metric; made now if need be. */
  series(metric: string, unit: string, isSpread: boolean): MetricSeries {
    let series = this.#series.get(metric);
    if (series === undefined) {
      series = new MetricSeries(this, metric, isSpread);
      this.#series.set(metric, series);
    }
    if (this.units.get(metric) !== unit) {
      this.units.set(metric, unit);
      this.isRenamed = true;
    }
    return series;
  }

  /** The point of a metric for the minute of a time. */
  point(metric: string, minuteMs: number): MetricPoint {
    const startMs = minuteMs - (minuteMs % BLOCK_MS);
    let block = this.#blocks.get(startMs);
    if (block === undefined) {
      block = new MetricBlock(startMs);
      this.#blocks.set(startMs, block);
    }
    return block.point(metric, minuteMs);
  }

  changed(atMs: number): void {
    if (atMs > this.lastMs) this.lastMs = atMs;
    this.#onChange(this);
  }

  /** Whether a metric of this name may be in it. */
  takes(metric: string): boolean {
    return this.units.has(metric) || this.units.size < limits.METRIC_NAMES_PER_SET_MAX;
  }

  blocks(): MetricBlock[] {
    return [...this.#blocks.values()];
  }

  /** Forgets blocks that ended before; whether any are left. */
  dropBefore(timestampMs: number): boolean {
    for (const startMs of this.#blocks.keys()) {
      if (startMs + BLOCK_MS < timestampMs) this.#blocks.delete(startMs);
    }
    for (const series of this.#series.values()) series.forgetPoint();
    return this.#blocks.size > 0;
  }
}

/** One metric of one set; recording in the same minute costs a few additions. */
export class MetricSeries {
  readonly set: MetricSet;
  readonly #metric: string;
  readonly #isSpread: boolean;
  #minuteMs = Number.NaN;
  #point: MetricPoint = new MetricPoint();

  constructor(set: MetricSet, metric: string, isSpread: boolean) {
    this.set = set;
    this.#metric = metric;
    this.#isSpread = isSpread;
  }

  add(value: number, atMs: number, count = 1): void {
    this.pointAt(atMs).add(value, this.#isSpread && !this.set.isFull, count);
  }

  /** The point for a time, which is about to change. */
  pointAt(atMs: number): MetricPoint {
    const minuteMs = atMs - (atMs % MINUTE_MS);
    if (minuteMs !== this.#minuteMs) {
      this.#minuteMs = minuteMs;
      this.#point = this.set.point(this.#metric, minuteMs);
    }
    this.set.changed(atMs);
    return this.#point;
  }

  forgetPoint(): void {
    this.#minuteMs = Number.NaN;
  }
}

/** Points of a set in one span of time. */
export class MetricBlock {
  readonly startMs: number;
  /** Whether what was stored of it before is in it. */
  isLoaded = false;
  readonly #metrics = new Map<string, Map<number, MetricPoint>>();

  constructor(startMs: number) {
    this.startMs = startMs;
  }

  point(metric: string, atMs: number): MetricPoint {
    const points = this.#metrics.get(metric) ?? new Map<number, MetricPoint>();
    this.#metrics.set(metric, points);
    const point = points.get(atMs) ?? new MetricPoint();
    points.set(atMs, point);
    return point;
  }

  /** Adds what is stored, its points widened to spans of `spanMs`. */
  merge(stored: StoredBlock, spanMs: number = MINUTE_MS): void {
    for (const [metric, points] of Object.entries(stored)) {
      for (const [atMs, numbers] of points) {
        this.point(metric, atMs - (atMs % spanMs)).merge(MetricPoint.fromNumbers(numbers));
      }
    }
  }

  /** Numbers that it takes to store it. */
  get size(): number {
    let size = 0;
    for (const points of this.#metrics.values()) {
      for (const point of points.values()) size += point.size;
    }
    return size;
  }

  toStored(): StoredBlock {
    return Object.fromEntries(
      Array.from(this.#metrics, ([metric, points]) => [
        metric,
        Array.from(points, ([atMs, point]) => [atMs, point.toNumbers()] as const),
      ]),
    );
  }
}

function byName([a = ""]: readonly string[], [b = ""]: readonly string[]): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
