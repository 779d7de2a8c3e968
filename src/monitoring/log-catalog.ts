import { createHash } from "node:crypto";
import { type Clock, isPlatformError, PlatformError, type SecureRandom } from "../base/mod.ts";
import type { Document, TableStore, Write } from "../engine/mod.ts";
import { limits, type Owner, ownerOf } from "../model/mod.ts";

/** Log groups: `owner/name`. */
const GROUPS = "log-groups";
/** Streams that a client created: `owner/id of the group/hash of the name`. */
const STREAMS = "log-streams";
/** What a list reads, and a commit writes, at once. */
const PAGE = 1000;

/** What is durable of a log group beside its events. */
export interface LogGroupRecord {
  readonly name: string;
  /** Tells a group from an earlier one of its name; part of its directory's name. */
  readonly id: string;
  readonly createdMs: number;
  /** Events older than this are gone; absent: they are kept while there is room. */
  readonly retentionDays?: number;
  readonly tags: Readonly<Record<string, string>>;
}

interface LogStreamRecord {
  readonly name: string;
  readonly createdMs: number;
}

/** A stream as its client created it. */
export type CreatedStream = LogStreamRecord;

/** The log groups of all owners and the streams that clients created: documents, no events. */
export class LogCatalog {
  readonly #table: TableStore;
  readonly #clock: Clock;
  readonly #random: SecureRandom;

  constructor(options: { table: TableStore; clock: Clock; random: SecureRandom }) {
    this.#table = options.table;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  async find(owner: Owner, name: string): Promise<LogGroupRecord | undefined> {
    return (await this.#table.get<LogGroupRecord>(GROUPS, groupKey(owner, name)))?.value;
  }

  /** @throws PlatformError kind "not_found" */
  async require(owner: Owner, name: string): Promise<LogGroupRecord> {
    const found = await this.find(owner, name);
    if (found === undefined) throw groupNotFound(name);
    return found;
  }

  /** The group, made now if it is not there. */
  async ensure(owner: Owner, name: string): Promise<LogGroupRecord> {
    for (;;) {
      const found = await this.find(owner, name);
      if (found !== undefined) return found;
      try {
        return await this.create(owner, name, {});
      } catch (error) {
        if (!isPlatformError(error, "already_exists")) throw error;
      }
    }
  }

  /** @throws PlatformError kinds "already_exists", "quota" (the owner has too many groups) */
  async create(
    owner: Owner,
    name: string,
    tags: Readonly<Record<string, string>>,
  ): Promise<LogGroupRecord> {
    const record = { name, id: this.#random.hex(8), createdMs: this.#clock.now(), tags };
    if ((await this.#count(GROUPS, groupKey(owner, ""))) >= limits.LOG_GROUPS_PER_OWNER_MAX) {
      throw tooMany("log groups", limits.LOG_GROUPS_PER_OWNER_MAX);
    }
    const key = groupKey(owner, name);
    try {
      await this.#table.commit([{ table: GROUPS, key, value: record, ifRevision: 0 }]);
    } catch (error) {
      if (!isPlatformError(error, "precondition_failed")) throw error;
      throw new PlatformError(
        { kind: "already_exists", resource: "log group", id: name },
        "The specified log group already exists",
        { cause: error },
      );
    }
    return record;
  }

  /** @throws PlatformError kinds "not_found", "conflict" (another change came in between) */
  async change(
    owner: Owner,
    name: string,
    step: (record: LogGroupRecord) => LogGroupRecord,
  ): Promise<void> {
    const key = groupKey(owner, name);
    const document = await this.#table.get<LogGroupRecord>(GROUPS, key);
    if (document === undefined) throw groupNotFound(name);
    const { revision: ifRevision } = document;
    try {
      await this.#table.commit([{ table: GROUPS, key, value: step(document.value), ifRevision }]);
    } catch (error) {
      if (!isPlatformError(error, "precondition_failed")) throw error;
      throw new PlatformError(
        { kind: "conflict", resource: "log group", id: name },
        "A conflicting operation is currently in progress against this resource. Please try again.",
        { cause: error },
      );
    }
  }

  /** Removes a group's documents. @throws PlatformError kind "not_found" */
  async remove(owner: Owner, name: string): Promise<LogGroupRecord> {
    const record = await this.require(owner, name);
    const streams = await this.#all<LogStreamRecord>(STREAMS, streamKey(owner, record));
    const writes = streams.map(({ key }): Write => ({ table: STREAMS, key, delete: true }));
    writes.push({ table: GROUPS, key: groupKey(owner, name), delete: true });
    while (writes.length > 0) await this.#table.commit(writes.splice(0, PAGE));
    return record;
  }

  /** Groups of an owner by name: those that start with `prefix`, after `after`. */
  async list(
    owner: Owner,
    options: { prefix?: string; after?: string; limit: number },
  ): Promise<LogGroupRecord[]> {
    const { prefix = "", after, limit } = options;
    const documents = await this.#table.list<LogGroupRecord>(GROUPS, {
      prefix: groupKey(owner, prefix),
      ...(after === undefined ? {} : { after: groupKey(owner, after) }),
      limit: Math.min(limit, PAGE),
    });
    return documents.map(({ value }) => value);
  }

  /** Every group of every owner. */
  async everyGroup(): Promise<(LogGroupRecord & { readonly owner: Owner })[]> {
    const documents = await this.#all<LogGroupRecord>(GROUPS, "");
    return documents.map(({ key, value }) => ({ ...value, owner: ownerOf(key.slice(0, 12)) }));
  }

  async createdStreams(owner: Owner, group: LogGroupRecord): Promise<CreatedStream[]> {
    const documents = await this.#all<LogStreamRecord>(STREAMS, streamKey(owner, group));
    return documents.map(({ value }) => value);
  }

  async findStream(
    owner: Owner,
    group: LogGroupRecord,
    name: string,
  ): Promise<CreatedStream | undefined> {
    return (await this.#table.get<LogStreamRecord>(STREAMS, streamKey(owner, group, name)))?.value;
  }

  /** @throws PlatformError kinds "already_exists", "quota" (the group has too many) */
  async createStream(owner: Owner, group: LogGroupRecord, name: string): Promise<void> {
    if ((await this.#count(STREAMS, streamKey(owner, group))) >= limits.LOG_STREAMS_PER_GROUP_MAX) {
      throw tooMany("log streams", limits.LOG_STREAMS_PER_GROUP_MAX);
    }
    const value: LogStreamRecord = { name, createdMs: this.#clock.now() };
    const key = streamKey(owner, group, name);
    try {
      await this.#table.commit([{ table: STREAMS, key, value, ifRevision: 0 }]);
    } catch (error) {
      if (!isPlatformError(error, "precondition_failed")) throw error;
      throw streamExists(name, error);
    }
  }

  async removeStream(owner: Owner, group: LogGroupRecord, name: string): Promise<void> {
    const key = streamKey(owner, group, name);
    await this.#table.commit([{ table: STREAMS, key, delete: true }]);
  }

  async #all<T>(table: string, prefix: string): Promise<Document<T>[]> {
    const all: Document<T>[] = [];
    for (let after = ""; ; ) {
      const page = await this.#table.list<T>(table, { prefix, after, limit: PAGE });
      all.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return all;
      after = last.key;
    }
  }

  async #count(table: string, prefix: string): Promise<number> {
    return (await this.#all(table, prefix)).length;
  }
}

function groupKey(owner: Owner, name: string): string {
  return `${owner}/${name}`;
}

/** Names of streams are long and of any characters: their hash stands in the key. */
function streamKey(owner: Owner, group: LogGroupRecord, name?: string): string {
  const hash = name === undefined ? "" : createHash("sha256").update(name).digest("hex");
  return `${owner}/${group.id}/${hash}`;
}

export function groupNotFound(name: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "log group", id: name },
    "The specified log group does not exist.",
  );
}

export function streamNotFound(name: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "log stream", id: name },
    "The specified log stream does not exist.",
  );
}

export function streamExists(name: string, cause?: unknown): PlatformError {
  return new PlatformError(
    { kind: "already_exists", resource: "log stream", id: name },
    "The specified log stream already exists",
    { cause },
  );
}

function tooMany(resource: string, limit: number): PlatformError {
  return new PlatformError(
    { kind: "quota", resource, limit },
    `Resource limit exceeded: at most ${limit} ${resource} are kept.`,
  );
}
