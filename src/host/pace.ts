/** Calls of this mean length are short: waking another process costs about as much as one. */
const SHORT_MS = 2;
/** Weight of the newest call in the mean. */
const NEWEST = 0.1;

interface Pace {
  running: number;
  meanMs: number;
}

/**
 * How long the calls of each version take, and how many of them run. Short calls are done sooner
 * when few processes do them one after another than when each gets a process of its own.
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
    return pace !== undefined && pace.running >= this.#shortRunningMax && pace.meanMs < SHORT_MS;
  }

  began(versionKey: string): void {
    const pace = this.#paces.get(versionKey);
    if (pace !== undefined) pace.running++;
    else this.#paces.set(versionKey, { running: 1, meanMs: Number.POSITIVE_INFINITY });
  }

  ended(versionKey: string, durationMs: number): void {
    const pace = this.#paces.get(versionKey);
    if (pace === undefined) return;
    pace.running--;
    const isFirst = pace.meanMs === Number.POSITIVE_INFINITY;
    pace.meanMs = isFirst ? durationMs : pace.meanMs + (durationMs - pace.meanMs) * NEWEST;
  }

  /** Forgets versions that nothing runs of. */
  prune(): void {
    for (const [versionKey, { running }] of this.#paces) {
      if (running === 0) this.#paces.delete(versionKey);
    }
  }
}
