import { type ChildProcess, spawn } from "node:child_process";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { sum } from "./statistics.ts";

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 12_000;
const OUTPUT_CHARACTERS_MAX = 4000;

export interface ServerCommand {
  readonly program: string;
  readonly words: readonly string[];
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Looked for in standard output, standard error and, where it reports there, descriptor 3. */
  readonly ready: RegExp;
  readonly reportsOnDescriptor3?: boolean;
}

/** A server of its own process that has said it is ready. */
export class ServerProcess implements AsyncDisposable {
  readonly pid: number;
  /** From its start until it said so. */
  readonly readyInMs: number;
  /** What the ready pattern matched. */
  readonly ready: RegExpExecArray;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, pid: number, ready: RegExpExecArray, readyInMs: number) {
    this.#child = child;
    this.pid = pid;
    this.ready = ready;
    this.readyInMs = readyInMs;
  }

  /** @throws Error with the end of its output when it ends or is not ready in time */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const startedAt = performance.now();
    const child = spawn(command.program, command.words, {
      stdio: ["ignore", "pipe", "pipe", ...(command.reportsOnDescriptor3 ? ["pipe" as const] : [])],
      ...(command.directory === undefined ? {} : { cwd: command.directory }),
      env: { ...process.env, ...command.environment },
    });
    const ready = await untilReady(child, command).catch(async (error) => {
      await stop(child);
      throw error;
    });
    return new ServerProcess(child, child.pid ?? 0, ready, performance.now() - startedAt);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child);
  }
}

function untilReady(
  child: ChildProcess,
  { ready, program }: ServerCommand,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (what: string): void => {
      clearTimeout(timer);
      reject(new Error(`${program} ${what}: ${output.trim()}`));
    };
    const timer = setTimeout(() => fail(`was not ready in ${READY_MS_MAX} ms`), READY_MS_MAX);
    child.once("error", (error) => fail(`did not start (${error.message})`));
    child.once("exit", (code, signal) => fail(`ended with ${code ?? signal}`));
    for (const stream of child.stdio.slice(1)) {
      stream?.on("data", (chunk: Buffer) => {
        output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX);
        const match = ready.exec(output);
        if (match === null) return;
        clearTimeout(timer);
        resolve(match);
      });
    }
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await ended;
  clearTimeout(timer);
}

/** Memory of a server and of everything that it started. */
export interface Memory {
  /** Resident bytes of the server's own process. */
  readonly serverBytes: number;
  /** Of the processes below it; pages shared by several are counted by their share where known. */
  readonly belowBytes: number;
  readonly processes: number;
}

/** Reads the process tree below `pid` from /proc. */
export function memoryOf(pid: number): Memory {
  const below = descendantsOf(pid);
  let belowBytes = 0;
  for (const each of below) belowBytes += proportionalBytes(each) ?? residentBytes(each);
  return { serverBytes: residentBytes(pid), belowBytes, processes: 1 + below.length };
}

/** Processor time of a server and of everything that it started. */
export interface CpuTime {
  readonly serverMs: number;
  readonly belowMs: number;
}

/** What the living processes of the tree below `pid` have used so far. */
export function cpuTimeOf(pid: number): CpuTime {
  const belowMs = sum(descendantsOf(pid).map(processCpuMs));
  return { serverMs: processCpuMs(pid), belowMs };
}

/** Source: Documentation/scheduler/sched-stats.rst, nanoseconds on a processor come first. */
function processCpuMs(pid: number): number {
  const threads = globSync(`/proc/${pid}/task/*/schedstat`);
  return sum(threads.map((path) => Number.parseInt(textOf(path) ?? "0", 10))) / 1e6;
}

function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  for (const queue = [...(children.get(pid) ?? [])]; queue.length > 0; ) {
    const next = queue.pop() ?? 0;
    found.push(next);
    queue.push(...(children.get(next) ?? []));
  }
  return found;
}

function parentOf(pid: number): number | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  const parent = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  return parent === undefined ? undefined : Number(parent);
}

/** Source: proc(5), VmRSS of /proc/pid/status. */
function residentBytes(pid: number): number {
  return kibibytesIn(textOf(`/proc/${pid}/status`), /^VmRSS:\s+(\d+)/m) ?? 0;
}

/** Source: proc(5), Pss of /proc/pid/smaps_rollup; only root may read that of others. */
function proportionalBytes(pid: number): number | undefined {
  return kibibytesIn(textOf(`/proc/${pid}/smaps_rollup`), /^Pss:\s+(\d+)/m);
}

function kibibytesIn(text: string | undefined, pattern: RegExp): number | undefined {
  const found = text === undefined ? undefined : pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}

/** A file of /proc; undefined when the process has ended or is not ours to read. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
