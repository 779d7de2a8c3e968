import type { FunctionVersion, Owner, RuntimeName } from "../model/mod.ts";
import { capacityProviderOf } from "../registry/mod.ts";
import type { Instance } from "../sandbox/mod.ts";
import type { BootKey } from "./boot-key.ts";
import type { Environment } from "./environment.ts";

/**
 * Isolated capacity of this machine: no owner while it waits in the pool, then one owner for good.
 * Its memory is shared by its environments; none is placed where it does not fit.
 */
export class HostInstance {
  readonly id: string;
  /** The driver's part of it; rejected when it could not be made. */
  readonly isolated: Promise<Instance>;
  readonly environments: Set<Environment> = new Set();
  /** Environments that take their leave. */
  readonly endings: Set<Promise<void>> = new Set();
  owner: Owner | undefined;
  /** ARN of the owner's capacity provider whose functions alone run here; else those of none. */
  capacityProvider: string | undefined;
  capacityMiB: number;
  /** Memory promised to runtimes that still boot. */
  bootingMiB = 0;
  /** Runtimes that boot here to wait for whoever needs them. */
  sparesBooting = 0;
  isEnded = false;
  /** What was assigned here last, and when (monotonic milliseconds): the next is likely alike. */
  lastKey: BootKey | undefined;
  lastAssignedAt: number = Number.NEGATIVE_INFINITY;
  /** Set on instances made for the pool, for as long as nobody owns them. */
  poolRuntime: RuntimeName | undefined;

  constructor(id: string, isolated: Promise<Instance>, capacityMiB: number) {
    this.id = id;
    this.isolated = isolated;
    this.capacityMiB = capacityMiB;
  }

  /** Memory that is promised, waiting runtimes not counted: they make room when it is needed. */
  get assignedMiB(): number {
    let sum = this.bootingMiB;
    for (const environment of this.environments) {
      if (environment.state !== "waiting") sum += environment.reservedMiB;
    }
    return sum;
  }

  get isIdle(): boolean {
    for (const environment of this.environments) {
      if (environment.state !== "waiting") return false;
    }
    return this.bootingMiB === 0;
  }

  hasRoom(memoryMiB: number): boolean {
    return !this.isEnded && this.assignedMiB + memoryMiB <= this.capacityMiB;
  }

  waiting(key: BootKey): Environment | undefined {
    for (const environment of this.environments) {
      if (environment.state === "waiting" && environment.bootKey.id === key.id) return environment;
    }
    return undefined;
  }

  /** Gives the instance to a version's owner, with room for the version at least. */
  assignTo(version: FunctionVersion): void {
    this.owner = version.owner;
    this.capacityProvider = capacityProviderOf(version);
    this.capacityMiB = Math.max(this.capacityMiB, version.configuration.memorySizeMiB);
  }
}
