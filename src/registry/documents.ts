import { isPlatformError, PlatformError } from "../base/mod.ts";
import type { TableStore, Write } from "../engine/mod.ts";
import { KeyedLock } from "./keyed-lock.ts";

/** What becomes of a document, and what changes with it, all of it or nothing. */
export interface DocumentChange<D, T> {
  /** "deleted" removes it; absent writes nothing at all. */
  readonly value?: D | "deleted";
  readonly writes?: readonly Write[];
  readonly result: T;
}

/** Changes that lose against another process this often give up. */
const ATTEMPTS_MAX = 16;

/** The documents of one table that stand for themselves, changed one after the other. */
export class Documents<D> {
  readonly #store: TableStore;
  readonly #table: string;
  readonly #lock = new KeyedLock();

  constructor(store: TableStore, table: string) {
    this.#store = store;
    this.#table = table;
  }

  async get(key: string): Promise<D | undefined> {
    return (await this.#store.get<D>(this.#table, key))?.value;
  }

  /** At most `limit` documents after a key, in key order. */
  async list(prefix: string, after: string, limit: number): Promise<D[]> {
    const page = await this.#store.list<D>(this.#table, { prefix, after, limit });
    return page.map(({ value }) => value);
  }

  /**
   * Reads a document, lets `step` decide and commits, on condition that it has not changed in
   * between; otherwise does it all again.
   * @throws PlatformError kind "conflict", and whatever `step` throws
   */
  async change<T>(
    key: string,
    step: (value: D | undefined) => DocumentChange<D, T> | Promise<DocumentChange<D, T>>,
  ): Promise<T> {
    using _ = await this.#lock.acquire(key);
    for (let attempt = 1; ; attempt++) {
      const document = await this.#store.get<D>(this.#table, key);
      const { value, writes = [], result } = await step(document?.value);
      if (value === undefined) return result;
      const condition = { table: this.#table, key, ifRevision: document?.revision ?? 0 };
      const own: Write =
        value === "deleted" ? { ...condition, delete: true } : { ...condition, value };
      try {
        await this.#store.commit([own, ...writes]);
        return result;
      } catch (error) {
        if (!isPlatformError(error, "precondition_failed")) throw error;
        if (attempt === ATTEMPTS_MAX) throw updateInProgress(this.#table, key, error);
      }
    }
  }
}

function updateInProgress(resource: string, id: string, cause: unknown): PlatformError {
  return new PlatformError(
    { kind: "conflict", resource, id },
    "The operation cannot be performed at this time. Another update of the resource is in progress",
    { cause },
  );
}
