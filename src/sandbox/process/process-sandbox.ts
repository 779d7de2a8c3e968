import type { Server, Socket } from "node:net";
import { PlatformError } from "../../base/mod.ts";
import type { Sandbox, SandboxExit, SandboxLimits, SandboxUsage } from "../driver.ts";
import { signalName } from "../exit.ts";
import { childOf, usageOfProcess } from "../process-usage.ts";
import {
  applySettings,
  type CgroupHost,
  ControlFile,
  type FigurePaths,
  limitSettings,
  readFigures,
} from "./cgroup.ts";
import type { HelperClient, HelperExit } from "./helper-client.ts";

export interface ProcessSandboxOptions {
  readonly id: string;
  readonly helper: HelperClient;
  readonly cgroups: CgroupHost;
  readonly group: string;
  readonly directory: string;
  /** Settles when the last process has gone. */
  readonly ended: Promise<HelperExit>;
  /** Settles when the last output was delivered. */
  readonly drained: Promise<void>;
  /** Gives back what the instance holds for this sandbox. */
  readonly release: () => Promise<void>;
  /** First process inside, by its number on the host. */
  readonly pid: number;
  readonly onLimit: (limits: SandboxLimits) => void;
}

/** One running bwrap with everything in it. */
export class ProcessSandbox implements Sandbox {
  readonly id: string;
  readonly taskDirectory: string;
  readonly optDirectory: string;
  readonly runDirectory: string;
  readonly exited: Promise<SandboxExit>;
  readonly #options: ProcessSandboxOptions;
  readonly #freezer: ControlFile | undefined;
  readonly #figures: ReadonlyMap<string, ControlFile>;
  #lastUsage: SandboxUsage = { memoryBytes: 0, memoryPeakBytes: 0, cpuMs: 0 };
  #frozen = false;
  #ended = false;

  constructor(options: ProcessSandboxOptions) {
    const { cgroups, directory, group } = options;
    this.#options = options;
    this.id = options.id;
    this.taskDirectory = `${directory}/task`;
    this.optDirectory = `${directory}/opt`;
    const rootInside = `/proc/${options.pid}/root`;
    this.runDirectory = `${rootInside}/run/hearth`;
    const freezing = cgroups.freezing(group, true);
    this.#freezer = freezing && new ControlFile(freezing.file, "w");
    this.#figures = figureFiles(cgroups.figures(group));
    this.exited = this.#finish();
  }

  async connect(signal?: AbortSignal): Promise<Socket> {
    signal?.throwIfAborted();
    const connecting = this.#options.helper.connect(this.id);
    if (!signal) return connecting;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => {
      aborted.reject(signal.reason);
      connecting.then((socket) => socket.destroy()).catch(() => {}); // nobody waits for it now
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([connecting, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  listen(port: number): Promise<Server> {
    return this.#options.helper.listen(this.id, port);
  }

  dial(port: number): Promise<Socket> {
    return this.#options.helper.dial(this.id, port);
  }

  limit(limits: SandboxLimits): void {
    if (this.#ended) return;
    this.#options.onLimit(limits);
    applySettings(limitSettings(this.#options.cgroups, this.#options.group, limits));
  }

  usage(): SandboxUsage {
    if (this.#ended) return this.#lastUsage;
    if (this.#options.cgroups.version === "none") {
      this.#keep(usageOfProcess(childOf(this.#options.pid) ?? this.#options.pid));
      return this.#lastUsage;
    }
    const texts: Record<string, string> = {};
    for (const [name, file] of this.#figures) texts[name] = file.read();
    this.#keep(readFigures(texts));
    return this.#lastUsage;
  }

  freeze(): void {
    if (this.#frozen || this.#ended) return;
    this.#setFrozen(true);
  }

  thaw(): void {
    if (!this.#frozen || this.#ended) return;
    this.#setFrozen(false);
  }

  async kill(): Promise<SandboxExit> {
    // A helper that is gone took the sandbox with it, so a failed request changes nothing.
    if (!this.#ended) await this.#options.helper.kill(this.id).catch(() => {});
    return this.exited;
  }

  async #finish(): Promise<SandboxExit> {
    const exit = await this.#options.ended;
    this.#ended = true;
    this.#keep(readFigures(exit.figures));
    // After the loss of the helper: what it killed may be frozen, and not die before it thaws.
    const thawing = this.#options.cgroups.freezing(this.#options.group, false);
    if (this.#frozen && thawing) this.#freezer?.write(thawing.value);
    this.#freezer?.[Symbol.dispose]();
    for (const file of this.#figures.values()) file[Symbol.dispose]();
    await this.#options.drained;
    await this.#options.release();
    return exitOf(exit);
  }

  #setFrozen(frozen: boolean): void {
    const setting = this.#options.cgroups.freezing(this.#options.group, frozen);
    if (!setting || !this.#freezer) {
      throw new PlatformError(
        {
          kind: "unsupported",
          feature: "freezing sandboxes",
          remedy: "Run Hearth as root or with a delegated cgroup",
        },
        "Sandboxes cannot be frozen on this host",
      );
    }
    this.#freezer.write(setting.value);
    this.#frozen = frozen;
  }

  #keep({ memoryBytes, memoryPeakBytes, cpuMs }: SandboxUsage): void {
    this.#lastUsage = {
      memoryBytes,
      memoryPeakBytes: Math.max(memoryPeakBytes, this.#lastUsage.memoryPeakBytes),
      cpuMs: Math.max(cpuMs, this.#lastUsage.cpuMs),
    };
  }
}

/** bwrap, like a shell, tells a death by signal n as 128 + n. */
const SIGNAL_STATUS_BASE = 128;
/** No SIGHUP here, which nobody sends in a sandbox, but how Node ends after an exception. */
const EXCEPTION_STATUS = 129;

/** What the helper's status says about the runtime. */
export function exitOf({ status, figures }: HelperExit): SandboxExit {
  const { outOfMemory } = readFigures(figures);
  const number = status < 0 ? -status : status - SIGNAL_STATUS_BASE;
  const isSignal = number > 0 && status !== EXCEPTION_STATUS;
  const signal = isSignal ? signalName(number) : undefined;
  return signal === undefined
    ? { code: status, signal: null, outOfMemory }
    : { code: null, signal, outOfMemory };
}

function figureFiles(paths: FigurePaths): Map<string, ControlFile> {
  const entries = Object.entries(paths).filter(([name]) => name !== "oom");
  return new Map(entries.map(([name, path]) => [name, new ControlFile(path, "r")]));
}
