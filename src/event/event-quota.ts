import { PlatformError } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import type { QueuedEvent } from "./event.ts";

interface Held {
  events: number;
  bytes: number;
}

/** Seconds after which a caller whose queue is full may try again. */
const RETRY_AFTER_SECONDS = 1;

/** Counts the events that owners have in the queue, and bounds them: they take disk and memory. */
export class EventQuota {
  readonly #owners = new Map<Owner, Held>();
  #events = 0;

  /** Events of all owners. */
  get events(): number {
    return this.#events;
  }

  /** @throws PlatformError kinds "throttled" (the owner's share), "overloaded" (all owners') */
  require(owner: Owner, payloadBytes: number): void {
    const { events, bytes } = this.#owners.get(owner) ?? { events: 0, bytes: 0 };
    const limit = limits.EVENTS_PER_OWNER_MAX;
    if (events >= limit || bytes + payloadBytes > limits.EVENT_BYTES_PER_OWNER_MAX) {
      throw new PlatformError(
        { kind: "throttled", scope: "caller", limit, retryAfterSeconds: RETRY_AFTER_SECONDS },
        `Owner has ${events} events of ${bytes} bytes in the queue, limit ${limit} events`,
      );
    }
    if (this.#events < limits.EVENTS_MAX) return;
    throw new PlatformError(
      { kind: "overloaded", queue: "events" },
      `The event queue has ${this.#events} events, limit ${limits.EVENTS_MAX}`,
    );
  }

  add(owner: Owner, payloadBytes: number): void {
    const held = this.#owners.get(owner) ?? { events: 0, bytes: 0 };
    this.#owners.set(owner, held);
    held.events++;
    held.bytes += payloadBytes;
    this.#events++;
  }

  release({ owner, payloadBytes }: Pick<QueuedEvent, "owner" | "payloadBytes">): void {
    const held = this.#owners.get(owner);
    if (held === undefined) return;
    held.events--;
    held.bytes -= payloadBytes;
    this.#events--;
    if (held.events === 0) this.#owners.delete(owner);
  }
}
