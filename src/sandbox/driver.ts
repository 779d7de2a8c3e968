import type { Server, Socket } from "node:net";

/**
 * Isolation behind one interface.
 *
 * Terms. *Instance*: isolated capacity that belongs to at most one owner in its life: a memory and
 * process budget (parent cgroup) and a user id of its own. *Sandbox*: one isolated process tree in
 * an instance, with its own namespaces, file tree, network and limits; it holds one environment.
 *
 * Life of a sandbox: `boot` starts the runtime, which waits; `connect` reaches its control socket
 * (before any user code ran: afterwards the socket file belongs to the user); the host fills
 * `taskDirectory`; calls run; `kill` or the end of the process ends it; `exited` settles exactly
 * once, after everything the sandbox held on the host (processes, mounts, cgroups, sockets,
 * directories, interfaces) has been released.
 *
 * A driver refuses what it cannot do with a PlatformError of kind "unsupported"; it never pretends.
 */
export type IsolationName = "process" | "none" | "microvm";

/** What a driver enforces on this host, each found by a probe. Shown by `hearth doctor`. */
export interface SandboxCapabilities {
  readonly isolation: IsolationName;
  readonly memoryLimit: boolean;
  readonly cpuShare: boolean;
  readonly processLimit: boolean;
  readonly freeze: boolean;
  /** `disk`: a file system of that size; `memory`: tmpfs, counts as memory; `none`: unbounded. */
  readonly temporaryStorage: "disk" | "memory" | "none";
  /** Functions reach outside addresses, never the host's own. */
  readonly outboundNetwork: boolean;
  readonly distinctUsers: boolean;
  readonly capture: "none" | "criu" | "vm";
}

/** One probe of the host: what was looked for, what was found, how to mend it. */
export interface HostFinding {
  readonly topic: string;
  readonly status: "ok" | "limited" | "missing";
  readonly detail: string;
  /** A command or a sentence; present unless status is "ok". */
  readonly remedy?: string;
}

/** A program and the files it needs, all of the host's choosing. */
export interface RuntimeImage {
  /** Identifies the contents; part of pool keys and later of snapshot keys. */
  readonly id: string;
  /** Absolute paths as seen inside the sandbox. */
  readonly argv: readonly string[];
  /** Complete: nothing is inherited from the server. */
  readonly environment: Readonly<Record<string, string>>;
  /** Host path -> path inside; always read-only. */
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
}

export interface InstanceSpec {
  /** [a-z0-9-]{1,32}, unique in the life of the server. */
  readonly id: string;
}

export interface SandboxSpec {
  /** [a-z0-9-]{1,32}, unique in the life of the server. */
  readonly id: string;
  readonly image: RuntimeImage;
  /** Size of /tmp. */
  readonly temporaryMiB: number;
  readonly limits: SandboxLimits;
  /** Whether outside addresses are wanted; ignored where the host cannot wire them. */
  readonly network: boolean;
  /** Standard output and error of everything inside; called in order, never after `exited`. */
  onOutput(chunk: Buffer): void;
}

export interface SandboxLimits {
  readonly memoryMiB: number;
  /** Weight against other sandboxes; 1024 is one core's worth (MEMORY_MIB_PER_CPU of memory). */
  readonly cpuWeight: number;
  readonly processes: number;
}

export interface SandboxExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The kernel killed a process of this sandbox for memory. */
  readonly outOfMemory: boolean;
}

export interface SandboxUsage {
  /** Highest memory since boot or the last `resetPeak`, bytes. */
  readonly memoryPeakBytes: number;
  readonly memoryBytes: number;
  readonly cpuMs: number;
}

export interface Sandbox {
  readonly id: string;
  /**
   * Host directory seen inside as /var/task, read-only there. Paths in here may be filled by hard
   * links from the code cache (same file system).
   */
  readonly taskDirectory: string;
  /** Host directory seen inside as /opt, read-only there. */
  readonly optDirectory: string;
  /** Seen inside as /run/hearth, writable by the sandbox: never follow links here. */
  readonly runDirectory: string;
  readonly exited: Promise<SandboxExit>;
  /**
   * Connects to the unix socket /run/hearth/guest.sock, waiting for somebody to listen there. Only
   * before user code has run.
   */
  connect(signal?: AbortSignal): Promise<Socket>;
  /**
   * A listening server on 127.0.0.1:port inside the sandbox's network, whose connections the host
   * owns. With isolation "none" the port is a free one of the host: read it from `address()`.
   */
  listen(port: number): Promise<Server>;
  /**
   * Connects to a program that listens on 127.0.0.1:port inside. What answers is hostile.
   * @throws PlatformError kind "unavailable" when nothing listens there
   */
  dial(port: number): Promise<Socket>;
  limit(limits: SandboxLimits): void;
  usage(): SandboxUsage;
  /** Stops every process of the sandbox without their noticing; no effect when already frozen. */
  freeze(): void;
  thaw(): void;
  /** Ends every process at once; resolves as `exited` does. Safe to call again. */
  kill(): Promise<SandboxExit>;
}

export interface Instance extends AsyncDisposable {
  readonly id: string;
  /** @throws PlatformError kind "unavailable" when the process cannot be started */
  boot(spec: SandboxSpec): Promise<Sandbox>;
  /** Memory budget of all sandboxes together. */
  limit(memoryMiB: number): void;
  /** Kills all sandboxes and releases the budget and user id. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface SandboxDriver extends AsyncDisposable {
  readonly capabilities: SandboxCapabilities;
  /** Ends and removes whatever an earlier server on the same data directory left behind. */
  recover(): Promise<{ readonly removed: readonly string[] }>;
  createInstance(spec: InstanceSpec): Promise<Instance>;
}
