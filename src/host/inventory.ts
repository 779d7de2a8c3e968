import type { FunctionVersion, Owner, RuntimeName } from "../model/mod.ts";
import { capacityProviderOf } from "../registry/mod.ts";
import type { BootKey } from "./boot-key.ts";
import type { Environment } from "./environment.ts";
import type { HostInstance } from "./instance.ts";

/** What this machine holds at the moment; bookkeeping only, nothing here waits or starts. */
export class Inventory {
  readonly instances: Set<HostInstance> = new Set();
  readonly #idle = new Map<string, Environment[]>();
  readonly #byOwner = new Map<Owner, Set<HostInstance>>();

  get environmentCount(): number {
    let count = 0;
    for (const instance of this.instances) {
      count += instance.environments.size + instance.sparesBooting;
    }
    return count;
  }

  *environments(): Iterable<Environment> {
    for (const instance of this.instances) yield* instance.environments;
  }

  add(instance: HostInstance): void {
    this.instances.add(instance);
    if (instance.owner !== undefined) this.#instancesOf(instance.owner).add(instance);
  }

  remove(instance: HostInstance): void {
    this.instances.delete(instance);
    if (instance.owner === undefined) return;
    const owned = this.#byOwner.get(instance.owner);
    owned?.delete(instance);
    if (owned?.size === 0) this.#byOwner.delete(instance.owner);
  }

  /** Gives an unassigned instance to a version's owner, for good. */
  assign(instance: HostInstance, version: FunctionVersion): void {
    instance.assignTo(version);
    this.#instancesOf(version.owner).add(instance);
  }

  /** The idle environment of this version that was used last: the likeliest to be unfrozen. */
  takeIdle(versionKey: string): Environment | undefined {
    return this.#idle.get(versionKey)?.pop();
  }

  putIdle(environment: Environment): void {
    const idle = this.#idle.get(environment.versionKey);
    if (idle === undefined) this.#idle.set(environment.versionKey, [environment]);
    // What is kept ready anyway serves first, so that what spilled over can end.
    else if (!environment.isProvisioned && idle.at(-1)?.isProvisioned) idle.unshift(environment);
    else idle.push(environment);
  }

  /** Takes this very environment out of the idle ones; false when it is not among them. */
  withdrawIdle(environment: Environment): boolean {
    const idle = this.#idle.get(environment.versionKey);
    const index = idle?.indexOf(environment) ?? -1;
    if (idle === undefined || index < 0) return false;
    idle.splice(index, 1);
    return true;
  }

  /** Forgets versions without idle environments; kept until then to spare the warm path. */
  prune(): void {
    for (const [versionKey, idle] of this.#idle) {
      if (idle.length === 0) this.#idle.delete(versionKey);
    }
  }

  *idle(): Iterable<Environment> {
    for (const environments of this.#idle.values()) yield* environments;
  }

  /** The idle environment, of any owner, whose last call is longest ago. */
  leastRecentlyUsed(): Environment | undefined {
    let oldest: Environment | undefined;
    for (const environment of this.idle()) {
      if (environment.isProvisioned) continue;
      if (oldest === undefined || environment.lastUsedAt < oldest.lastUsedAt) oldest = environment;
    }
    return oldest;
  }

  /**
   * The owner's instance with room for a version, among those of its capacity provider: one where
   * a fitting runtime waits before one where it must boot, then the fullest, so that others can
   * empty and end.
   */
  instanceWithRoom(version: FunctionVersion, key: BootKey): HostInstance | undefined {
    const { memorySizeMiB } = version.configuration;
    const provider = capacityProviderOf(version);
    let best: HostInstance | undefined;
    let bestRank = -1;
    for (const instance of this.#byOwner.get(version.owner) ?? []) {
      if (instance.capacityProvider !== provider || !instance.hasRoom(memorySizeMiB)) continue;
      const readiness = instance.waiting(key) === undefined ? 0 : 1;
      const rank = readiness + instance.assignedMiB / (instance.capacityMiB + 1);
      if (rank > bestRank) {
        best = instance;
        bestRank = rank;
      }
    }
    return best;
  }

  /** An unassigned instance in which a runtime of this key waits. */
  pooled(key: BootKey): HostInstance | undefined {
    for (const instance of this.instances) {
      if (instance.owner === undefined && !instance.isEnded && instance.waiting(key)) {
        return instance;
      }
    }
    return undefined;
  }

  /** Unassigned instances for a runtime: ready, and still booting. */
  poolSize(runtime: RuntimeName): { ready: number; booting: number } {
    let ready = 0;
    let booting = 0;
    for (const instance of this.instances) {
      if (instance.owner !== undefined || instance.poolRuntime !== runtime) continue;
      if (instance.environments.size > 0) ready++;
      else booting++;
    }
    return { ready, booting };
  }

  #instancesOf(owner: Owner): Set<HostInstance> {
    let owned = this.#byOwner.get(owner);
    if (owned === undefined) {
      owned = new Set();
      this.#byOwner.set(owner, owned);
    }
    return owned;
  }
}
