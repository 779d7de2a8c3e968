import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { type Deferred, deferred, PlatformError } from "../../base/mod.ts";
import { makeDirectoryDurably } from "../durable.ts";
import type { Document, ListOptions, TableStore, Write } from "../table.ts";
import {
  checkKey,
  checkListOptions,
  checkTable,
  checkWrites,
  jsonOf,
  LIST_LIMIT_DEFAULT,
} from "../table-check.ts";
import { keyRange } from "./key-range.ts";
import { errorOf, type StoredDocument, type StoredWrite } from "./protocol.ts";
import { WorkerLink } from "./worker-link.ts";

export interface SqliteTableStoreOptions {
  /** Requests not yet answered, reads and commits together; one more is "overloaded". */
  readonly outstandingMax?: number;
}

/** Ours: at about 1 KB each they hold 10 MB, and a group commit clears them in a few fsyncs. */
const OUTSTANDING_MAX = 10_000;
/** Ours: keeps one transaction, and the wait of a read behind it, in the order of 10 ms. */
const GROUP_COMMITS_MAX = 1000;

interface PendingCommit {
  readonly writes: StoredWrite[];
  readonly answer: Deferred<number>;
}

/**
 * TableStore on one SQLite file, run by a worker thread of its own.
 *
 * Group commit: commits of one tick, and all that arrive while a transaction is being written, go
 * into the next single transaction and are answered after its one fsync. Reads run between
 * transactions, so they see everything acknowledged. Several processes may open one file; SQLite's
 * locks order their transactions.
 */
class SqliteTableStore implements TableStore {
  readonly #link: WorkerLink;
  readonly #outstandingMax: number;
  #queue: PendingCommit[] = [];
  #writer: Promise<void> | undefined;
  #outstanding = 0;
  #closed: Promise<void> | undefined;

  constructor(link: WorkerLink, outstandingMax: number) {
    this.#link = link;
    this.#outstandingMax = outstandingMax;
  }

  async get<T>(table: string, key: string): Promise<Document<T> | undefined> {
    checkTable(table);
    checkKey(key);
    using _outstanding = this.#admit();
    const stored = await this.#link.call("get", { table, key });
    return stored && documentOf<T>(stored);
  }

  async list<T>(table: string, options: ListOptions = {}): Promise<Document<T>[]> {
    checkTable(table);
    checkListOptions(options);
    using _outstanding = this.#admit();
    const range = keyRange(options.prefix ?? "", options.after);
    const limit = options.limit ?? LIST_LIMIT_DEFAULT;
    const stored = await this.#link.call("list", { table, ...range, limit });
    return stored.map(documentOf<T>);
  }

  async commit(writes: readonly Write[]): Promise<number> {
    // Values become text now: what the caller changes afterwards is not part of this commit.
    const pending = { writes: storedWrites(writes), answer: deferred<number>() };
    using _outstanding = this.#admit();
    this.#queue.push(pending);
    this.#writer ??= this.#writeQueue();
    return await pending.answer.promise;
  }

  /** Writes group after group until nothing waits; never rejects. */
  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      // Node runs ticks after all microtasks: whoever was just answered can join this group.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      const group = this.#queue.slice(0, GROUP_COMMITS_MAX);
      this.#queue = this.#queue.slice(GROUP_COMMITS_MAX);
      await this.#writeGroup(group);
    }
    this.#writer = undefined;
  }

  async #writeGroup(group: readonly PendingCommit[]): Promise<void> {
    try {
      const commits = group.map(({ writes }) => writes);
      const results = await this.#link.call("commit", { commits });
      for (const [index, result] of results.entries()) {
        const answer = group[index]?.answer;
        if (typeof result === "number") answer?.resolve(result);
        else answer?.reject(errorOf(result));
      }
    } catch (error) {
      for (const { answer } of group) answer.reject(error);
    }
  }

  #admit(): Disposable {
    if (this.#closed) {
      throw new PlatformError(
        { kind: "unavailable", what: "table store" },
        "Table store is closed",
      );
    }
    if (this.#outstanding >= this.#outstandingMax) {
      throw new PlatformError(
        { kind: "overloaded", queue: "table store" },
        `Table store has ${this.#outstanding} requests outstanding, limit ${this.#outstandingMax}`,
      );
    }
    this.#outstanding++;
    return { [Symbol.dispose]: () => void this.#outstanding-- };
  }

  /** Finishes what was accepted, moves the log into the file and ends the worker. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#writer;
    try {
      await this.#link.call("close", undefined);
      await this.#link.exited;
    } finally {
      await this.#link.terminate();
    }
  }
}

function storedWrites(writes: readonly Write[]): StoredWrite[] {
  checkWrites(writes);
  return writes.map((write): StoredWrite => {
    const { table, key } = write;
    const condition = write.ifRevision === undefined ? {} : { ifRevision: write.ifRevision };
    if ("check" in write) return { table, key, action: "check", ...condition };
    if ("delete" in write) return { table, key, action: "delete", ...condition };
    return { table, key, action: "put", json: jsonOf(write.value), ...condition };
  });
}

function documentOf<T>({ key, revision, json }: StoredDocument): Document<T> {
  return { key, revision, value: JSON.parse(json) as T };
}

/**
 * Opens or creates the file at `path`, its directory included, and brings it to the newest schema.
 * Cost: one thread, about 40 ms.
 * @throws PlatformError kind "corrupt", "unavailable", or "unsupported" (written by a newer Hearth)
 */
export async function openSqliteTableStore(
  path: string,
  options: SqliteTableStoreOptions = {},
): Promise<TableStore> {
  await makeDirectoryDurably(dirname(path));
  // The literal URL is how the packager finds this file; `.ts` becomes `.js` there.
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    name: "tables",
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const link = new WorkerLink(worker);
  try {
    await link.call("open", { path });
  } catch (error) {
    await link.terminate();
    throw error;
  }
  return new SqliteTableStore(link, options.outstandingMax ?? OUTSTANDING_MAX);
}
