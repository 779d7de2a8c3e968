import { isPlatformError, PlatformError } from "../base/mod.ts";
import type { TableStore, Write } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import type {
  ExecutionRecord,
  ExecutionReference,
  ExecutionState,
  Transition,
} from "./execution.ts";
import type { HistoryEvent, Operation } from "./operation.ts";

/**
 * How executions lie in the table store: a small document for each, rewritten by every step, with
 * one document for each operation and each event beside it.
 */
const EXECUTIONS = "durable-executions";
const OPERATIONS = "durable-operations";
const EVENTS = "durable-events";
/** Executions by the name that their caller chose: `owner/name`. */
const NAMES = "durable-names";
/** Executions that have not ended, for the next start. */
const UNFINISHED = "durable-unfinished";
/** Ended executions by the time at which they are deleted. */
const EXPIRIES = "durable-expiries";

const DAY_MS = 24 * 3600 * 1000;
const TIME_DIGITS = 15;
const SEQUENCE_DIGITS = 8;
/** Documents of one read: few, since each may have a large payload. */
const READ_DOCUMENTS = 32;
const LIST_DOCUMENTS = 500;
const DELETE_DOCUMENTS = 500;

interface NameRecord extends ExecutionReference {
  readonly inputDigest: string;
}

/** An execution and the revision that its next write stands on. */
export interface StoredExecution<T> {
  readonly value: T;
  readonly revision: number;
}

export class ExecutionStore {
  readonly #table: TableStore;

  constructor(table: TableStore) {
    this.#table = table;
  }

  /**
   * Writes a new execution.
   * @param name what is known of its chosen name
   * @returns its revision
   * @throws PlatformError kind "precondition_failed" when another execution took the name
   */
  create(transition: Transition, name?: StoredExecution<unknown>): Promise<number> {
    const { record } = transition.state;
    const writes = this.#writesOf(transition, 0);
    writes.push({ table: UNFINISHED, key: keyOf(record), value: referenceOf(record) });
    if (name) {
      const value: NameRecord = { ...referenceOf(record), inputDigest: record.inputDigest };
      const key = nameKey(record.owner, record.name);
      writes.push({ table: NAMES, key, value, ifRevision: name.revision });
    }
    return this.#table.commit(writes);
  }

  /** @throws PlatformError kind "precondition_failed" when somebody else wrote it */
  save(transition: Transition, revision: number): Promise<number> {
    const { record } = transition.state;
    const writes = this.#writesOf(transition, revision);
    if (record.endedAt !== undefined) {
      writes.push({ table: UNFINISHED, key: keyOf(record), delete: true });
      writes.push({ table: EXPIRIES, key: expiryKey(record), value: referenceOf(record) });
    }
    return this.#table.commit(writes);
  }

  #writesOf({ state, changed, events }: Transition, revision: number): Write[] {
    const key = keyOf(state.record);
    return [
      { table: EXECUTIONS, key, value: state.record, ifRevision: revision },
      ...changed.map((operation) => ({
        table: OPERATIONS,
        key: `${key}/${digits(operation.sequence, SEQUENCE_DIGITS)}`,
        value: operation,
      })),
      ...events.map((event) => ({
        table: EVENTS,
        key: `${key}/${digits(event.id, SEQUENCE_DIGITS)}`,
        value: event,
      })),
    ];
  }

  async find(reference: ExecutionReference): Promise<StoredExecution<ExecutionRecord> | undefined> {
    return this.#table.get<ExecutionRecord>(EXECUTIONS, keyOf(reference));
  }

  /** The execution with all its operations. */
  async load(reference: ExecutionReference): Promise<StoredExecution<ExecutionState> | undefined> {
    const found = await this.find(reference);
    if (!found) return undefined;
    const operations = new Map<string, Operation>();
    for await (const operation of this.#read<Operation>(OPERATIONS, `${keyOf(reference)}/`)) {
      operations.set(operation.id, operation);
    }
    return { value: { record: found.value, operations }, revision: found.revision };
  }

  /** The operation that stands for the execution: input, result and error. */
  async executionOperation(reference: ExecutionReference): Promise<Operation | undefined> {
    const key = `${keyOf(reference)}/${digits(0, SEQUENCE_DIGITS)}`;
    return (await this.#table.get<Operation>(OPERATIONS, key))?.value;
  }

  /** What the owner called by this name, and the revision of that; 0 when nothing is. */
  async named(owner: Owner, name: string): Promise<StoredExecution<NameRecord | undefined>> {
    const found = await this.#table.get<NameRecord>(NAMES, nameKey(owner, name));
    return { value: found?.value, revision: found?.revision ?? 0 };
  }

  /** Events in the order of their ids, from the first after `after`. */
  events(reference: ExecutionReference, after: number): AsyncGenerator<HistoryEvent> {
    const prefix = `${keyOf(reference)}/`;
    const start = prefix + digits(after, SEQUENCE_DIGITS);
    return this.#read<HistoryEvent>(EVENTS, prefix, start);
  }

  /** Events from the one before `before` down to the first. */
  async *eventsDown(reference: ExecutionReference, before: number): AsyncGenerator<HistoryEvent> {
    const prefix = `${keyOf(reference)}/`;
    for (let last = before - 1; last > 0; last -= READ_DOCUMENTS) {
      const first = Math.max(1, last - READ_DOCUMENTS + 1);
      const after = prefix + digits(first - 1, SEQUENCE_DIGITS);
      const limit = last - first + 1;
      const page = await this.#table.list<HistoryEvent>(EVENTS, { prefix, after, limit });
      for (const { value } of page.reverse()) yield value;
    }
  }

  /** Executions of a function, the newest first; `after` is a key of this list. */
  async *executions(
    owner: Owner,
    functionName: string,
    after?: string,
  ): AsyncGenerator<{ readonly key: string; readonly record: ExecutionRecord }> {
    const prefix = `${owner}/${functionName}/`;
    for (let last = after === undefined ? undefined : prefix + after; ; ) {
      const page = await this.#table.list<ExecutionRecord>(EXECUTIONS, {
        prefix,
        limit: LIST_DOCUMENTS,
        ...(last === undefined ? {} : { after: last }),
      });
      for (const { key, value } of page) yield { key: key.slice(prefix.length), record: value };
      if (page.length < LIST_DOCUMENTS) return;
      last = page.at(-1)?.key;
    }
  }

  /** Every execution that has not ended. */
  unfinished(): AsyncGenerator<ExecutionReference> {
    return this.#read<ExecutionReference>(UNFINISHED, "");
  }

  /** Deletes the executions whose time is over; tells how many. */
  async deleteExpired(nowMs: number): Promise<number> {
    let deleted = 0;
    for (;;) {
      const page = await this.#table.list<ExecutionReference>(EXPIRIES, { limit: READ_DOCUMENTS });
      const due = page.filter(({ key }) => Number(key.slice(0, TIME_DIGITS)) <= nowMs);
      for (const { key, value } of due) {
        await this.delete(value);
        await this.#table.commit([{ table: EXPIRIES, key, delete: true }]);
        deleted++;
      }
      if (due.length < READ_DOCUMENTS) return deleted;
    }
  }

  /** Deletes one execution and all that belongs to it; what is not there is no error. */
  async delete(reference: ExecutionReference): Promise<void> {
    const key = keyOf(reference);
    const record = (await this.find(reference))?.value;
    await this.#deleteAll(EVENTS, `${key}/`);
    await this.#deleteAll(OPERATIONS, `${key}/`);
    const writes: Write[] = [
      { table: UNFINISHED, key, delete: true },
      { table: EXECUTIONS, key, delete: true },
    ];
    if (record?.endedAt !== undefined) {
      writes.push({ table: EXPIRIES, key: expiryKey(record), delete: true });
    }
    if (record?.isNamed) {
      const name = await this.named(record.owner, record.name);
      if (name.value?.id === record.id) {
        const named = nameKey(record.owner, record.name);
        writes.push({ table: NAMES, key: named, delete: true, ifRevision: name.revision });
      }
    }
    await this.#commitUnlessChanged(writes);
  }

  /** A name that a new execution took over meanwhile stays; a later round finds the rest. */
  async #commitUnlessChanged(writes: readonly Write[]): Promise<void> {
    try {
      await this.#table.commit(writes);
    } catch (error) {
      if (!isPlatformError(error, "precondition_failed")) throw error;
      await this.#table.commit(writes.filter(({ table }) => table !== NAMES));
    }
  }

  async #deleteAll(table: string, prefix: string): Promise<void> {
    for (;;) {
      const page = await this.#table.list(table, { prefix, limit: DELETE_DOCUMENTS });
      if (page.length === 0) return;
      await this.#table.commit(page.map(({ key }) => ({ table, key, delete: true })));
    }
  }

  async *#read<T>(table: string, prefix: string, after?: string): AsyncGenerator<T> {
    for (let last = after; ; ) {
      const page = await this.#table.list<T>(table, {
        prefix,
        limit: READ_DOCUMENTS,
        ...(last === undefined ? {} : { after: last }),
      });
      for (const { value } of page) yield value;
      if (page.length < READ_DOCUMENTS) return;
      last = page.at(-1)?.key;
    }
  }
}

export function executionNotFound(arn: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "durable-execution", id: arn },
    `Durable execution not found: ${arn}`,
  );
}

function referenceOf({ owner, functionName, id }: ExecutionReference): ExecutionReference {
  return { owner, functionName, id };
}

/** `owner/function/…`; ids begin with the time, and the newest is to come first. */
export function keyOf({ owner, functionName, id }: ExecutionReference): string {
  const newestFirst = id.replace(/[0-9a-f]/g, (digit) =>
    (15 - Number.parseInt(digit, 16)).toString(16),
  );
  return `${owner}/${functionName}/${newestFirst}`;
}

function nameKey(owner: Owner, name: string): string {
  return `${owner}/${name}`;
}

function expiryKey(record: ExecutionRecord): string {
  const expiresAt = (record.endedAt ?? 0) + record.retentionDays * DAY_MS;
  return `${digits(expiresAt, TIME_DIGITS)}/${keyOf(record)}`;
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
