import { type Log, messageOf } from "../base/mod.ts";
import type { ProvisionedState } from "../host/mod.ts";
import { type FunctionVersion, type Owner, versionKey } from "../model/mod.ts";
import type { ProvisionedConfig, ProvisionedTarget } from "../registry/mod.ts";

/** Where configurations come from. */
export interface ProvisionedSource {
  targets(owner: Owner, name: string): Promise<ProvisionedTarget[]>;
  functions(): AsyncIterable<{ readonly owner: Owner; readonly name: string }>;
}

/** Who keeps the environments. */
export interface ProvisionedHost {
  provision(version: FunctionVersion, count: number): void;
  provisioned(version: FunctionVersion): ProvisionedState;
}

/** How far one configuration has come, in AWS's terms. */
export interface ProvisionedStatus {
  readonly allocated: number;
  readonly available: number;
  readonly status: "IN_PROGRESS" | "READY" | "FAILED";
  readonly reason?: string;
}

/** Carries provisioned concurrency from the registry to the host, whenever a function changes. */
export class Provisioner {
  readonly #source: ProvisionedSource;
  readonly #host: ProvisionedHost;
  readonly #log: Log;
  /** What the host was told, by function. */
  readonly #told = new Map<string, readonly ProvisionedTarget[]>();
  /** One refresh of a function at a time, in order. */
  readonly #refreshing = new Map<string, Promise<void>>();

  constructor(source: ProvisionedSource, host: ProvisionedHost, log: Log) {
    this.#source = source;
    this.#host = host;
    this.#log = log;
  }

  /** Tells the host of every configuration there is. */
  async open(): Promise<void> {
    for await (const { owner, name } of this.#source.functions()) await this.refresh(owner, name);
  }

  /** A function has changed; nearly free for those without provisioned concurrency. */
  changed(owner: Owner, name: string): void {
    if (!this.#told.has(`${owner}/${name}`)) return;
    this.refresh(owner, name).catch((error) => {
      this.#log.warn("provisioned.refresh_failed", { owner, name, reason: messageOf(error) });
    });
  }

  /** Brings the host up to what the function's configurations say. */
  refresh(owner: Owner, name: string): Promise<void> {
    const key = `${owner}/${name}`;
    const before = this.#refreshing.get(key) ?? Promise.resolve();
    const refreshing = before
      .catch(() => {})
      .then(() => this.#refresh(key, owner, name))
      .finally(() => {
        if (this.#refreshing.get(key) === refreshing) this.#refreshing.delete(key);
      });
    this.#refreshing.set(key, refreshing);
    return refreshing;
  }

  status(owner: Owner, name: string, config: ProvisionedConfig): ProvisionedStatus {
    let allocated = 0;
    let available = 0;
    let reason: string | undefined;
    for (const { version, count, shares } of this.#told.get(`${owner}/${name}`) ?? []) {
      const share = shares[config.qualifier];
      if (share === undefined) continue;
      const state = this.#host.provisioned(version);
      // A version that several configurations name is shared among them in proportion.
      allocated += Math.min(share, Math.floor((state.allocated * share) / count));
      available += Math.min(share, Math.floor((state.available * share) / count));
      reason ??= state.failure;
    }
    allocated = Math.min(allocated, config.requested);
    available = Math.min(available, config.requested);
    if (allocated >= config.requested) return { allocated, available, status: "READY" };
    if (reason === undefined) return { allocated, available, status: "IN_PROGRESS" };
    return { allocated, available, status: "FAILED", reason };
  }

  async #refresh(key: string, owner: Owner, name: string): Promise<void> {
    const targets = await this.#source.targets(owner, name);
    // A function that was deleted and made anew has other versions of the same numbers.
    const kept = new Set(targets.map(({ version }) => versionKey(version)));
    for (const { version } of this.#told.get(key) ?? []) {
      if (!kept.has(versionKey(version))) this.#host.provision(version, 0);
    }
    for (const { version, count } of targets) this.#host.provision(version, count);
    if (targets.length > 0) this.#told.set(key, targets);
    else this.#told.delete(key);
  }
}
