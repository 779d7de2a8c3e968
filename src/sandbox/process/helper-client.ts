import { type ChildProcess, type SendHandle, spawn } from "node:child_process";
import { Server, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type Log, messageOf, PlatformError } from "../../base/mod.ts";

/** One step of preparing cgroups, done by the process that starts. */
export type Step =
  | { readonly directory: string }
  | { readonly file: string; readonly value: string; readonly optional?: true };

/** What the helper forks a sandbox from; see helper/boot.py. */
export interface BootRequest {
  readonly sandbox: string;
  /** bwrap and everything it is told; finds --info-fd at 3 and --seccomp at 4. */
  readonly argv: readonly string[];
  readonly seccomp: string;
  /** Owner of the output pipe; null when all sandboxes are the server's own user. */
  readonly uid: number | null;
  /** Mount as root of a user namespace instead of as the real root. */
  readonly userNamespace: boolean;
  readonly cgroupSteps: readonly Step[];
  /** Deepest first. */
  readonly cgroupDirectories: readonly string[];
  /** Written after the kill, since a frozen process may die only when thawed. */
  readonly thaw: { readonly file: string; readonly value: string } | null;
  /** Read after the last process has gone. */
  readonly figures: Readonly<Record<string, string>>;
  readonly rlimits: Readonly<Record<string, number>>;
  readonly mounts: readonly BootMount[];
  readonly runDirectory: string;
  readonly network: {
    readonly interface: string;
    readonly host: string;
    readonly guest: string;
  } | null;
}

export type BootMount =
  | { readonly kind: "memory"; readonly target: string; readonly options: string }
  | {
      readonly kind: "disk";
      readonly target: string;
      /** A file with an ext4 file system, copied for this sandbox. */
      readonly template: string;
      /** Where the nameless copy lives. */
      readonly directory: string;
    };

/** The end of a sandbox, told once everything but its directories has been released. */
export interface HelperExit {
  /** As a shell would say it: 128 + n for signal n; negative when bwrap itself was killed. */
  readonly status: number;
  readonly figures: Readonly<Record<string, string>>;
}

interface Answer {
  readonly id: number;
  readonly error?: string;
  readonly pid?: number;
}

interface ExitEvent extends HelperExit {
  readonly event: "exit";
  readonly sandbox: string;
}

interface Pending {
  resolve(result: { answer: Answer; handle: SendHandle | undefined }): void;
  reject(error: Error): void;
}

const MAIN = fileURLToPath(new URL("./helper/main.py", import.meta.url));
/** Nobody could read figures; the kernel killed the sandbox. */
const LOST: HelperExit = { status: -9, figures: {} };
const COMPLAINT_CHARACTERS_MAX = 2000;

/**
 * The server's end of the namespace helper: requests with answers, sockets included, and the exits
 * of sandboxes. When the helper dies, all sandboxes die with it (the kernel sees to that): every
 * pending request rejects with kind "unavailable" and every sandbox is told an exit by SIGKILL.
 */
export class HelperClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #log: Log;
  readonly #pending = new Map<number, Pending>();
  readonly #exits = new Map<string, (exit: HelperExit) => void>();
  readonly #ended: Promise<void>;
  #complaint = "";
  #alive = true;
  #closing = false;
  #lastId = 0;

  constructor(python: string, log: Log) {
    this.#log = log;
    this.#child = spawn(python, ["-I", "-S", "-B", MAIN], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: {},
    });
    this.#child.on("message", (message, handle) => this.#onMessage(message, handle));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT_CHARACTERS_MAX);
    });
    this.#ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        this.#onEnd(reason);
        resolve();
      };
      this.#child.once("error", (error) => end(messageOf(error)));
      this.#child.once("exit", (code, signal) => end(`${signal ?? code} ${this.#complaint}`));
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Starts a sandbox; `onExit` is called once, also after a boot that failed half-way. */
  async boot(
    request: BootRequest,
    onExit: (exit: HelperExit) => void,
  ): Promise<{ pid: number; output: Socket }> {
    if (this.#alive) this.#exits.set(request.sandbox, onExit);
    else onExit(LOST);
    const { answer, handle } = await this.#ask("boot", { ...request });
    if (answer.pid === undefined || !(handle instanceof Socket)) throw unexpected("boot");
    return { pid: answer.pid, output: handle };
  }

  /** A connection to /run/hearth/guest.sock, once the runtime listens. */
  async connect(sandbox: string): Promise<Socket> {
    const { handle } = await this.#ask("connect", { sandbox });
    if (!(handle instanceof Socket)) throw unexpected("connect");
    return handle;
  }

  async listen(sandbox: string, port: number): Promise<Server> {
    const { handle } = await this.#ask("listen", { sandbox, port });
    if (!(handle instanceof Server)) throw unexpected("listen");
    return handle;
  }

  /** A connection to a port of 127.0.0.1 inside. */
  async dial(sandbox: string, port: number): Promise<Socket> {
    const { handle } = await this.#ask("dial", { sandbox, port });
    if (!(handle instanceof Socket)) throw unexpected("dial");
    return handle;
  }

  async kill(sandbox: string): Promise<void> {
    await this.#ask("kill", { sandbox });
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#ask("steps", { steps });
  }

  /** Removes cgroup directories, waiting a little for the dead to be forgotten. */
  async remove(directories: readonly string[]): Promise<void> {
    await this.#ask("remove", { directories });
  }

  /** Ends the helper and with it every sandbox. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  #ask(
    op: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<{ answer: Answer; handle: SendHandle | undefined }> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<{
      answer: Answer;
      handle: SendHandle | undefined;
    }>();
    if (!this.#alive) return Promise.reject(this.#unavailable());
    this.#pending.set(id, { resolve, reject });
    this.#child.send({ id, op, ...body }, (error) => {
      if (error && this.#pending.delete(id)) reject(this.#unavailable(error));
    });
    return promise;
  }

  #onMessage(message: unknown, handle: SendHandle | undefined): void {
    const fact = message as Answer | ExitEvent; // the helper is ours; its lines are trusted
    if ("event" in fact) this.#onExit(fact);
    else this.#onAnswer(fact, handle);
  }

  #onAnswer(fact: Answer, handle: SendHandle | undefined): void {
    const waiter = this.#pending.get(fact.id);
    this.#pending.delete(fact.id);
    if (!waiter) return;
    if (fact.error === undefined) {
      waiter.resolve({ answer: fact, handle });
      return;
    }
    const detail = { kind: "unavailable", what: "sandbox" } as const;
    waiter.reject(new PlatformError(detail, `Sandbox failed: ${fact.error}`));
  }

  #onExit(event: ExitEvent): void {
    const tell = this.#exits.get(event.sandbox);
    this.#exits.delete(event.sandbox);
    tell?.(event);
  }

  #onEnd(reason: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#complaint = reason;
    if (!this.#closing) this.#log.error("sandbox.helper_lost", { reason });
    for (const waiter of this.#pending.values()) waiter.reject(this.#unavailable());
    this.#pending.clear();
    for (const tell of this.#exits.values()) tell(LOST);
    this.#exits.clear();
  }

  #unavailable(cause?: unknown): PlatformError {
    return new PlatformError(
      { kind: "unavailable", what: "sandbox helper" },
      `Sandbox helper is not running: ${this.#complaint}`,
      { cause },
    );
  }
}

function unexpected(operation: string): PlatformError {
  return new PlatformError(
    { kind: "internal" },
    `Sandbox helper answered ${operation} without what was asked for`,
  );
}
