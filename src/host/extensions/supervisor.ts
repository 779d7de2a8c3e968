import type { Socket } from "node:net";
import { constants } from "node:os";
import {
  type Clock,
  type Deferred,
  deferred,
  encodeFrame,
  type Frame,
  FrameReader,
  PlatformError,
} from "../../base/mod.ts";
import { deliverOutput, signalName } from "../../sandbox/mod.ts";

/** Frame types of guest/README.md. */
const FRAME = { ready: 16, start: 40, signal: 41, exited: 42, output: 43, admit: 44 } as const;
/** The longest frame of the supervisor carries 64 KiB of output. */
const FRAME_BYTES_MAX = 128 * 1024;
/** The program that is the runtime; extensions are counted from 1. */
const RUNTIME = 0;
const EXITED_BY_SIGNAL = 1;
const NOT_STARTED = 2;

/** How a process beside or under the supervisor ended. */
export type ProgramExit =
  | { readonly code: number; readonly signal: null }
  | { readonly code: null; readonly signal: string }
  /** It never ran: the error number of its exec. */
  | { readonly code: null; readonly signal: null; readonly errno: number };

/** One process that the supervisor has started. */
export interface Program {
  readonly exited: Promise<ProgramExit>;
  /** No effect once it has ended. */
  signal(name: "SIGTERM" | "SIGKILL"): void;
}

interface Running {
  readonly exit: Deferred<ProgramExit>;
  onOutput(chunk: Buffer): void;
}

/**
 * The host's end of the connection to guest/extensions/supervise.pl, the first process of a sandbox
 * with extensions. User code runs under the same user and may speak in its name: what it says is
 * believed of this sandbox alone, and only in form.
 */
export class Supervisor {
  readonly #socket: Socket;
  readonly #reader = new FrameReader(FRAME_BYTES_MAX);
  readonly #ready: Deferred<void> = deferred();
  readonly #programs = new Map<number, Running>();
  /** Told before it has started, too. */
  readonly runtime: Program;
  #lastExtension = RUNTIME;
  #isClosed = false;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.runtime = this.#expect(RUNTIME, () => {});
    // Mostly output: no faster than a sandbox may print.
    void deliverOutput(socket, clock, (chunk) => this.#read(chunk)).then(() => this.close());
  }

  /** Resolves when the supervisor waits for orders. */
  static async open(socket: Socket, clock: Clock, signal: AbortSignal): Promise<Supervisor> {
    const supervisor = new Supervisor(socket, clock);
    const abort = (): void => supervisor.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      if (signal.aborted) abort();
      await supervisor.#ready.promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return supervisor;
  }

  /** The next connection to the sandbox's socket is kept, and inherited by the runtime. */
  admit(): void {
    if (!this.#isClosed) this.#socket.write(encodeFrame(FRAME.admit));
  }

  /** @param wrapper a program that is given the runtime's command line and becomes the runtime */
  startRuntime(wrapper?: string, environment: Readonly<Record<string, string>> = {}): void {
    this.#start(RUNTIME, wrapper === undefined ? [] : [wrapper], environment);
  }

  /** @param onOutput what it prints, in order; views of a larger buffer */
  startExtension(
    path: string,
    environment: Readonly<Record<string, string>>,
    onOutput: (chunk: Buffer) => void,
  ): Program {
    const number = ++this.#lastExtension;
    const program = this.#expect(number, onOutput);
    this.#start(number, [path], environment);
    return program;
  }

  /** Ends the connection, and with it every process in the sandbox. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#ready.reject(
      new PlatformError({ kind: "unavailable", what: "runtime" }, "The supervisor has ended"),
    );
    for (const { exit } of this.#programs.values()) exit.resolve({ code: null, signal: "SIGKILL" });
    this.#programs.clear();
  }

  #start(
    number: number,
    argv: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): void {
    if (this.#isClosed) return;
    this.#socket.write(encodeFrame(FRAME.start, startPayload(number, argv, environment)));
  }

  #expect(number: number, onOutput: (chunk: Buffer) => void): Program {
    const exit = deferred<ProgramExit>();
    if (this.#isClosed) exit.resolve({ code: null, signal: "SIGKILL" });
    else this.#programs.set(number, { exit, onOutput });
    return {
      exited: exit.promise,
      signal: (name) => {
        if (!this.#programs.has(number)) return;
        this.#socket.write(encodeFrame(FRAME.signal, Buffer.of(number, constants.signals[name])));
      },
    };
  }

  #read(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#reader.push(chunk, (frame) => this.#receive(frame));
    } catch {
      this.close();
    }
  }

  #receive({ type, payload }: Frame): void {
    if (type === FRAME.ready) {
      this.#ready.resolve();
      return;
    }
    const number = payload[0] ?? RUNTIME;
    const program = this.#programs.get(number);
    if (type === FRAME.output) program?.onOutput(payload.subarray(1));
    else if (type === FRAME.exited) {
      this.#programs.delete(number);
      program?.exit.resolve(exitOf(payload[1] ?? 0, payload[2] ?? 0));
    } else this.close();
  }
}

/** `u8` program, `u16` number of arguments, the arguments, variables; each text ends with a NUL. */
function startPayload(
  number: number,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Buffer {
  const variables = Object.entries(environment).map(
    ([name, value]) => `${name}=${value.split("\0", 1)[0]}`,
  );
  const texts = [...argv, ...variables].map((text) => `${text}\0`).join("");
  return Buffer.concat([
    Buffer.of(number, argv.length >> 8, argv.length & 255),
    Buffer.from(texts),
  ]);
}

function exitOf(kind: number, value: number): ProgramExit {
  if (kind === NOT_STARTED) return { code: null, signal: null, errno: value };
  if (kind !== EXITED_BY_SIGNAL) return { code: value, signal: null };
  return { code: null, signal: signalName(value) ?? "SIGKILL" };
}
