import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import {
  connect as connectSocket,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from "node:net";
import { type Clock, PlatformError } from "../../base/mod.ts";
import type { RuntimeImage, Sandbox, SandboxExit, SandboxSpec, SandboxUsage } from "../driver.ts";
import { deliverOutput } from "../output.ts";
import { usageOfProcess } from "../process-usage.ts";
import { endGroup, recordProcess } from "./process-record.ts";

export interface NoneSandboxOptions {
  readonly directory: string;
  readonly runDirectory: string;
  readonly clock: Clock;
  readonly onReleased: () => void;
}

const CONNECT_INTERVAL_MS = 2;
/** Processes that left the group may hold the output open for ever; it is closed after this. */
const LAST_OUTPUT_MS = 200;

/**
 * A constant script: joins error output to standard output in one pipe, so that their order is
 * kept, and becomes the runtime.
 */
const JOIN_OUTPUTS = 'exec "$@" 2>&1';

/** A process group of the server's own user. */
export class NoneSandbox implements Sandbox {
  readonly id: string;
  readonly taskDirectory: string;
  readonly optDirectory: string;
  readonly runDirectory: string;
  readonly exited: Promise<SandboxExit>;
  readonly #child: ChildProcess;
  readonly #pid: number;
  readonly #options: NoneSandboxOptions;
  readonly #servers = new Set<Server>();
  #usage: SandboxUsage = { memoryBytes: 0, memoryPeakBytes: 0, cpuMs: 0 };
  #running = true;

  private constructor(
    spec: SandboxSpec,
    options: NoneSandboxOptions,
    child: ChildProcess,
    pid: number,
  ) {
    this.id = spec.id;
    this.taskDirectory = `${options.directory}/task`;
    this.optDirectory = `${options.directory}/opt`;
    this.runDirectory = options.runDirectory;
    this.#options = options;
    this.#child = child;
    this.#pid = pid;
    this.exited = this.#finish(spec);
  }

  static async start(spec: SandboxSpec, options: NoneSandboxOptions): Promise<NoneSandbox> {
    const { directory, runDirectory } = options;
    await mkdir(directory);
    for (const path of [`${directory}/task`, `${directory}/opt`, runDirectory]) await mkdir(path);
    const argv = spec.image.argv.map((argument) => resolvePath(argument, spec.image));
    const child = spawn("/bin/sh", ["-c", JOIN_OUTPUTS, "sh", ...argv], {
      cwd: `${directory}/task`,
      detached: true, // a process group of its own
      env: environmentOf(spec.image, options),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const { pid } = child;
    if (pid === undefined) {
      const [cause] = await once(child, "error");
      await release(options);
      const detail = { kind: "unavailable", what: "sandbox" } as const;
      throw new PlatformError(detail, "Runtime cannot be started", { cause });
    }
    const sandbox = new NoneSandbox(spec, options, child, pid);
    await recordProcess(directory, pid).catch(() => {}); // gone already, directory and all
    return sandbox;
  }

  async connect(signal?: AbortSignal): Promise<Socket> {
    const path = `${this.runDirectory}/guest.sock`;
    while (this.#running) {
      signal?.throwIfAborted();
      const socket = await tryConnect({ path });
      if (socket) return socket;
      await this.#options.clock.sleep(CONNECT_INTERVAL_MS, signal);
    }
    throw new PlatformError({ kind: "unavailable", what: "sandbox" }, "The sandbox has ended");
  }

  async listen(_port: number): Promise<Server> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.add(server);
    return server;
  }

  async dial(port: number): Promise<Socket> {
    const socket = await tryConnect({ port, host: "127.0.0.1" });
    if (socket !== undefined) return socket;
    const detail = { kind: "unavailable", what: "sandbox" } as const;
    throw new PlatformError(detail, `Nothing listens on port ${port}`);
  }

  limit(): void {
    // Nothing limits a plain process; capabilities say so.
  }

  usage(): SandboxUsage {
    // The first process alone, since nothing counts its children.
    const { memoryBytes, memoryPeakBytes, cpuMs } = usageOfProcess(this.#pid);
    this.#usage = {
      memoryBytes,
      memoryPeakBytes: Math.max(memoryPeakBytes, this.#usage.memoryPeakBytes),
      cpuMs: Math.max(cpuMs, this.#usage.cpuMs),
    };
    return this.#usage;
  }

  freeze(): void {
    throw cannotFreeze();
  }

  thaw(): void {
    throw cannotFreeze();
  }

  kill(): Promise<SandboxExit> {
    if (this.#running) endGroup(this.#pid);
    return this.exited;
  }

  async #finish(spec: SandboxSpec): Promise<SandboxExit> {
    const { stdout } = this.#child;
    const drained = stdout
      ? deliverOutput(stdout, this.#options.clock, (chunk) => spec.onOutput(chunk))
      : Promise.resolve();
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      this.#child.once("exit", (...result) => resolve(result));
    });
    this.#running = false;
    endGroup(this.#pid);
    using _patience = this.#options.clock.after(LAST_OUTPUT_MS, () => stdout?.destroy());
    await drained;
    for (const server of this.#servers) server.close();
    await release(this.#options);
    return { code, signal, outOfMemory: false };
  }
}

async function release({ directory, runDirectory, onReleased }: NoneSandboxOptions): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await rm(runDirectory, { recursive: true, force: true });
  onReleased();
}

function environmentOf(image: RuntimeImage, options: NoneSandboxOptions): NodeJS.ProcessEnv {
  const given = Object.entries(image.environment).map(([name, value]) => [
    name,
    value
      .split(":")
      .map((part) => resolvePath(part, image))
      .join(":"),
  ]);
  return {
    ...Object.fromEntries(given),
    HEARTH_TASK_ROOT: `${options.directory}/task`,
    HEARTH_OPT_ROOT: `${options.directory}/opt`,
    HEARTH_RUN_DIRECTORY: options.runDirectory,
  };
}

/** A path below a mount of the image as it is on the host. */
function resolvePath(text: string, image: RuntimeImage): string {
  const mount = image.mounts.find(({ target }) => text === target || text.startsWith(`${target}/`));
  return mount ? mount.source + text.slice(mount.target.length) : text;
}

function tryConnect(where: NetConnectOpts): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connectSocket(where);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", () => resolve(undefined));
  });
}

function cannotFreeze(): PlatformError {
  const remedy = "Use --isolation process";
  return new PlatformError(
    { kind: "unsupported", feature: "freezing sandboxes", remedy },
    "Plain processes cannot be frozen",
  );
}
