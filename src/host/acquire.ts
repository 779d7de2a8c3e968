import {
  type Clock,
  type Deferred,
  deferred,
  isPlatformError,
  type Log,
  messageOf,
  PlatformError,
} from "../base/mod.ts";
import {
  type FunctionVersion,
  limits,
  type RuntimeName,
  type StartKind,
  versionKey,
} from "../model/mod.ts";
import { type BootKey, bootKeyOf } from "./boot-key.ts";
import { BootQueue } from "./boot-queue.ts";
import type { Environment } from "./environment.ts";
import type { HostInstance } from "./instance.ts";
import { Inventory } from "./inventory.ts";

/** An environment that belongs to one call until it is released or ended. */
export interface Acquired {
  readonly environment: Environment;
  readonly start: StartKind;
}

/** What the ladder needs of the machine; LocalMachine binds it to a driver and the code store. */
export interface Machine {
  /** A new instance without owner; its isolation is made in the background. */
  createInstance(): HostInstance;
  /** A runtime booted in `instance`, waiting for its code. */
  boot(instance: HostInstance, key: BootKey): Promise<Environment>;
  /** Puts code in place and begins initialisation; does not wait for its end. */
  load(environment: Environment, version: FunctionVersion): Promise<void>;
}

export interface AcquirerOptions {
  readonly machine: Machine;
  readonly log: Log;
  readonly clock: Clock;
  /** Boots at once; about two a core. */
  readonly bootConcurrency: number;
  /** Runtimes this machine may hold, waiting ones included. */
  readonly environmentsMax: number;
}

interface Waiter {
  readonly version: FunctionVersion;
  readonly granted: Deferred<Acquired>;
}

/**
 * The acquisition ladder (P21): idle environment of this version, room in an instance of the owner,
 * instance from the warm pool, new instance. A call that has to wait for a boot takes whatever
 * comes first: the boot it asked for, or an environment of its version that another call left.
 */
export class Acquirer {
  readonly inventory: Inventory = new Inventory();
  readonly #machine: Machine;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #environmentsMax: number;
  readonly #boots: BootQueue;
  readonly #waiters = new Map<string, Waiter[]>();
  #waiting = 0;
  /** Runtimes that could not be booted for the pool, and when to try again. */
  readonly #poolRetryAt = new Map<RuntimeName, number>();

  constructor(options: AcquirerOptions) {
    this.#machine = options.machine;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#environmentsMax = options.environmentsMax;
    this.#boots = new BootQueue(options.bootConcurrency, () => this.#makeRoom());
  }

  /** Calls that wait for an environment. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @throws PlatformError kinds "overloaded", "unavailable", "unsupported", "corrupt" */
  async acquire(version: FunctionVersion): Promise<Acquired> {
    const idle = this.inventory.takeIdle(versionKey(version));
    if (idle !== undefined) return { environment: idle, start: "warm" };
    const key = bootKeyOf(version);
    const memoryMiB = version.configuration.memorySizeMiB;
    const own = this.inventory.instanceWithRoom(version.owner, memoryMiB, key);
    if (own !== undefined) {
      const waiting = own.waiting(key);
      if (waiting !== undefined) return await this.#claim(waiting, version, "instance");
      return await this.#bootFor(version, own, key, "instance");
    }
    const pooled = this.inventory.pooled(key);
    const waiting = pooled?.waiting(key);
    if (pooled !== undefined && waiting !== undefined) {
      this.inventory.assign(pooled, version.owner, memoryMiB);
      return await this.#claim(waiting, version, "pool");
    }
    const fresh = this.#machine.createInstance();
    fresh.assignTo(version.owner, memoryMiB);
    this.inventory.add(fresh);
    return await this.#bootFor(version, fresh, key, "cold");
  }

  /** Gives an environment back after a call: to whoever waits for its version, or to the idle. */
  release(environment: Environment): void {
    if (environment.state !== "idle" || environment.isRetired) {
      this.discard(environment);
      return;
    }
    const waiter = this.#nextWaiter(environment.versionKey);
    if (waiter !== undefined) waiter.granted.resolve({ environment, start: "warm" });
    else this.inventory.putIdle(environment);
    this.#boots.startMore();
  }

  /** Ends an environment and forgets it. */
  discard(environment: Environment): void {
    this.inventory.withdrawIdle(environment);
    environment.instance.environments.delete(environment);
    environment
      .end()
      .catch((error) => this.#log.warn("environment.end_failed", { reason: messageOf(error) }))
      .finally(() => this.#boots.startMore());
  }

  /** Ends an instance with all that is in it. */
  async endInstance(instance: HostInstance): Promise<void> {
    instance.isEnded = true;
    for (const environment of instance.environments) this.discard(environment);
    this.inventory.remove(instance);
    try {
      await (await instance.isolated)[Symbol.asyncDispose]();
    } catch (error) {
      this.#log.warn("instance.end_failed", { instanceId: instance.id, reason: messageOf(error) });
    }
  }

  /** Boots one more waiting runtime into an owner's instance, for the next function or burst. */
  addSpare(instance: HostInstance, key: BootKey): void {
    instance.sparesBooting++;
    this.#boots.add("spare", {
      isWanted: () => {
        const wanted = !instance.isEnded && instance.hasRoom(limits.MEMORY_MIB_MIN);
        if (!wanted) instance.sparesBooting--;
        return wanted;
      },
      run: () => this.#bootSpare(instance, key),
    });
  }

  /** False for a while after a boot for this pool has failed. */
  mayFillPool(runtime: RuntimeName): boolean {
    return this.#clock.monotonic() >= (this.#poolRetryAt.get(runtime) ?? 0);
  }

  /** Boots one more unassigned instance of the pool. */
  addPooled(key: BootKey): void {
    const instance = this.#machine.createInstance();
    instance.poolRuntime = key.runtime;
    instance.sparesBooting = 1;
    this.inventory.add(instance);
    this.#boots.add("pool", {
      isWanted: () => !instance.isEnded,
      run: () => this.#bootSpare(instance, key),
    });
  }

  /** Starts no more boots and refuses whoever waits. */
  close(): void {
    this.#boots.close();
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters) waiter.granted.reject(shuttingDown());
    }
    this.#waiters.clear();
  }

  async #claim(
    environment: Environment,
    version: FunctionVersion,
    start: StartKind,
  ): Promise<Acquired> {
    environment.state = "busy";
    environment.reservedMiB = version.configuration.memorySizeMiB;
    try {
      await this.#machine.load(environment, version);
    } catch (error) {
      this.discard(environment);
      throw error;
    }
    return { environment, start };
  }

  /** Waits for a boot in `instance`, or for an environment of the version that becomes idle. */
  #bootFor(
    version: FunctionVersion,
    instance: HostInstance,
    key: BootKey,
    start: StartKind,
  ): Promise<Acquired> {
    if (this.#waiting >= limits.ACQUISITIONS_WAITING_MAX) {
      throw new PlatformError(
        { kind: "overloaded", queue: "acquisition" },
        `${this.#waiting} calls wait for an environment already`,
      );
    }
    const waiter: Waiter = { version, granted: deferred<Acquired>() };
    const waitersKey = versionKey(version);
    const waiters = this.#waiters.get(waitersKey);
    if (waiters === undefined) this.#waiters.set(waitersKey, [waiter]);
    else waiters.push(waiter);
    this.#waiting++;
    const memoryMiB = version.configuration.memorySizeMiB;
    instance.bootingMiB += memoryMiB;
    this.#boots.add("call", {
      isWanted: () => {
        const wanted = this.#waiters.has(waitersKey) && !instance.isEnded;
        if (!wanted) this.#abandonBoot(instance, memoryMiB);
        return wanted;
      },
      run: () => this.#bootAndGrant(version, instance, key, start),
    });
    return waiter.granted.promise;
  }

  async #bootAndGrant(
    version: FunctionVersion,
    instance: HostInstance,
    key: BootKey,
    start: StartKind,
  ): Promise<void> {
    const waitersKey = versionKey(version);
    try {
      const environment = await this.#machine.boot(instance, key);
      instance.bootingMiB -= version.configuration.memorySizeMiB;
      this.#admit(environment);
      const waiter = this.#nextWaiter(waitersKey);
      // Whoever asked was served meanwhile: the runtime stays as the owner's spare.
      if (waiter === undefined) return;
      this.#claim(environment, version, start).then(
        (acquired) => waiter.granted.resolve(acquired),
        (error) => waiter.granted.reject(error),
      );
    } catch (error) {
      this.#log.error("boot.failed", { instanceId: instance.id, reason: messageOf(error) });
      this.#abandonBoot(instance, version.configuration.memorySizeMiB);
      this.#nextWaiter(waitersKey)?.granted.reject(bootFailure(error));
    }
  }

  async #bootSpare(instance: HostInstance, key: BootKey): Promise<void> {
    try {
      this.#admit(await this.#machine.boot(instance, key));
    } catch (error) {
      this.#log.warn("spare.boot_failed", { instanceId: instance.id, reason: messageOf(error) });
      if (instance.owner !== undefined) return;
      this.#poolRetryAt.set(key.runtime, this.#clock.monotonic() + POOL_RETRY_MS);
      void this.endInstance(instance);
    } finally {
      instance.sparesBooting--;
    }
  }

  /** Takes a booted runtime in, until its process ends, whenever that is. */
  #admit(environment: Environment): void {
    environment.instance.environments.add(environment);
    if (environment.instance.isEnded) this.discard(environment);
    void environment.sandbox.exited.then(() => {
      // One that is in a call is given back by it.
      if (environment.state === "idle" || environment.state === "waiting")
        this.discard(environment);
    });
  }

  #abandonBoot(instance: HostInstance, memoryMiB: number): void {
    instance.bootingMiB -= memoryMiB;
    const isUnused = instance.environments.size === 0 && instance.bootingMiB === 0;
    if (isUnused && !instance.isEnded) void this.endInstance(instance);
  }

  #nextWaiter(waitersKey: string): Waiter | undefined {
    const waiters = this.#waiters.get(waitersKey);
    const waiter = waiters?.shift();
    if (waiter === undefined) return undefined;
    this.#waiting--;
    if (waiters?.length === 0) this.#waiters.delete(waitersKey);
    return waiter;
  }

  /** Whether one more runtime fits on this machine, after ending an idle one if need be. */
  #makeRoom(): boolean {
    if (this.inventory.environmentCount < this.#environmentsMax) return true;
    const victim = this.inventory.leastRecentlyUsed();
    if (victim === undefined) return false;
    this.#log.info("environment.evicted", { environmentId: victim.id });
    this.discard(victim);
    return true;
  }
}

/** How long the pool of a runtime that would not boot is left alone. */
const POOL_RETRY_MS = 10_000;

function bootFailure(error: unknown): PlatformError {
  if (isPlatformError(error, "unsupported")) return error;
  return new PlatformError(
    { kind: "unavailable", what: "environment" },
    `No environment could be started: ${messageOf(error)}`,
    { cause: error },
  );
}

function shuttingDown(): PlatformError {
  return new PlatformError({ kind: "unavailable", what: "server" }, "The server is stopping");
}
