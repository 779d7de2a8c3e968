import { isPlatformError } from "../base/mod.ts";
import type { ConcurrencyLimiter } from "../fleet/mod.ts";
import type { InvokeRequest, InvokeResult } from "../model/mod.ts";
import type { CallFigures } from "../monitoring/mod.ts";
import type { ResolvedFunction } from "../registry/mod.ts";

/** Where the figures of calls go; monitoring's FunctionMetrics takes them. */
export interface CallMetrics {
  record(call: CallFigures): void;
}

/** Gathers the figures of one call on its way, and hands them on once at its end. */
export class CallMeter {
  readonly #metrics: CallMetrics;
  readonly #limiter: ConcurrencyLimiter;
  readonly #request: InvokeRequest;
  readonly #resolved: ResolvedFunction;
  readonly #atMs: number;
  /** Ran in an environment kept ready for it; undefined until there is one. */
  isProvisioned: boolean | undefined;
  /** Environments were to be kept ready for this version. */
  hasProvisioned = false;

  constructor(
    metrics: CallMetrics,
    limiter: ConcurrencyLimiter,
    request: InvokeRequest,
    resolved: ResolvedFunction,
    atMs: number,
  ) {
    this.#metrics = metrics;
    this.#limiter = limiter;
    this.#request = request;
    this.#resolved = resolved;
    this.#atMs = atMs;
  }

  /** The call has an outcome; it still counts as running. */
  ran({ outcome, report }: InvokeResult): void {
    const provisioned = this.isProvisioned === true;
    this.#record({
      status: outcome.status,
      durationMs: report.durationMs,
      ...(provisioned ? { provisioned } : {}),
      ...(this.hasProvisioned && !provisioned ? { spillover: true } : {}),
    });
  }

  /** The platform did not run the call: only limits are figures of the function. */
  refused(error: unknown): void {
    if (isPlatformError(error, "throttled")) this.#record({ status: "throttled" });
  }

  #record(figures: Pick<CallFigures, "status"> & Partial<CallFigures>): void {
    const { owner, name, version } = this.#resolved.version;
    const { qualifier } = this.#request;
    const { provisionedConcurrency } = this.#resolved;
    const running = this.#limiter.runningOf(owner, name);
    this.#metrics.record({
      owner,
      functionName: name,
      ...(qualifier === undefined ? {} : { qualifier }),
      executedVersion: version,
      concurrent: running.ofFunction,
      accountConcurrent: running.ofOwner,
      unreservedConcurrent: running.unreserved,
      ...(provisionedConcurrency === 0
        ? {}
        : { provisionedUtilization: Math.min(1, running.ofFunction / provisionedConcurrency) }),
      atMs: this.#atMs,
      ...figures,
    });
  }
}
