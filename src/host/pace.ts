/** Calls shorter than this cost about as much as waking another process for them. */
const SHORT_MS = 2;
/** How far one call moves the estimate, as a share of it. */
const STEP = 0.05;
/** The share of calls that are at most as long as the estimate. */
const QUANTILE = 0.1;
/** What is known of a version is kept this long after its last call. */
const KEEP_MS = 600_000;

interface Pace {
  running: number;
  /** What one call in ten does not exceed: the length of calls that nothing disturbs. */
  quickMs: number;
  lastAt: number;
}

/**
 * How long the calls of each version take, and how many of them run. Short calls are done sooner
 * when few processes do them one after another than when each gets a process of its own. The mean
 * would not tell them: a crowd of processes makes each of its calls look long.
 */
export class Paces {
  readonly #shortRunningMax: number;
  readonly #paces = new Map<string, Pace>();

  /** @param shortRunningMax processes that short calls of a version keep busy; about two a core */
  constructor(shortRunningMax: number) {
    this.#shortRunningMax = shortRunningMax;
  }

  /** Whether enough calls of this version run that one more had better wait a moment. */
  isCrowded(versionKey: string): boolean {
    const pace = this.#paces.get(versionKey);
    return pace !== undefined && pace.running >= this.#shortRunningMax && pace.quickMs < SHORT_MS;
  }

  began(versionKey: string): void {
    const pace = this.#paces.get(versionKey);
    if (pace !== undefined) pace.running++;
    else this.#paces.set(versionKey, { running: 1, quickMs: Number.POSITIVE_INFINITY, lastAt: 0 });
  }

  ended(versionKey: string, durationMs: number, now: number): void {
    const pace = this.#paces.get(versionKey);
    if (pace === undefined) return;
    pace.running--;
    pace.lastAt = now;
    // Stochastic approximation of a quantile: many small steps up, few large ones down.
    if (durationMs >= pace.quickMs) pace.quickMs *= 1 + STEP * QUANTILE;
    else if (pace.quickMs === Number.POSITIVE_INFINITY) pace.quickMs = durationMs;
    else pace.quickMs = Math.max(durationMs, pace.quickMs * (1 - STEP * (1 - QUANTILE)));
  }

  /** Forgets versions that were not called for long. */
  prune(now: number): void {
    for (const [versionKey, { running, lastAt }] of this.#paces) {
      if (running === 0 && now - lastAt > KEEP_MS) this.#paces.delete(versionKey);
    }
  }
}
