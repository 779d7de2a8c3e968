import { limits, type Owner } from "../model/mod.ts";
import { FunctionCounters } from "./function-counters.ts";
import type { Dimension, MetricSeries } from "./metric-set.ts";
import type { MetricStore } from "./metric-store.ts";

/** What one call, or one that was refused, adds to the figures of its function. */
export interface CallFigures {
  readonly owner: Owner;
  readonly functionName: string;
  /** The alias or version that was asked for. */
  readonly qualifier?: string;
  readonly executedVersion: string;
  readonly status: "succeeded" | "failed" | "throttled";
  readonly durationMs?: number;
  /** Calls of the function that ran, this one included. */
  readonly concurrent: number;
  /** Calls of the account that ran, and those of them without a reservation. */
  readonly accountConcurrent?: number;
  readonly unreservedConcurrent?: number;
  /** Ran in an environment that was kept ready for it. */
  readonly provisioned?: boolean;
  /** Found all environments that are kept ready in use. */
  readonly spillover?: boolean;
  /** Share of the environments kept ready that were in use, 0 to 1. */
  readonly provisionedUtilization?: number;
  readonly postRuntimeExtensionsDurationMs?: number;
  /** Milliseconds since 1970 at which the call began. */
  readonly atMs: number;
}

/** One request to a function's URL. */
export interface UrlFigures {
  readonly owner: Owner;
  readonly functionName: string;
  readonly qualifier?: string;
  /** HTTP status of the response. */
  readonly status: number;
  readonly latencyMs: number;
  readonly atMs: number;
}

export const LAMBDA_NAMESPACE = "AWS/Lambda";

/** By metric: its unit, and whether percentiles of it make sense. */
const METRICS = {
  Invocations: ["Count", false],
  Errors: ["Count", false],
  Throttles: ["Count", false],
  Duration: ["Milliseconds", true],
  ConcurrentExecutions: ["Count", false],
  UnreservedConcurrentExecutions: ["Count", false],
  ProvisionedConcurrencyInvocations: ["Count", false],
  ProvisionedConcurrencySpilloverInvocations: ["Count", false],
  ProvisionedConcurrencyUtilization: ["Count", false],
  PostRuntimeExtensionsDuration: ["Milliseconds", true],
  UrlRequestCount: ["Count", false],
  Url4xxCount: ["Count", false],
  Url5xxCount: ["Count", false],
  UrlRequestLatency: ["Milliseconds", true],
} as const;

type MetricId = keyof typeof METRICS;
type SeriesOf = (metric: MetricId) => MetricSeries | undefined;

/**
 * The metrics of functions as CloudWatch has them, in the namespace AWS/Lambda: of each function,
 * of what was asked for (`Resource`), of the version that an alias led to, and of the account.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
 */
export class FunctionMetrics {
  readonly #store: MetricStore;
  readonly #counters = new FunctionCounters();
  readonly #sets = new Map<string, SeriesOf>();

  constructor(store: MetricStore) {
    this.#store = store;
  }

  /** Counts a call. Takes a few microseconds and never fails. */
  record(call: CallFigures): void {
    this.#counters.record(call);
    const { owner, functionName } = call;
    this.#recordOne(call, this.#seriesOf(owner, functionName));
    this.#recordAccount(call, this.#seriesOf(owner));
    if (call.qualifier === undefined) return;
    const { qualifier, executedVersion } = call;
    this.#recordOne(call, this.#seriesOf(owner, functionName, qualifier));
    if (qualifier === executedVersion) return;
    this.#recordOne(call, this.#seriesOf(owner, functionName, qualifier, executedVersion));
  }

  /** Counts a request to a function's URL. */
  recordUrl(request: UrlFigures): void {
    const { owner, functionName, qualifier, status, latencyMs, atMs } = request;
    const sets = [this.#seriesOf(owner, functionName)];
    if (qualifier !== undefined) sets.push(this.#seriesOf(owner, functionName, qualifier));
    for (const series of sets) {
      series("UrlRequestCount")?.add(1, atMs);
      series("Url4xxCount")?.add(status >= 400 && status < 500 ? 1 : 0, atMs);
      series("Url5xxCount")?.add(status >= 500 ? 1 : 0, atMs);
      series("UrlRequestLatency")?.add(latencyMs, atMs);
    }
  }

  /** The counters of an owner's functions since the server started, in Prometheus's text format. */
  prometheusText(owner: Owner): string {
    return this.#counters.text(owner);
  }

  /** Forgets the counters of a deleted function; its metrics stay. */
  forget(owner: Owner, functionName: string): void {
    this.#counters.forget(owner, functionName);
  }

  #recordOne(call: CallFigures, series: SeriesOf): void {
    const { atMs, provisionedUtilization } = call;
    this.#recordOutcome(call, series);
    series("ConcurrentExecutions")?.add(call.concurrent, atMs);
    if (call.provisioned === true) series("ProvisionedConcurrencyInvocations")?.add(1, atMs);
    if (call.spillover === true) {
      series("ProvisionedConcurrencySpilloverInvocations")?.add(1, atMs);
    }
    if (provisionedUtilization !== undefined) {
      series("ProvisionedConcurrencyUtilization")?.add(provisionedUtilization, atMs);
    }
    if (call.postRuntimeExtensionsDurationMs !== undefined) {
      series("PostRuntimeExtensionsDuration")?.add(call.postRuntimeExtensionsDurationMs, atMs);
    }
  }

  #recordAccount(call: CallFigures, series: SeriesOf): void {
    const { atMs, accountConcurrent, unreservedConcurrent } = call;
    this.#recordOutcome(call, series);
    if (accountConcurrent !== undefined) {
      series("ConcurrentExecutions")?.add(accountConcurrent, atMs);
    }
    if (unreservedConcurrent !== undefined) {
      series("UnreservedConcurrentExecutions")?.add(unreservedConcurrent, atMs);
    }
  }

  /** AWS: throttled requests count neither as invocations nor as errors. */
  #recordOutcome({ status, durationMs, atMs }: CallFigures, series: SeriesOf): void {
    series("Throttles")?.add(status === "throttled" ? 1 : 0, atMs);
    if (status === "throttled") return;
    series("Invocations")?.add(1, atMs);
    series("Errors")?.add(status === "failed" ? 1 : 0, atMs);
    if (durationMs !== undefined) series("Duration")?.add(durationMs, atMs);
  }

  /** The series of one set of dimensions, found once and kept while the store has them open. */
  #seriesOf(owner: Owner, functionName = "", qualifier = "", executedVersion = ""): SeriesOf {
    const key = `${owner}/${functionName}/${qualifier}/${executedVersion}`;
    let found = this.#sets.get(key);
    if (found !== undefined) return found;
    const dimensions = dimensionsOf(functionName, qualifier, executedVersion);
    found = this.#open(owner, dimensions);
    if (this.#sets.size >= limits.METRIC_SETS_OPEN_MAX) this.#sets.clear();
    this.#sets.set(key, found);
    return found;
  }

  #open(owner: Owner, dimensions: readonly Dimension[]): SeriesOf {
    const series = new Map<MetricId, MetricSeries>();
    const name = { owner, namespace: LAMBDA_NAMESPACE, dimensions };
    return (metric) => {
      const known = series.get(metric);
      if (known !== undefined && !known.set.isClosed) return known;
      const [unit, isSpread] = METRICS[metric];
      const found = this.#store.set(name)?.series(metric, unit, isSpread);
      if (found !== undefined) series.set(metric, found);
      return found;
    };
  }
}

function dimensionsOf(
  functionName: string,
  qualifier: string,
  executedVersion: string,
): readonly Dimension[] {
  if (functionName === "") return [];
  const dimensions = [{ name: "FunctionName", value: functionName }];
  if (qualifier !== "")
    dimensions.push({ name: "Resource", value: `${functionName}:${qualifier}` });
  if (executedVersion !== "") dimensions.push({ name: "ExecutedVersion", value: executedVersion });
  return dimensions;
}
