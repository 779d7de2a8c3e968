import { PlatformError } from "../../base/mod.ts";

/** Small numbers that stand for host resources; the one freed longest ago is given first. */
export class Slots {
  readonly #what: string;
  readonly #limit: number;
  readonly #freed: number[] = [];
  #next = 0;

  constructor(what: string, limit: number) {
    this.#what = what;
    this.#limit = limit;
  }

  /** @throws PlatformError kind "overloaded" when all are taken */
  take(): number {
    if (this.#next < this.#limit) return this.#next++;
    const slot = this.#freed.shift();
    if (slot !== undefined) return slot;
    throw new PlatformError(
      { kind: "overloaded", queue: this.#what },
      `All ${this.#limit} ${this.#what} are taken`,
    );
  }

  give(slot: number): void {
    this.#freed.push(slot);
  }
}
