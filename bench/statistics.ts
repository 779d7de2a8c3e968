/** What a series of latencies comes down to. */
export interface Summary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function summarize(series: readonly Float64Array[]): Summary {
  const sorted = joined(series).sort();
  return {
    count: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  };
}

/**
 * The smallest value that at least this share of all values does not exceed.
 * @param sorted ascending; NaN when empty
 */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

export function joined(series: readonly Float64Array[]): Float64Array<ArrayBuffer> {
  const all = new Float64Array(sum(series.map((part) => part.length)));
  let offset = 0;
  for (const part of series) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** The work done at two sizes and what it cost: milliseconds, bytes, whatever grows. */
export interface Growth {
  readonly what: string;
  readonly sizes: readonly [number, number];
  readonly costs: readonly [number, number];
  /** 1 = linear, 0 = constant, 2 = quadratic. */
  readonly exponent: number;
}

export function growthOf(
  what: string,
  small: { readonly size: number; readonly cost: number },
  large: { readonly size: number; readonly cost: number },
): Growth {
  return {
    what,
    sizes: [small.size, large.size],
    costs: [small.cost, large.cost],
    exponent: Math.log(large.cost / small.cost) / Math.log(large.size / small.size),
  };
}
