import { PlatformError } from "../base/mod.ts";

/** Seconds a throttled caller should wait; what AWS sends in Retry-After. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Bounds the calls of single versions that run at a time, each in an environment of its own: what
 * the scaling configuration of a capacity provider's version asks for. Others cost nothing.
 */
export class VersionLimiter {
  /** By ARN; an entry lives as long as a call. */
  readonly #running = new Map<string, number>();

  /**
   * @param environmentsMax undefined = no bound
   * @throws PlatformError kind "throttled"
   */
  admit(versionArn: string, environmentsMax: number | undefined): Disposable | undefined {
    if (environmentsMax === undefined) return undefined;
    const running = this.#running.get(versionArn) ?? 0;
    if (running >= environmentsMax) {
      throw new PlatformError(
        {
          ...{ kind: "throttled", scope: "function", limit: environmentsMax },
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        },
        "Rate Exceeded.",
      );
    }
    this.#running.set(versionArn, running + 1);
    return { [Symbol.dispose]: () => this.#leave(versionArn) };
  }

  #leave(versionArn: string): void {
    const left = (this.#running.get(versionArn) ?? 1) - 1;
    if (left > 0) this.#running.set(versionArn, left);
    else this.#running.delete(versionArn);
  }
}
