import { type Permit, PlatformError } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";

interface Usage {
  running: number;
  /** Running calls of functions that share the account's unreserved concurrency. */
  unreserved: number;
  readonly byFunction: Map<string, number>;
}

/** Seconds a throttled caller should wait; what AWS sends in Retry-After. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Counts the calls that run and refuses those above an owner's or a function's limit. Counting is
 * exact on one host; a permit must be released on every path.
 */
export class ConcurrencyLimiter {
  readonly #usage = new Map<Owner, Usage>();

  /** Calls of `owner` that run now. */
  running(owner: Owner): number {
    return this.#usage.get(owner)?.running ?? 0;
  }

  /** Calls that run now: of a function, of its owner, and those that share the account's limit. */
  runningOf(
    owner: Owner,
    functionName: string,
  ): { ofFunction: number; ofOwner: number; unreserved: number } {
    const usage = this.#usage.get(owner);
    return {
      ofFunction: usage?.byFunction.get(functionName) ?? 0,
      ofOwner: usage?.running ?? 0,
      unreserved: usage?.unreserved ?? 0,
    };
  }

  /**
   * Admits one call of a function.
   * @param reserved the function's reserved concurrency; undefined = draws on `unreservedLimit`
   * @param unreservedLimit what the account leaves to functions without a reservation
   * @param provisioned calls of the function that its provisioned concurrency has set apart
   * @throws PlatformError kind "throttled"
   */
  admit(
    owner: Owner,
    functionName: string,
    reserved: number | undefined,
    unreservedLimit: number = limits.ACCOUNT_CONCURRENCY,
    provisioned = 0,
  ): Permit {
    const usage = this.#usageOf(owner);
    const ofFunction = usage.byFunction.get(functionName) ?? 0;
    if (reserved !== undefined && ofFunction >= reserved) throw throttled("function", reserved);
    const isShared = reserved === undefined && ofFunction >= provisioned;
    if (isShared && usage.unreserved >= unreservedLimit) {
      throw throttled("account", unreservedLimit);
    }
    usage.running++;
    if (isShared) usage.unreserved++;
    usage.byFunction.set(functionName, ofFunction + 1);
    return new CallPermit(() => this.#leave(owner, usage, functionName, isShared));
  }

  #usageOf(owner: Owner): Usage {
    let usage = this.#usage.get(owner);
    if (usage === undefined) {
      usage = { running: 0, unreserved: 0, byFunction: new Map() };
      this.#usage.set(owner, usage);
    }
    return usage;
  }

  #leave(owner: Owner, usage: Usage, functionName: string, isShared: boolean): void {
    usage.running--;
    if (isShared) usage.unreserved--;
    const left = (usage.byFunction.get(functionName) ?? 1) - 1;
    if (left > 0) usage.byFunction.set(functionName, left);
    else usage.byFunction.delete(functionName);
    if (usage.running === 0) this.#usage.delete(owner);
  }
}

class CallPermit implements Permit {
  #leave: (() => void) | undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  release(): void {
    this.#leave?.();
    this.#leave = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

function throttled(scope: "account" | "function", limit: number): PlatformError {
  return new PlatformError(
    { kind: "throttled", scope, limit, retryAfterSeconds: RETRY_AFTER_SECONDS },
    "Rate Exceeded.",
  );
}
