import { type Clock, type Log, messageOf, PlatformError, type Timer } from "../../base/mod.ts";
import {
  type FunctionVersion,
  limits,
  type Owner,
  type SidecarPackage,
  type SidecarScope,
  type SidecarWish,
} from "../../model/mod.ts";
import type { Sandbox } from "../../sandbox/mod.ts";
import type { BootedSidecar, SidecarMachine } from "./sidecar-machine.ts";

/** A running sidecar as its owner sees it. */
export interface SidecarSummary {
  readonly sidecarId: string;
  readonly name: string;
  readonly scope: SidecarScope;
  readonly functionName?: string;
  /** Calls that it is attached to now. */
  readonly calls: number;
  readonly memoryMiB: number;
  readonly startedAt: string;
}

/** A call's hold on a sidecar; disposing it lets the sidecar end when nobody else holds it. */
export interface SidecarLease extends Disposable {
  readonly booted: Promise<BootedSidecar>;
}

interface Running {
  readonly owner: Owner;
  readonly name: string;
  readonly scope: SidecarScope;
  readonly functionName: string | undefined;
  readonly booted: Promise<BootedSidecar>;
  readonly startedMs: number;
  sidecarId: string;
  calls: number;
  idle: Timer | undefined;
}

/**
 * The sidecars that run: one for each call, one for a function, or one for an owner, as the scope
 * says. Those that outlive a call are counted by the calls that hold them and end some time after
 * the last. No sidecar ever serves two owners.
 */
export class SidecarPool implements AsyncDisposable {
  readonly #machine: SidecarMachine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #running = new Set<Running>();
  readonly #shared = new Map<string, Running>();

  constructor(options: {
    readonly machine: SidecarMachine;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#machine = options.machine;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** @throws PlatformError kind "overloaded" when too many run */
  lease(
    version: FunctionVersion,
    wish: SidecarWish,
    own: SidecarPackage | undefined,
  ): SidecarLease {
    const key = sharingKey(version, wish, own);
    let running = key === undefined ? undefined : this.#shared.get(key);
    running ??= this.#start(version, wish, own, key);
    running.idle?.cancel();
    running.calls++;
    const held = running;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      held.calls--;
      if (held.calls > 0) return;
      if (key === undefined || wish.idleSeconds === 0) this.#end(held, key);
      else held.idle = this.#clock.after(wish.idleSeconds * 1000, () => this.#end(held, key));
    };
    return { booted: held.booted, [Symbol.dispose]: release };
  }

  list(owner: Owner): readonly SidecarSummary[] {
    return [...this.#running]
      .filter((running) => running.owner === owner && running.sidecarId !== "")
      .map(({ sidecarId, name, scope, functionName, calls, startedMs }) => ({
        sidecarId,
        name,
        scope,
        ...(functionName === undefined ? {} : { functionName }),
        calls,
        memoryMiB: limits.SIDECAR_MEMORY_MIB,
        startedAt: new Date(startedMs).toISOString(),
      }));
  }

  get count(): number {
    return this.#running.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) running.idle?.cancel();
    await this.#machine[Symbol.asyncDispose]();
  }

  #start(
    version: FunctionVersion,
    wish: SidecarWish,
    own: SidecarPackage | undefined,
    key: string | undefined,
  ): Running {
    const { owner, name: functionName } = version;
    this.#requireRoom(owner);
    const { name, scope } = wish;
    const booted = this.#machine.boot(owner, own === undefined ? { name } : { name, own });
    const running: Running = {
      ...{ owner, name, scope, booted, startedMs: this.#clock.now() },
      functionName: scope === "owner" ? undefined : functionName,
      ...{ sidecarId: "", calls: 0, idle: undefined },
    };
    this.#running.add(running);
    if (key !== undefined) this.#shared.set(key, running);
    booted.then(
      ({ channel, sandbox }) => {
        running.sidecarId = sandbox.id;
        // However it ends: the next call that wants it gets a new one.
        void channel.closed.then(() => this.#kill(running, key, sandbox));
        void sandbox.exited.then(() => {
          channel.close("it ended");
          this.#forget(running, key);
        });
      },
      () => this.#forget(running, key),
    );
    return running;
  }

  #requireRoom(owner: Owner): void {
    let own = 0;
    for (const running of this.#running) if (running.owner === owner) own++;
    if (own < limits.SIDECARS_PER_OWNER_MAX && this.#running.size < limits.SIDECARS_MAX) return;
    throw new PlatformError(
      { kind: "overloaded", queue: "sidecars" },
      `${own} sidecars of the owner run, ${this.#running.size} of all; ` +
        `at most ${limits.SIDECARS_PER_OWNER_MAX} and ${limits.SIDECARS_MAX} may`,
    );
  }

  #forget(running: Running, key: string | undefined): void {
    running.idle?.cancel();
    this.#running.delete(running);
    this.#unshare(running, key);
  }

  #end(running: Running, key: string | undefined): void {
    this.#unshare(running, key);
    running.booted.then(
      ({ channel }) => channel.close("it is no longer needed"),
      () => {}, // it did not start, which its calls have been told
    );
  }

  /** What is no longer spoken to might not end by itself; it is counted until it is gone. */
  async #kill(running: Running, key: string | undefined, sandbox: Sandbox): Promise<void> {
    this.#unshare(running, key);
    try {
      await sandbox.kill();
    } catch (error) {
      this.#log.warn("sidecar.end_failed", { reason: messageOf(error) });
    }
  }

  /** No further call gets it. */
  #unshare(running: Running, key: string | undefined): void {
    if (key !== undefined && this.#shared.get(key) === running) this.#shared.delete(key);
  }
}

/** Equal for calls that share a sidecar; undefined where each has its own. */
function sharingKey(
  { owner, name: functionName }: FunctionVersion,
  { name, scope }: SidecarWish,
  own: SidecarPackage | undefined,
): string | undefined {
  const program = `${name}@${own?.revision ?? 0}`;
  if (scope === "request") return undefined;
  return scope === "owner" ? `${owner}/${program}` : `${owner}/${functionName}/${program}`;
}
