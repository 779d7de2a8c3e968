import { type Clock, type Log, messageOf } from "../base/mod.ts";
import { type FunctionVersion, limits, type Owner, versionKey } from "../model/mod.ts";
import type { Acquirer } from "./acquire.ts";
import type { Environment } from "./environment.ts";
import { fairShares } from "./fair-shares.core.ts";

/** How far a version's provisioned concurrency has come. */
export interface ProvisionedState {
  /** Environments that are ready, in a call or not. */
  readonly allocated: number;
  /** Those of them that wait for a call. */
  readonly available: number;
  /** Why the last attempt to add one failed; absent once one succeeds. */
  readonly failure?: string;
}

interface Wanted {
  readonly version: FunctionVersion;
  count: number;
  /** How many of `count` there is room for. */
  allowed: number;
  starting: number;
  failure: string | undefined;
  retryAt: number;
}

/** Where initialisation fails it is not tried again at once; ours. */
const RETRY_MS = 5_000;
const CROWDED = "INSUFFICIENT_CAPACITY: The server has no room for more provisioned environments";

/**
 * Provisioned concurrency on this machine: environments that are initialised before anybody calls
 * them, and stay. Since nothing makes them give way they have a part of the machine at most, which
 * owners share.
 */
export class Provisioning {
  readonly #acquirer: Acquirer;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Environments that may be provisioned, of all owners. */
  readonly #room: number;
  readonly #wanted = new Map<string, Wanted>();

  /** @param environmentsMax what this machine may hold */
  constructor(acquirer: Acquirer, environmentsMax: number, clock: Clock, log: Log) {
    this.#acquirer = acquirer;
    this.#room = Math.floor(environmentsMax * limits.PROVISIONED_SHARE_MAX);
    this.#clock = clock;
    this.#log = log;
  }

  /** Keeps `count` environments of the version ready from now on; 0 lets them go. */
  want(version: FunctionVersion, count: number): void {
    const key = versionKey(version);
    const wanted = this.#wanted.get(key);
    if (count === 0) this.#wanted.delete(key);
    else if (wanted === undefined) {
      const none = { allowed: 0, starting: 0, failure: undefined, retryAt: 0 };
      this.#wanted.set(key, { version, count, ...none });
    } else {
      wanted.count = count;
      wanted.retryAt = 0;
    }
    this.reconcile();
  }

  /** Whether calls of this version that find no provisioned environment are spill-over. */
  isWanted(key: string): boolean {
    return this.#wanted.size > 0 && this.#wanted.has(key);
  }

  state(version: FunctionVersion): ProvisionedState {
    const key = versionKey(version);
    const ready = this.#provisioned().get(key) ?? [];
    const available = ready.filter(({ state }) => state === "idle").length;
    const wanted = this.#wanted.get(key);
    const isCrowded = wanted !== undefined && wanted.allowed < wanted.count;
    const failure = wanted?.failure ?? (isCrowded ? CROWDED : undefined);
    return { allocated: ready.length, available, ...(failure === undefined ? {} : { failure }) };
  }

  /** Starts what is missing; what is too much becomes like any other environment. */
  reconcile(): void {
    const now = this.#clock.monotonic();
    const provisioned = this.#provisioned();
    this.#allow();
    for (const [key, wanted] of this.#wanted) {
      const ready = provisioned.get(key) ?? [];
      // Those that are in a call at the moment are let go last.
      ready.sort((a, b) => Number(a.state === "idle") - Number(b.state === "idle"));
      for (const surplus of ready.slice(wanted.allowed)) surplus.isProvisioned = false;
      if (now < wanted.retryAt) continue;
      const missing = wanted.allowed - ready.length - wanted.starting;
      for (let i = 0; i < missing; i++) void this.#start(wanted);
    }
    for (const environment of this.#acquirer.inventory.environments()) {
      if (environment.isProvisioned && !this.#wanted.has(environment.versionKey)) {
        environment.isProvisioned = false;
      }
    }
  }

  async #start(wanted: Wanted): Promise<void> {
    const { version } = wanted;
    wanted.starting++;
    try {
      const failed = await this.#acquirer.provision(version);
      wanted.failure = failed && `FUNCTION_ERROR_INIT_FAILURE: ${failed.errorType}`;
    } catch (error) {
      wanted.failure = messageOf(error);
    } finally {
      wanted.starting--;
    }
    if (wanted.failure === undefined) return;
    wanted.retryAt = this.#clock.monotonic() + RETRY_MS;
    this.#log.warn("provisioned.start_failed", { arn: version.arn, reason: wanted.failure });
  }

  /** Says how much of what is wanted there is room for. */
  #allow(): void {
    const demands = new Map<Owner, number>();
    for (const { version, count } of this.#wanted.values()) {
      demands.set(version.owner, (demands.get(version.owner) ?? 0) + count);
    }
    const left = fairShares(demands, this.#room);
    for (const wanted of this.#wanted.values()) {
      const { owner } = wanted.version;
      const share = left.get(owner) ?? 0;
      wanted.allowed = Math.min(wanted.count, share);
      left.set(owner, share - wanted.allowed);
    }
  }

  /** What is ready, by version. */
  #provisioned(): Map<string, Environment[]> {
    const found = new Map<string, Environment[]>();
    for (const environment of this.#acquirer.inventory.environments()) {
      const { isProvisioned, isPreparing, isRetired, state, versionKey: key } = environment;
      if (!isProvisioned || isPreparing || isRetired || state === "ended") continue;
      const ready = found.get(key);
      if (ready === undefined) found.set(key, [environment]);
      else ready.push(environment);
    }
    return found;
  }
}
