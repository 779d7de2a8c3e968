import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import type { SandboxLimits } from "../driver.ts";
import type { Step } from "./helper-client.ts";

/**
 * The kernel's accounting and limits, in whichever version the host has. A *group* is a path such
 * as `hearth-1a2b3c4d/instance/sandbox`; version 1 keeps one directory for it in each hierarchy,
 * version 2 one in all.
 */
export interface CgroupHost {
  readonly version: 1 | 2 | "none";
  readonly memory: boolean;
  readonly cpu: boolean;
  readonly processes: boolean;
  readonly freezer: boolean;
  /** Directories of a group; they exist after `create`. */
  directories(group: string): string[];
  /** Makes a group whose parent exists; `delegate` when it will hold groups, not processes. */
  create(group: string, options: { delegate: boolean }): Step[];
  /** Puts the starting process into a group. */
  enter(group: string): Step[];
  memoryLimit(group: string, memoryMiB: number): Setting[];
  cpuWeight(group: string, weight: number): Setting[];
  processLimit(group: string, processes: number): Setting[];
  freezing(group: string, frozen: boolean): Setting | undefined;
  figures(group: string): FigurePaths;
}

export interface Setting {
  readonly file: string;
  readonly value: string;
  /** Not every kernel has the file. */
  readonly optional?: true;
}

/** Files that `readFigures` understands, by what they tell. */
export interface FigurePaths {
  readonly memory?: string;
  readonly memoryPeak?: string;
  readonly cpu?: string;
  readonly oom?: string;
}

export interface Figures {
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  readonly cpuMs: number;
  readonly outOfMemory: boolean;
}

const MIB = 1024 * 1024;

/** Where the hierarchies of version 1 are, by controller: the server's own group in each. */
export type V1Directories = Readonly<
  Partial<Record<"memory" | "cpu" | "cpuacct" | "pids" | "freezer", string>>
>;

export class CgroupV1 implements CgroupHost {
  readonly version = 1;
  readonly #base: V1Directories;

  constructor(base: V1Directories) {
    this.#base = base;
  }

  get memory(): boolean {
    return this.#base.memory !== undefined;
  }
  get cpu(): boolean {
    return this.#base.cpu !== undefined;
  }
  get processes(): boolean {
    return this.#base.pids !== undefined;
  }
  get freezer(): boolean {
    return this.#base.freezer !== undefined;
  }

  directories(group: string): string[] {
    return [...new Set(Object.values(this.#base))].map((base) => `${base}/${group}`);
  }

  create(group: string): Step[] {
    return this.directories(group).map((directory) => ({ directory }));
  }

  /**
   * Through `tasks` and as 0 the one thread that starts moves itself, for which the kernel takes no
   * lock over all processes; `cgroup.procs` costs milliseconds in each hierarchy.
   */
  enter(group: string): Step[] {
    return this.directories(group).map((directory) => ({ file: `${directory}/tasks`, value: "0" }));
  }

  /** Both limits move together, so that swap adds nothing; which is first depends on the way. */
  memoryLimit(group: string, memoryMiB: number): Setting[] {
    if (!this.#base.memory) return [];
    const directory = `${this.#base.memory}/${group}`;
    const value = String(memoryMiB * MIB);
    const limit = { file: `${directory}/memory.limit_in_bytes`, value };
    const withSwap = {
      file: `${directory}/memory.memsw.limit_in_bytes`,
      value,
      optional: true, // kernels without accounting of swap
    } as const;
    const current = Number(readText(withSwap.file) || Number.POSITIVE_INFINITY);
    return current < memoryMiB * MIB ? [withSwap, limit] : [limit, withSwap];
  }

  cpuWeight(group: string, weight: number): Setting[] {
    if (!this.#base.cpu) return [];
    return [{ file: `${this.#base.cpu}/${group}/cpu.shares`, value: String(Math.max(2, weight)) }];
  }

  processLimit(group: string, processes: number): Setting[] {
    if (!this.#base.pids) return [];
    return [{ file: `${this.#base.pids}/${group}/pids.max`, value: String(processes) }];
  }

  freezing(group: string, frozen: boolean): Setting | undefined {
    if (!this.#base.freezer) return undefined;
    const file = `${this.#base.freezer}/${group}/freezer.state`;
    return { file, value: frozen ? "FROZEN" : "THAWED" };
  }

  figures(group: string): FigurePaths {
    const { memory, cpuacct } = this.#base;
    return {
      ...(memory && {
        memory: `${memory}/${group}/memory.usage_in_bytes`,
        memoryPeak: `${memory}/${group}/memory.max_usage_in_bytes`,
        oom: `${memory}/${group}/memory.oom_control`,
      }),
      ...(cpuacct && { cpu: `${cpuacct}/${group}/cpuacct.usage` }),
    };
  }
}

/** One hierarchy; `base` is a directory whose children may have `controllers`. */
export class CgroupV2 implements CgroupHost {
  readonly version = 2;
  readonly freezer = true;
  readonly #base: string;
  readonly #controllers: ReadonlySet<string>;

  constructor(base: string, controllers: ReadonlySet<string>) {
    this.#base = base;
    this.#controllers = controllers;
  }

  get memory(): boolean {
    return this.#controllers.has("memory");
  }
  get cpu(): boolean {
    return this.#controllers.has("cpu");
  }
  get processes(): boolean {
    return this.#controllers.has("pids");
  }

  directories(group: string): string[] {
    return [`${this.#base}/${group}`];
  }

  create(group: string, options: { delegate: boolean }): Step[] {
    const directory = `${this.#base}/${group}`;
    const enabled = [...this.#controllers].map((name) => `+${name}`).join(" ");
    if (!options.delegate || enabled === "") return [{ directory }];
    return [{ directory }, { file: `${directory}/cgroup.subtree_control`, value: enabled }];
  }

  enter(group: string): Step[] {
    return [{ file: `${this.#base}/${group}/cgroup.procs`, value: "0" }];
  }

  memoryLimit(group: string, memoryMiB: number): Setting[] {
    if (!this.memory) return [];
    const directory = `${this.#base}/${group}`;
    const limit = { file: `${directory}/memory.max`, value: String(memoryMiB * MIB) };
    return [limit, { file: `${directory}/memory.swap.max`, value: "0", optional: true }];
  }

  cpuWeight(group: string, weight: number): Setting[] {
    if (!this.cpu) return [];
    const value = Math.min(10_000, Math.max(1, Math.round((weight * 100) / 1024)));
    return [{ file: `${this.#base}/${group}/cpu.weight`, value: String(value) }];
  }

  processLimit(group: string, processes: number): Setting[] {
    if (!this.processes) return [];
    return [{ file: `${this.#base}/${group}/pids.max`, value: String(processes) }];
  }

  freezing(group: string, frozen: boolean): Setting {
    return { file: `${this.#base}/${group}/cgroup.freeze`, value: frozen ? "1" : "0" };
  }

  figures(group: string): FigurePaths {
    const directory = `${this.#base}/${group}`;
    return {
      ...(this.memory && {
        memory: `${directory}/memory.current`,
        memoryPeak: `${directory}/memory.peak`,
        oom: `${directory}/memory.events`,
      }),
      cpu: `${directory}/cpu.stat`,
    };
  }
}

/** A host on which no group can be made: nothing is limited and capabilities say so. */
export class NoCgroups implements CgroupHost {
  readonly version = "none";
  readonly memory = false;
  readonly cpu = false;
  readonly processes = false;
  readonly freezer = false;
  directories(): string[] {
    return [];
  }
  create(): Step[] {
    return [];
  }
  enter(): Step[] {
    return [];
  }
  memoryLimit(): Setting[] {
    return [];
  }
  cpuWeight(): Setting[] {
    return [];
  }
  processLimit(): Setting[] {
    return [];
  }
  freezing(): undefined {
    return undefined;
  }
  figures(): FigurePaths {
    return {};
  }
}

/** Everything a sandbox's group is set to. */
export function limitSettings(
  host: CgroupHost,
  group: string,
  limits: SandboxLimits,
): readonly Setting[] {
  return [
    ...host.memoryLimit(group, limits.memoryMiB),
    ...host.cpuWeight(group, limits.cpuWeight),
    ...host.processLimit(group, limits.processes),
  ];
}

/** Writes settings of a group that may be gone by now; anything but that throws. */
export function applySettings(settings: readonly Setting[]): void {
  for (const { file, value } of settings) {
    try {
      writeFileSync(file, value);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

/** Understands the files of `FigurePaths`, of either version, as their text. */
export function readFigures(texts: Readonly<Record<string, string>>): Figures {
  const memoryBytes = Number(texts.memory ?? 0) || 0;
  const cpu = texts.cpu ?? "";
  const microseconds = /^usage_usec (\d+)/m.exec(cpu)?.[1];
  return {
    memoryBytes,
    memoryPeakBytes: Math.max(Number(texts.memoryPeak ?? 0) || 0, memoryBytes),
    cpuMs: microseconds === undefined ? (Number(cpu) || 0) / 1e6 : Number(microseconds) / 1e3,
    outOfMemory: Number(/^oom_kill (\d+)/m.exec(texts.oom ?? "")?.[1] ?? 0) > 0,
  };
}

const FILE_BYTES_MAX = 4096;
const scratch: Buffer = Buffer.alloc(FILE_BYTES_MAX);

/** A kernel file kept open, since it is read or written at every call. */
export class ControlFile implements Disposable {
  readonly #path: string;
  readonly #flags: "r" | "w";
  #descriptor: number | undefined;
  #closed = false;

  constructor(path: string, flags: "r" | "w") {
    this.#path = path;
    this.#flags = flags;
  }

  /** The contents, or an empty text when the group has gone. */
  read(): string {
    return this.#use((descriptor) =>
      scratch.toString("latin1", 0, readSync(descriptor, scratch, 0, FILE_BYTES_MAX, 0)),
    );
  }

  write(value: string): void {
    this.#use((descriptor) => String(writeSync(descriptor, value, 0)));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #use(action: (descriptor: number) => string): string {
    if (this.#closed) return "";
    try {
      this.#descriptor ??= openSync(this.#path, this.#flags);
      return action(this.#descriptor);
    } catch (error) {
      if (isGone(error)) return "";
      throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENODEV";
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
