import { isPlatformError, PlatformError } from "../base/mod.ts";
import type { Document, TableStore, Write } from "../engine/mod.ts";
import { functionArn, type Owner } from "../model/mod.ts";
import { functionNotFound } from "./function.core.ts";
import { KeyedLock } from "./keyed-lock.ts";
import {
  FUNCTIONS,
  type FunctionRecord,
  functionKey,
  VERSIONS,
  type VersionRecord,
  versionKeyOf,
} from "./record.ts";

/** What one change of a function writes, all of it or nothing. */
export interface Change<T> {
  /** The function's new document; "deleted" removes it; absent writes nothing at all. */
  readonly record?: FunctionRecord | "deleted";
  /** Documents that change with it. */
  readonly writes?: readonly Write[];
  readonly result: T;
}

/** Changes of a function that lose against another process this often give up. */
const ATTEMPTS_MAX = 16;

/** Reads functions and commits changes of them one after the other. */
export class FunctionStore {
  readonly table: TableStore;
  readonly region: string;
  readonly #lock = new KeyedLock();

  constructor(table: TableStore, region: string) {
    this.table = table;
    this.region = region;
  }

  arn(owner: Owner, name: string, qualifier?: string): string {
    return functionArn(this.region, owner, name, qualifier);
  }

  find(owner: Owner, name: string): Promise<Document<FunctionRecord> | undefined> {
    return this.table.get<FunctionRecord>(FUNCTIONS, functionKey(owner, name));
  }

  /** @throws PlatformError kind "not_found" */
  async read(owner: Owner, name: string): Promise<FunctionRecord> {
    const document = await this.find(owner, name);
    if (!document) throw functionNotFound(this.arn(owner, name));
    return document.value;
  }

  async findVersion(
    owner: Owner,
    name: string,
    version: string,
  ): Promise<VersionRecord | undefined> {
    const key = versionKeyOf(owner, name, version);
    const found = (await this.table.get<VersionRecord>(VERSIONS, key))?.value;
    // "07" has the key of version 7 but is no version.
    return found?.version === version ? found : undefined;
  }

  /**
   * Creates a function with its first documents.
   * @throws PlatformError kinds "already_exists", "conflict"
   */
  async create(record: FunctionRecord, writes: readonly Write[]): Promise<void> {
    const { owner, name } = record.latest;
    const key = functionKey(owner, name);
    using _ = await this.#lock.acquire(key);
    try {
      await this.table.commit([{ table: FUNCTIONS, key, value: record, ifRevision: 0 }, ...writes]);
    } catch (error) {
      if (!isPlatformError(error, "precondition_failed")) throw error;
      if (error.detail.resource === FUNCTIONS) throw functionExists(name, error);
      // Something that the function was to refer to has changed or gone.
      throw this.#updateInProgress(owner, name, error);
    }
  }

  /**
   * Reads a function, lets `step` decide and commits, on condition that nothing changed in between;
   * otherwise does it all again. Within this process changes of one function queue up.
   * @throws PlatformError kinds "not_found", "conflict", and whatever `step` throws
   */
  async change<T>(
    owner: Owner,
    name: string,
    step: (record: FunctionRecord) => Change<T> | Promise<Change<T>>,
  ): Promise<T> {
    const key = functionKey(owner, name);
    using _ = await this.#lock.acquire(key);
    for (let attempt = 1; ; attempt++) {
      const document = await this.find(owner, name);
      if (!document) throw functionNotFound(this.arn(owner, name));
      const { record, writes = [], result } = await step(document.value);
      if (record === undefined) return result;
      const condition = { table: FUNCTIONS, key, ifRevision: document.revision };
      const own: Write =
        record === "deleted" ? { ...condition, delete: true } : { ...condition, value: record };
      try {
        await this.table.commit([own, ...writes]);
        return result;
      } catch (error) {
        if (!isPlatformError(error, "precondition_failed")) throw error;
        if (attempt === ATTEMPTS_MAX) throw this.#updateInProgress(owner, name, error);
      }
    }
  }

  #updateInProgress(owner: Owner, name: string, cause: unknown): PlatformError {
    const id = this.arn(owner, name);
    return new PlatformError(
      { kind: "conflict", resource: "function", id },
      `The operation cannot be performed at this time. An update is in progress for resource: ${id}`,
      { cause },
    );
  }
}

export function functionExists(name: string, cause?: unknown): PlatformError {
  return new PlatformError(
    { kind: "already_exists", resource: "function", id: name },
    `Function already exist: ${name}`,
    { cause },
  );
}
