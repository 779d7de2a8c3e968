import type { Clock, Log } from "../../base/mod.ts";
import type { CgroupHost } from "./cgroup.ts";
import { removeGroups } from "./cgroup-removal.ts";
import { HelperClient } from "./helper-client.ts";
import { type Network, WIRES_MAX } from "./network.ts";
import { Slots } from "./slots.ts";
import type { TemporaryStorage } from "./temporary-storage.ts";

/** What the driver found or made on this host; the same for every sandbox. */
export interface HostFacts {
  readonly bubblewrap: string;
  readonly python: string;
  /** Holds one directory for each instance, and the shared files. */
  readonly directory: string;
  /** Name of the server's group under which all instances are. */
  readonly group: string;
  readonly etc: string;
  /** File with the system call filter. */
  readonly seccomp: string;
  readonly cgroups: CgroupHost;
  readonly storage: TemporaryStorage;
  readonly disableUserNamespaces: boolean;
}

/** What instances share: the facts, the helper, the wires. */
export class ProcessHost implements AsyncDisposable {
  readonly facts: HostFacts;
  readonly clock: Clock;
  /** The last wire is kept for the driver's probe. */
  readonly wires: Slots = new Slots("sandbox network addresses", WIRES_MAX - 1);
  readonly network: Network | undefined;
  readonly #log: Log;
  #helper: HelperClient;

  constructor(
    facts: HostFacts,
    options: { clock: Clock; log: Log; helper: HelperClient; network: Network | undefined },
  ) {
    this.facts = facts;
    this.clock = options.clock;
    this.network = options.network;
    this.#log = options.log;
    this.#helper = options.helper;
  }

  get cgroups(): CgroupHost {
    return this.facts.cgroups;
  }
  get group(): string {
    return this.facts.group;
  }
  get directory(): string {
    return this.facts.directory;
  }

  /** The helper, started anew after it was lost; the sandboxes it had are gone. */
  helper(): HelperClient {
    if (!this.#helper.alive) this.#helper = new HelperClient(this.facts.python, this.#log);
    return this.#helper;
  }

  /** Removes a group without processes, and what groups are left in it. */
  async removeGroup(group: string): Promise<void> {
    await removeGroups(this.cgroups.directories(group), this.clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#helper[Symbol.asyncDispose]();
  }
}
