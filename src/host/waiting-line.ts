import { type Clock, type Deferred, deferred } from "../base/mod.ts";

/** Who waits for a thing of some key, served in the order in which they came. */
export class WaitingLine<T> {
  readonly #clock: Clock;
  readonly #lines = new Map<string, Deferred<T | undefined>[]>();
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many wait, for whatever. */
  get size(): number {
    return this.#size;
  }

  has(key: string): boolean {
    return this.#lines.has(key);
  }

  /** Resolves when it is this caller's turn, or with undefined when `maxMs` have passed first. */
  async join(key: string, maxMs?: number): Promise<T | undefined> {
    const place = deferred<T | undefined>();
    const line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, [place]);
    else line.push(place);
    this.#size++;
    if (maxMs === undefined) return await place.promise;
    using _patience = this.#clock.after(maxMs, () => {
      if (this.#leave(key, place)) place.resolve(undefined);
    });
    return await place.promise;
  }

  /** Takes whoever has waited longest out of the line; undefined when nobody waits. */
  next(key: string): Pick<Deferred<T>, "resolve" | "reject"> | undefined {
    const first = this.#lines.get(key)?.[0];
    if (first !== undefined) this.#leave(key, first);
    return first;
  }

  /** Refuses everybody. */
  close(error: Error): void {
    for (const line of this.#lines.values()) {
      for (const place of line) place.reject(error);
    }
    this.#lines.clear();
    this.#size = 0;
  }

  #leave(key: string, place: Deferred<T | undefined>): boolean {
    const line = this.#lines.get(key);
    const index = line?.indexOf(place) ?? -1;
    if (line === undefined || index < 0) return false;
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(key);
    this.#size--;
    return true;
  }
}
