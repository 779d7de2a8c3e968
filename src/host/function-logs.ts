import { appendFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Log } from "../base/mod.ts";
import { messageOf } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";

/** How long written lines may wait for company before they go to disk. */
const FLUSH_DELAY_MS = 200;
/** Lines held for one function between two flushes; more is dropped and said. */
const PENDING_BYTES_MAX = 4 * 1024 * 1024;

interface FunctionLog {
  readonly directory: string;
  pending: Buffer[];
  pendingBytes: number;
  droppedBytes: number;
  readonly followers: Set<(chunk: Buffer) => void>;
}

/**
 * The log of every function: `current.log` and `previous.log` in `<directory>/<owner>/<name>`, each
 * half of LOG_BYTES_PER_FUNCTION_MAX. Lines are written behind the calls, batched; a crash loses at
 * most FLUSH_DELAY_MS of them. They are evidence, not acknowledged data.
 */
export class FunctionLogs implements AsyncDisposable {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #functions = new Map<string, FunctionLog>();
  /** Logs with lines that are not in their files yet. */
  readonly #unwritten = new Set<FunctionLog>();
  #isFlushDue = false;
  /** Writes follow one another, so that lines keep their order. */
  #written: Promise<void> = Promise.resolve();

  constructor(options: { directory: string; clock: Clock; log: Log }) {
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** How followers of a function see a call as it goes; undefined when there are none. */
  followed(owner: Owner, name: string): ((lines: Buffer) => void) | undefined {
    const followers = this.#functions.get(`${owner}/${name}`)?.followers;
    if (followers === undefined || followers.size === 0) return undefined;
    return (lines) => {
      for (const follower of followers) follower(lines);
    };
  }

  /** @param isSeen whether followers were handed these lines as they were written */
  append(owner: Owner, name: string, lines: Buffer, isSeen = false): void {
    const target = this.#functionLog(owner, name);
    if (!isSeen) for (const follower of target.followers) follower(lines);
    if (target.pendingBytes + lines.length > PENDING_BYTES_MAX) {
      target.droppedBytes += lines.length;
    } else {
      target.pending.push(lines);
      target.pendingBytes += lines.length;
    }
    this.#unwritten.add(target);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#clock.after(FLUSH_DELAY_MS, () => void this.flush());
  }

  /** The last `lineCount` lines. */
  async tail(owner: Owner, name: string, lineCount: number): Promise<Buffer> {
    await this.flush();
    const { directory } = this.#functionLog(owner, name);
    const halves = await Promise.all(
      ["previous.log", "current.log"].map((file) => readIfPresent(join(directory, file))),
    );
    return lastLines(Buffer.concat(halves), lineCount);
  }

  /** What is logged from now on, until the signal aborts; a slow reader loses the oldest. */
  async *follow(owner: Owner, name: string, signal: AbortSignal): AsyncIterable<Buffer> {
    const target = this.#functionLog(owner, name);
    let queue: Buffer[] = [];
    let wake: () => void = () => {};
    const onLines = (lines: Buffer): void => {
      if (queue.length >= FOLLOW_QUEUE_MAX) queue.shift();
      queue.push(lines);
      wake();
    };
    const onAbort = (): void => wake();
    target.followers.add(onLines);
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const ready = queue;
        queue = [];
        yield* ready;
        if (queue.length > 0 || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      target.followers.delete(onLines);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Forgets a deleted function's log. */
  async remove(owner: Owner, name: string): Promise<void> {
    await this.flush();
    const key = `${owner}/${name}`;
    const directory = this.#functions.get(key)?.directory ?? join(this.#directory, owner, name);
    this.#functions.delete(key);
    await rm(directory, { recursive: true, force: true });
  }

  /** Everything appended so far is in the files when this resolves. */
  flush(): Promise<void> {
    this.#isFlushDue = false;
    this.#written = this.#written.then(() => this.#writeAll());
    return this.#written;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }

  #functionLog(owner: Owner, name: string): FunctionLog {
    const key = `${owner}/${name}`;
    let target = this.#functions.get(key);
    if (target === undefined) {
      const directory = join(this.#directory, owner, name);
      const followers = new Set<(chunk: Buffer) => void>();
      target = { directory, pending: [], pendingBytes: 0, droppedBytes: 0, followers };
      this.#functions.set(key, target);
    }
    return target;
  }

  async #writeAll(): Promise<void> {
    for (const target of this.#unwritten) {
      this.#unwritten.delete(target);
      await this.#write(target);
    }
  }

  async #write(target: FunctionLog): Promise<void> {
    const lines = target.pending;
    if (target.droppedBytes > 0) {
      lines.push(Buffer.from(`[hearth] ${target.droppedBytes} bytes of log dropped\n`));
    }
    target.pending = [];
    target.pendingBytes = 0;
    target.droppedBytes = 0;
    const path = join(target.directory, "current.log");
    try {
      await mkdir(target.directory, { recursive: true });
      await appendFile(path, Buffer.concat(lines));
      const { size } = await stat(path);
      if (size > limits.LOG_BYTES_PER_FUNCTION_MAX / 2) {
        await rename(path, join(target.directory, "previous.log"));
      }
    } catch (error) {
      this.#log.warn("function_log.write_failed", { reason: messageOf(error) });
    }
  }
}

/** Chunks held for one follower. */
const FOLLOW_QUEUE_MAX = 1000;

async function readIfPresent(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, "r");
    return await file.readFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function lastLines(bytes: Buffer, count: number): Buffer {
  let start = bytes.length;
  for (let line = 0; line < count && start > 0; line++) {
    start = start < 2 ? 0 : bytes.lastIndexOf(LINE_END, start - 2) + 1;
  }
  return bytes.subarray(start);
}

const LINE_END = 10;
