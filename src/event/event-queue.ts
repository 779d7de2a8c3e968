import type { Clock, Timer } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import type { QueuedEvent } from "./event.ts";

/** The events of one function under one qualifier: what refuses one of them refuses all. */
interface Lane {
  readonly key: string;
  readonly turns: Turns;
  /** Tried already and refused; first in line. */
  readonly returned: QueuedEvent[];
  readonly waiting: Set<QueuedEvent>;
  running: number;
  /** Refusals since the function last took an event. */
  refusals: number;
  /** Present while the lane backs off. */
  pause: Timer | undefined;
}

/** One owner's lanes that have an event to run, the next first. */
interface Turns {
  readonly owner: Owner;
  readonly ready: Set<Lane>;
  running: number;
  lanes: number;
}

export interface EventQueueOptions {
  readonly clock: Clock;
  /** Called when time alone has made events ready. */
  onReady(): void;
}

/**
 * Who is next: owners take turns, and so do the functions of an owner. Holds events in memory only;
 * order within a function is that of arrival, as long as nothing is refused or fails.
 *
 * An event is *delayed* until it is due, then *waiting*, *running* from `take` on, and left with
 * `done`, `again` or `refuse`.
 */
export class EventQueue {
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #delayed = new Map<QueuedEvent, Timer>();
  readonly #lanes = new Map<string, Lane>();
  readonly #owners = new Map<Owner, Turns>();
  /** Owners that have a lane to run, the next first. */
  readonly #order = new Set<Turns>();
  #running = 0;

  constructor({ clock, onReady }: EventQueueOptions) {
    this.#clock = clock;
    this.#onReady = onReady;
  }

  /** Puts a new event, or one for another attempt, in line. */
  add(event: QueuedEvent): void {
    const delayMs = event.dueAtMs - this.#clock.now();
    if (delayMs <= 0) {
      this.#wait(event);
      return;
    }
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(event);
      this.#wait(event);
      this.#onReady();
    });
    this.#delayed.set(event, timer);
  }

  /** The event whose turn it is; undefined when none is ready or enough are running. */
  take(): QueuedEvent | undefined {
    if (this.#running >= limits.EVENTS_RUNNING_MAX) return undefined;
    for (const turns of this.#order) {
      if (turns.running >= limits.EVENTS_RUNNING_PER_OWNER_MAX) continue;
      for (const lane of turns.ready) {
        const event = lane.returned.pop() ?? firstOf(lane.waiting);
        if (event === undefined) continue;
        lane.waiting.delete(event);
        lane.running++;
        turns.running++;
        this.#running++;
        this.#yieldTurn(turns, lane);
        return event;
      }
    }
    return undefined;
  }

  /** The event is over. A place of its function is free, so the next may be tried at once. */
  done(event: QueuedEvent): void {
    const lane = this.#leave(event);
    lane.refusals = 0;
    lane.pause?.cancel();
    lane.pause = undefined;
    this.#settle(lane);
  }

  /** The function took the event and failed; `next` is the event with its new time. */
  again(event: QueuedEvent, next: QueuedEvent): void {
    this.add(next);
    this.done(event);
  }

  /**
   * The platform did not run the event. Its lane backs off, twice as long each time, at most until
   * `untilMs` on the wall clock.
   * @param place "first": nothing is wrong with the event; "last": others may fare better
   */
  refuse(
    event: QueuedEvent,
    place: "first" | "last",
    untilMs: number = Number.POSITIVE_INFINITY,
  ): void {
    const lane = this.#leave(event);
    if (place === "first") lane.returned.push(event);
    else lane.waiting.add(event);
    if (lane.pause === undefined) this.#pause(lane, untilMs - this.#clock.now());
    this.#settle(lane);
  }

  /** Drops what waits for a function, under whatever qualifier. */
  forget(owner: Owner, functionName: string): QueuedEvent[] {
    const isGone = (event: QueuedEvent): boolean =>
      event.owner === owner && event.functionName === functionName;
    const gone = [...this.#delayed.keys()].filter(isGone);
    for (const event of gone) {
      this.#delayed.get(event)?.cancel();
      this.#delayed.delete(event);
    }
    for (const lane of this.#lanes.values()) {
      if (!lane.key.startsWith(`${owner}/${functionName}/`)) continue;
      gone.push(...lane.returned.splice(0), ...lane.waiting);
      lane.waiting.clear();
      this.#settle(lane);
    }
    return gone;
  }

  /** Stops all timers; the queue is not used again. */
  close(): void {
    for (const timer of this.#delayed.values()) timer.cancel();
    for (const lane of this.#lanes.values()) lane.pause?.cancel();
  }

  #wait(event: QueuedEvent): void {
    const lane = this.#laneOf(event);
    lane.waiting.add(event);
    this.#settle(lane);
  }

  #leave(event: QueuedEvent): Lane {
    const lane = this.#laneOf(event);
    lane.running--;
    lane.turns.running--;
    this.#running--;
    return lane;
  }

  #pause(lane: Lane, delayMsMax: number): void {
    const delayMs = Math.min(
      limits.EVENT_BACKOFF_MS_MIN * 2 ** lane.refusals,
      limits.EVENT_BACKOFF_MS_MAX,
      Math.max(delayMsMax, 0),
    );
    lane.refusals++;
    lane.pause = this.#clock.after(delayMs, () => {
      lane.pause = undefined;
      this.#settle(lane);
      this.#onReady();
    });
  }

  #laneOf(event: QueuedEvent): Lane {
    const { owner, functionName, qualifier = "" } = event;
    const key = `${owner}/${functionName}/${qualifier}`;
    const found = this.#lanes.get(key);
    if (found) return found;
    const turns = this.#owners.get(owner) ?? { owner, ready: new Set(), running: 0, lanes: 0 };
    this.#owners.set(owner, turns);
    turns.lanes++;
    const empty = { returned: [], waiting: new Set<QueuedEvent>() };
    const lane = { key, turns, ...empty, running: 0, refusals: 0, pause: undefined };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** The owner and the function that had their turn go to the end. */
  #yieldTurn(turns: Turns, lane: Lane): void {
    turns.ready.delete(lane);
    this.#order.delete(turns);
    this.#settle(lane);
  }

  /** Brings the orders of turns up to date with a lane that changed. */
  #settle(lane: Lane): void {
    const { turns } = lane;
    const isEmpty = lane.returned.length === 0 && lane.waiting.size === 0;
    if (isEmpty || lane.pause !== undefined) turns.ready.delete(lane);
    else turns.ready.add(lane);
    if (turns.ready.size === 0) this.#order.delete(turns);
    else this.#order.add(turns);
    if (!isEmpty || lane.running > 0 || !this.#lanes.has(lane.key)) return;
    lane.pause?.cancel();
    this.#lanes.delete(lane.key);
    if (--turns.lanes === 0) this.#owners.delete(turns.owner);
  }
}

function firstOf<T>(set: ReadonlySet<T>): T | undefined {
  for (const each of set) return each;
  return undefined;
}
