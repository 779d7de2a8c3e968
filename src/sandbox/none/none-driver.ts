import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Clock, Log } from "../../base/mod.ts";
import type {
  Instance,
  InstanceSpec,
  Sandbox,
  SandboxCapabilities,
  SandboxDriver,
  SandboxSpec,
} from "../driver.ts";
import { checkSandboxId } from "../ids.ts";
import { NoneSandbox } from "./none-sandbox.ts";
import { endRecorded } from "./process-record.ts";

export interface NoneDriverOptions {
  /** Made when absent; holds a directory for each instance and nothing else. */
  readonly directory: string;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Opens the driver that runs plain processes of the server's own user: nothing is limited, hidden
 * or kept apart, and user code can do whatever the server can. It must be asked for by name.
 *
 * Paths inside do not exist here, so the runtime finds its directories in the environment:
 * HEARTH_TASK_ROOT for /var/task, HEARTH_OPT_ROOT for /opt, HEARTH_RUN_DIRECTORY for /run/hearth.
 * Mount targets of the image at the start of an argument or a variable's value become their
 * sources.
 */
export async function openNoneDriver(options: NoneDriverOptions): Promise<SandboxDriver> {
  // Socket names are limited to 107 bytes, which a data directory may exceed.
  const hash = createHash("sha256").update(options.directory).digest("hex").slice(0, 8);
  const sockets = `${tmpdir()}/hearth-${hash}`;
  await mkdir(options.directory, { recursive: true });
  await mkdir(sockets, { recursive: true, mode: 0o700 });
  return new NoneDriver(options, sockets);
}

class NoneDriver implements SandboxDriver {
  readonly capabilities: SandboxCapabilities = {
    isolation: "none",
    memoryLimit: false,
    cpuShare: false,
    processLimit: false,
    freeze: false,
    temporaryStorage: "none",
    outboundNetwork: true,
    distinctUsers: false,
    capture: "none",
  };
  readonly #options: NoneDriverOptions;
  readonly #sockets: string;
  readonly #instances = new Set<Instance>();

  constructor(options: NoneDriverOptions, sockets: string) {
    this.#options = options;
    this.#sockets = sockets;
  }

  async recover(): Promise<{ readonly removed: readonly string[] }> {
    const { directory } = this.#options;
    const instances = await readdir(directory);
    const removed: string[] = [];
    for (const instance of instances) {
      for (const sandbox of await readdir(`${directory}/${instance}`)) {
        const pid = await endRecorded(`${directory}/${instance}/${sandbox}`);
        if (pid !== undefined) removed.push(`process ${pid}`);
      }
      await rm(`${directory}/${instance}`, { recursive: true });
      removed.push(`directory ${instance}`);
    }
    for (const name of await readdir(this.#sockets)) {
      await rm(`${this.#sockets}/${name}`, { recursive: true });
    }
    return { removed };
  }

  async createInstance({ id }: InstanceSpec): Promise<Instance> {
    checkSandboxId(id);
    const directory = `${this.#options.directory}/${id}`;
    await mkdir(directory);
    const instance = new NoneInstance(id, directory, this.#sockets, this.#options, () =>
      this.#instances.delete(instance),
    );
    this.#instances.add(instance);
    return instance;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#instances].map((instance) => instance[Symbol.asyncDispose]()));
    await rm(this.#sockets, { recursive: true, force: true });
  }
}

class NoneInstance implements Instance {
  readonly id: string;
  readonly #directory: string;
  readonly #sockets: string;
  readonly #options: NoneDriverOptions;
  readonly #onDisposed: () => void;
  readonly #sandboxes = new Set<Sandbox>();

  constructor(
    id: string,
    directory: string,
    sockets: string,
    options: NoneDriverOptions,
    onDisposed: () => void,
  ) {
    this.id = id;
    this.#directory = directory;
    this.#sockets = sockets;
    this.#options = options;
    this.#onDisposed = onDisposed;
  }

  async boot(spec: SandboxSpec): Promise<Sandbox> {
    checkSandboxId(spec.id);
    const sandbox = await NoneSandbox.start(spec, {
      directory: `${this.#directory}/${spec.id}`,
      runDirectory: `${this.#sockets}/${spec.id}`,
      clock: this.#options.clock,
      onReleased: () => this.#sandboxes.delete(sandbox),
    });
    this.#sandboxes.add(sandbox);
    return sandbox;
  }

  limit(): void {
    // Nothing limits a plain process; capabilities say so.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.kill()));
    await rm(this.#directory, { recursive: true, force: true });
    this.#onDisposed();
  }
}
