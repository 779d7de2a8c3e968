import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** What was run: the command line of this checkout unless told. */
export interface HearthProgram {
  readonly file: string;
  readonly words: readonly string[];
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly program?: HearthProgram;
  readonly directory?: string;
}

export interface Ended {
  /** Exit code; a signal's name when one ended it. */
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const checkout: string = fileURLToPath(new URL("../../", import.meta.url));

const CLI: HearthProgram = { file: process.execPath, words: [`${checkout}src/cli/main.ts`] };

/** The caller's variables without those that would lead to another server. */
function environmentWith(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^AWS_|^HEARTH_(?!ISOLATION$)|^NODE_TEST|^NODE_OPTIONS$/.test(name),
  );
  return { ...Object.fromEntries(kept), ...more };
}

function spawnHearth(words: readonly string[], options: RunOptions): ChildProcess {
  const { file, words: leading } = options.program ?? CLI;
  return spawn(file, [...leading, ...words], {
    stdio: "pipe",
    env: environmentWith(options.environment),
    cwd: options.directory ?? checkout,
  });
}

/** Runs one command to its end. */
export async function runHearth(
  words: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const child = spawnHearth(words, options);
  const exited = exitOf(child);
  child.stdin?.end(options.input ?? "");
  const [code, stdout, stderr] = await Promise.all([
    exited,
    child.stdout ? text(child.stdout) : "",
    child.stderr ? text(child.stderr) : "",
  ]);
  return { code, stdout, stderr };
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | NodeJS.Signals | null>();
  child.once("error", reject);
  child.once("exit", (code, signal) => resolve(code ?? signal));
  return promise;
}

/** A `hearth up` in a process of its own; disposing it kills it. */
export class HearthServer implements AsyncDisposable {
  readonly exited: Promise<number | NodeJS.Signals | null>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  readonly #ready: PromiseWithResolvers<string> = Promise.withResolvers<string>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = exitOf(child);
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      this.stdout += chunk;
      const url = /^hearth ready (\S+)\n/m.exec(this.stdout)?.[1];
      if (url !== undefined) this.#ready.resolve(url);
    });
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.stderr += chunk;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Resolves when standard error has matched `pattern`. */
  says(pattern: RegExp): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const listener = (): void => {
      if (!pattern.test(this.stderr)) return;
      this.#listeners.delete(listener);
      resolve();
    };
    this.#listeners.add(listener);
    listener();
    return promise;
  }

  /** Resolves with a server that is ready; rejects with its words when it ends before. */
  static async start(words: readonly string[], options: RunOptions = {}): Promise<HearthServer> {
    const server = new HearthServer(spawnHearth(["up", ...words], options));
    void server.exited.then((code) => {
      server.#ready.reject(new Error(`hearth up ended with ${code}: ${server.stderr}`));
    });
    await server.#ready.promise;
    return server;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get url(): Promise<string> {
    return this.#ready.promise;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 15_000);
    await this.exited;
    clearTimeout(late);
  }
}
