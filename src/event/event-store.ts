import type { TableStore, Write } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import type { QueuedEvent, WholeEvent } from "./event.ts";

/** Events and their payloads apart: a start reads all of the first and none of the second. */
const EVENTS = "events";
const PAYLOADS = "event-payloads";

interface PayloadRecord {
  /** JSON text in UTF-8, hence the same bytes again. */
  readonly text: string;
}

const LOAD_PAGE = 1000;
/** Two documents an event; a commit takes 1000 writes. */
const REMOVED_AT_ONCE = 500;

/** Accepted events on disk. What a method changed is durable when it resolves. */
export class EventStore {
  readonly #table: TableStore;

  constructor(table: TableStore) {
    this.#table = table;
  }

  async add(added: WholeEvent): Promise<void> {
    await this.#table.commit(additions(added));
  }

  /** Every event, in no useful order. */
  async *all(): AsyncGenerator<QueuedEvent> {
    for (let after = ""; ; ) {
      const page = await this.#table.list<QueuedEvent>(EVENTS, {
        limit: LOAD_PAGE,
        ...(after === "" ? {} : { after }),
      });
      for (const { value } of page) yield value;
      const last = page.at(-1);
      if (!last || page.length < LOAD_PAGE) return;
      after = last.key;
    }
  }

  /** Undefined when the event was removed. */
  async payload(event: QueuedEvent): Promise<Buffer | undefined> {
    const found = await this.#table.get<PayloadRecord>(PAYLOADS, keyOf(event));
    return found && Buffer.from(found.value.text);
  }

  /** Replaces what is known of an event; its payload stays. */
  async replace(event: QueuedEvent): Promise<void> {
    await this.#table.commit([{ table: EVENTS, key: keyOf(event), value: event }]);
  }

  /** Removes an event and adds the one that follows from it, both or neither. */
  async conclude(event: QueuedEvent, next?: WholeEvent): Promise<void> {
    await this.#table.commit([...removals(event), ...(next ? additions(next) : [])]);
  }

  async removeAll(events: readonly QueuedEvent[]): Promise<void> {
    for (let start = 0; start < events.length; start += REMOVED_AT_ONCE) {
      const some = events.slice(start, start + REMOVED_AT_ONCE);
      await this.#table.commit(some.flatMap(removals));
    }
  }
}

function keyOf({ owner, functionName, requestId }: KeyParts): string {
  return `${owner}/${functionName}/${requestId}`;
}

interface KeyParts {
  readonly owner: Owner;
  readonly functionName: string;
  readonly requestId: string;
}

function additions({ event, payload }: WholeEvent): Write[] {
  const key = keyOf(event);
  const text: PayloadRecord = { text: payload.toString() };
  return [
    { table: EVENTS, key, value: event },
    { table: PAYLOADS, key, value: text },
  ];
}

function removals(event: QueuedEvent): Write[] {
  const key = keyOf(event);
  return [
    { table: EVENTS, key, delete: true },
    { table: PAYLOADS, key, delete: true },
  ];
}
