import {
  assert,
  type Clock,
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
import type { InitialisationType } from "./function-environment.ts";
import type { HostInstance } from "./instance.ts";
import { Inventory } from "./inventory.ts";
import type { FailedOutcome } from "./outcome.ts";
import { Paces } from "./pace.ts";
import { WaitingLine } from "./waiting-line.ts";

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
  load(
    environment: Environment,
    version: FunctionVersion,
    initialisation: InitialisationType,
  ): Promise<void>;
}

export interface AcquirerOptions {
  readonly machine: Machine;
  readonly log: Log;
  readonly clock: Clock;
  /** Boots at once; about two a core. */
  readonly bootConcurrency: number;
  /** Runtimes this machine may hold, waiting ones included. */
  readonly environmentsMax: number;
  /** Told when an environment has ended, with all that it still had to say. */
  onEnded?(environment: Environment): void;
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
  readonly #onEnded: (environment: Environment) => void;
  readonly #boots: BootQueue;
  readonly #line: WaitingLine<Acquired>;
  readonly #paces: Paces;
  /** Environments by version whose extensions work on after the answer. */
  readonly #settling = new Map<string, number>();
  /** Runtimes that could not be booted for the pool, and when to try again. */
  readonly #poolRetryAt = new Map<RuntimeName, number>();

  constructor(options: AcquirerOptions) {
    this.#machine = options.machine;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#environmentsMax = options.environmentsMax;
    this.#onEnded = (environment) => options.onEnded?.(environment);
    this.#boots = new BootQueue(options.bootConcurrency, () => this.#makeRoom());
    this.#line = new WaitingLine(options.clock);
    this.#paces = new Paces(options.bootConcurrency);
  }

  /** Calls that wait for an environment. */
  get waiting(): number {
    return this.#line.size;
  }

  /** @throws PlatformError kinds "overloaded", "unavailable", "unsupported", "corrupt" */
  async acquire(version: FunctionVersion): Promise<Acquired> {
    const wanted = versionKey(version);
    if (this.#paces.isCrowded(wanted)) {
      const passedOn = await this.#line.join(wanted, MOMENT_MS);
      if (passedOn !== undefined) return passedOn;
    }
    const idle = this.inventory.takeIdle(wanted);
    if (idle === undefined) {
      const settled = this.#settling.has(wanted)
        ? await this.#line.join(wanted, SETTLING_MS)
        : idle;
      return settled ?? (await this.#acquireNew(version));
    }
    this.#paces.began(wanted);
    return { environment: idle, start: "warm" };
  }

  /**
   * Prepares one more environment of a version before anybody calls it. Undefined when it is idle
   * now, otherwise what its initialisation came to.
   * @throws PlatformError when no environment could be had
   */
  async provision(version: FunctionVersion): Promise<FailedOutcome | undefined> {
    const environment = await this.#waitingFor(version);
    environment.isProvisioned = true;
    environment.isPreparing = true;
    await this.#claim(environment, version, "cold", "provisioned-concurrency");
    const failed = await environment.prepare();
    this.release(environment, 0);
    return failed;
  }

  /** A runtime that waits in an instance of the owner: found, taken from the pool, or booted. */
  async #waitingFor(version: FunctionVersion): Promise<Environment> {
    const key = bootKeyOf(version);
    const memoryMiB = version.configuration.memorySizeMiB;
    const own = this.inventory.instanceWithRoom(version, key);
    const pooled = own === undefined ? this.inventory.pooled(key) : undefined;
    if (pooled !== undefined) this.inventory.assign(pooled, version);
    const waiting = (own ?? pooled)?.waiting(key);
    if (waiting !== undefined) return taken(waiting);
    const instance = own ?? this.#machine.createInstance();
    if (own === undefined) {
      instance.assignTo(version);
      this.inventory.add(instance);
    }
    const booted = deferred<Environment>();
    instance.bootingMiB += memoryMiB;
    this.#boots.add("spare", {
      isWanted: () => {
        if (!instance.isEnded) return true;
        booted.reject(shuttingDown());
        return false;
      },
      run: async () => {
        try {
          const environment = await this.#machine.boot(instance, key);
          instance.bootingMiB -= memoryMiB;
          this.#admit(environment);
          booted.resolve(taken(environment));
        } catch (error) {
          this.#abandonBoot(instance, memoryMiB);
          booted.reject(bootFailure(error, key));
        }
      },
    });
    return await booted.promise;
  }

  /** The lower rungs: an environment that has not run this version yet. */
  async #acquireNew(version: FunctionVersion): Promise<Acquired> {
    const key = bootKeyOf(version);
    const own = this.inventory.instanceWithRoom(version, key);
    if (own !== undefined) {
      const waiting = own.waiting(key);
      if (waiting !== undefined) return await this.#claim(waiting, version, "instance");
      return await this.#bootFor(version, own, key, "instance");
    }
    const pooled = this.inventory.pooled(key);
    const waiting = pooled?.waiting(key);
    if (pooled !== undefined && waiting !== undefined) {
      this.inventory.assign(pooled, version);
      return await this.#claim(waiting, version, "pool");
    }
    const fresh = this.#machine.createInstance();
    fresh.assignTo(version);
    this.inventory.add(fresh);
    return await this.#bootFor(version, fresh, key, "cold");
  }

  /**
   * Gives an environment back after a call: to whoever waits for its version, or to the idle.
   * @param durationMs how long the handler ran
   */
  release(environment: Environment, durationMs: number): void {
    this.#paces.ended(environment.versionKey, durationMs, this.#clock.monotonic());
    if (environment.state !== "idle" || environment.isRetired) {
      this.discard(environment);
      return;
    }
    const waiter = this.#line.next(environment.versionKey);
    if (waiter !== undefined) {
      this.#paces.began(environment.versionKey);
      waiter.resolve({ environment, start: "warm" });
    } else this.inventory.putIdle(environment);
    this.#boots.startMore();
  }

  /** As `release`, once its extensions have done their part: the next call may wait for that. */
  releaseAfter(settled: Promise<void>, environment: Environment, durationMs: number): void {
    const { versionKey: key } = environment;
    this.#settling.set(key, (this.#settling.get(key) ?? 0) + 1);
    void settled.then(() => {
      const left = (this.#settling.get(key) ?? 1) - 1;
      if (left > 0) this.#settling.set(key, left);
      else this.#settling.delete(key);
      this.release(environment, durationMs);
    });
  }

  /** Ends an environment and forgets it; its extensions may take a moment for that. */
  discard(environment: Environment): void {
    const { instance } = environment;
    this.inventory.withdrawIdle(environment);
    instance.environments.delete(environment);
    const ended = environment
      .end()
      .catch((error) => this.#log.warn("environment.end_failed", { reason: messageOf(error) }))
      .then(() => {
        instance.endings.delete(ended);
        this.#onEnded(environment);
        this.#boots.startMore();
      });
    instance.endings.add(ended);
  }

  /** Ends an instance with all that is in it. */
  async endInstance(instance: HostInstance): Promise<void> {
    instance.isEnded = true;
    for (const environment of instance.environments) this.discard(environment);
    this.inventory.remove(instance);
    await Promise.all(instance.endings);
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

  /** Forgets what is known of versions that nothing runs or waits of. */
  prune(): void {
    this.inventory.prune();
    this.#paces.prune(this.#clock.monotonic());
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
    this.#line.close(shuttingDown());
  }

  async #claim(
    environment: Environment,
    version: FunctionVersion,
    start: StartKind,
    initialisation: InitialisationType = "on-demand",
  ): Promise<Acquired> {
    environment.state = "busy";
    environment.reservedMiB = version.configuration.memorySizeMiB;
    try {
      await this.#machine.load(environment, version, initialisation);
    } catch (error) {
      this.discard(environment);
      throw error;
    }
    this.#paces.began(environment.versionKey);
    return { environment, start };
  }

  /** Waits for a boot in `instance`, or for an environment of the version that becomes idle. */
  async #bootFor(
    version: FunctionVersion,
    instance: HostInstance,
    key: BootKey,
    start: StartKind,
  ): Promise<Acquired> {
    if (this.#line.size >= limits.ACQUISITIONS_WAITING_MAX) {
      throw new PlatformError(
        { kind: "overloaded", queue: "acquisition" },
        `${this.#line.size} calls wait for an environment already`,
      );
    }
    const wantedKey = versionKey(version);
    const turn = this.#line.join(wantedKey);
    const memoryMiB = version.configuration.memorySizeMiB;
    instance.bootingMiB += memoryMiB;
    this.#boots.add("call", {
      isWanted: () => {
        const wanted = this.#line.has(wantedKey) && !instance.isEnded;
        if (!wanted) this.#abandonBoot(instance, memoryMiB);
        return wanted;
      },
      run: () => this.#bootAndGrant(version, instance, key, start),
    });
    const acquired = await turn;
    assert(acquired, "a call that waits without limit is served or refused");
    return acquired;
  }

  async #bootAndGrant(
    version: FunctionVersion,
    instance: HostInstance,
    key: BootKey,
    start: StartKind,
  ): Promise<void> {
    const wantedKey = versionKey(version);
    try {
      const environment = await this.#machine.boot(instance, key);
      instance.bootingMiB -= version.configuration.memorySizeMiB;
      this.#admit(environment);
      const waiter = this.#line.next(wantedKey);
      // Whoever asked was served meanwhile: the runtime stays as the owner's spare.
      if (waiter === undefined) return;
      this.#claim(environment, version, start).then(
        (acquired) => waiter.resolve(acquired),
        (error) => waiter.reject(error),
      );
    } catch (error) {
      this.#log.error("boot.failed", { instanceId: instance.id, reason: messageOf(error) });
      this.#abandonBoot(instance, version.configuration.memorySizeMiB);
      this.#line.next(wantedKey)?.reject(bootFailure(error, key));
    }
  }

  async #bootSpare(instance: HostInstance, key: BootKey): Promise<void> {
    try {
      this.#admit(await this.#machine.boot(instance, key));
    } catch (error) {
      if (instance.isEnded) return;
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
    environment.onEndedIdle = () => this.discard(environment);
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

/** How long a short call waits for another to end before it takes an environment of its own. */
const MOMENT_MS = 20;
/** How long a call waits for the extensions of an environment before it takes another one. */
const SETTLING_MS = 100;
/** How long the pool of a runtime that would not boot is left alone. */
const POOL_RETRY_MS = 10_000;

function bootFailure(error: unknown, key: BootKey): PlatformError {
  if (isPlatformError(error, "unsupported")) return error;
  if (Object.keys(key.startVariables).length > 0) {
    return new PlatformError({ kind: "runtime_refused" }, messageOf(error), { cause: error });
  }
  return new PlatformError(
    { kind: "unavailable", what: "environment" },
    `No environment could be started: ${messageOf(error)}`,
    { cause: error },
  );
}

/** Out of the others' reach at once: nobody else may find it waiting. */
function taken(environment: Environment): Environment {
  environment.state = "busy";
  return environment;
}

function shuttingDown(): PlatformError {
  return new PlatformError({ kind: "unavailable", what: "server" }, "The server is stopping");
}
