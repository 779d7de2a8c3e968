/**
 * Values of one metric in one span of time: their number, sum and bounds, and perhaps how they are
 * spread. Points can be merged, so a minute's make up an hour's.
 */
export class MetricPoint {
  count = 0;
  sum = 0;
  min: number = Number.POSITIVE_INFINITY;
  max: number = Number.NEGATIVE_INFINITY;
  /** Number of values by the logarithm of their size; absent when nobody asks for percentiles. */
  #spread: Map<number, number> | undefined;

  /** @param count how many times the value occurred */
  add(value: number, isSpread: boolean, count = 1): void {
    this.count += count;
    this.sum += value * count;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (isSpread) this.#addSpread(classOf(value), count);
  }

  /** Adds values of which only a summary is known. */
  addSummary(summary: { count: number; sum: number; min: number; max: number }): void {
    this.count += summary.count;
    this.sum += summary.sum;
    this.min = Math.min(this.min, summary.min);
    this.max = Math.max(this.max, summary.max);
  }

  merge(other: MetricPoint): void {
    this.addSummary(other);
    for (const [size, count] of other.#spread ?? []) this.#addSpread(size, count);
  }

  /**
   * The value below which `percent` of the values lie, within about 1 %; undefined when the spread
   * of any of them is not known.
   */
  percentile(percent: number): number | undefined {
    const spread = [...(this.#spread ?? [])].sort(([a], [b]) => a - b);
    const known = spread.reduce((sum, [, count]) => sum + count, 0);
    if (known === 0 || known < this.count) return undefined;
    if (percent <= 0) return this.min;
    if (percent >= 100) return this.max;
    const rank = (percent / 100) * known;
    let passed = 0;
    for (const [size, count] of spread) {
      passed += count;
      if (passed >= rank) return Math.min(this.max, Math.max(this.min, middleOf(size)));
    }
    return this.max;
  }

  /** How many numbers it is as plain data. */
  get size(): number {
    return 4 + 2 * (this.#spread?.size ?? 0);
  }

  /** As plain data: count, sum, min, max, then size and number of each class of the spread. */
  toNumbers(): number[] {
    return [this.count, this.sum, this.min, this.max, ...[...(this.#spread ?? [])].flat()];
  }

  static fromNumbers([
    count = 0,
    sum = 0,
    min = 0,
    max = 0,
    ...spread
  ]: readonly number[]): MetricPoint {
    const point = new MetricPoint();
    point.addSummary({ count, sum, min, max });
    for (let at = 0; at + 1 < spread.length; at += 2) {
      point.#addSpread(spread[at] ?? 0, spread[at + 1] ?? 0);
    }
    return point;
  }

  #addSpread(size: number, count: number): void {
    this.#spread ??= new Map();
    this.#spread.set(size, (this.#spread.get(size) ?? 0) + count);
  }
}

/** Classes grow by 2 %: at most 1 % from the middle of one to its edge. */
const STEP = Math.log(1.02);
/** Sizes are counted from here up, smaller ones as this; the sign is kept apart. */
const LEAST = 1e-6;
const ZERO = 0;

function classOf(value: number): number {
  const size = Math.round(Math.log(Math.max(Math.abs(value), LEAST) / LEAST) / STEP) + 1;
  if (Math.abs(value) < LEAST) return ZERO;
  return value < 0 ? -size : size;
}

function middleOf(size: number): number {
  if (size === ZERO) return 0;
  return Math.sign(size) * LEAST * Math.exp((Math.abs(size) - 1) * STEP);
}
