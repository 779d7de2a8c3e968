import { PlatformError } from "../../base/mod.ts";
import type { Owner } from "../../model/mod.ts";

/** Something that there is only so much of: what is taken is given back. */
export interface Budget {
  /** @throws PlatformError kind "overloaded" when there is not so much left */
  take(amount: number): void;
  give(amount: number): void;
}

/** No owner has more than this share of what the others leave: some is left for the next. */
const SHARE = 1 / 2;

/** A budget for all, of which owners may be given a part. */
export class SharedBudget implements Budget {
  readonly #what: string;
  readonly #limit: number;
  #held = 0;
  readonly #heldBy = new Map<Owner, number>();

  /** @param what it is of, in the words of an error: "request bodies" */
  constructor(what: string, limit: number) {
    this.#what = what;
    this.#limit = limit;
  }

  take(amount: number): void {
    if (this.#held + amount > this.#limit) throw this.#overloaded(this.#limit);
    this.#held += amount;
  }

  give(amount: number): void {
    this.#held -= amount;
  }

  /** The part of one owner, whose size depends on what the others hold. */
  of(owner: Owner): Budget {
    return {
      take: (amount) => {
        const own = this.#heldBy.get(owner) ?? 0;
        const most = Math.floor((this.#limit - (this.#held - own)) * SHARE);
        if (own + amount > most) throw this.#overloaded(most);
        this.take(amount);
        this.#heldBy.set(owner, own + amount);
      },
      give: (amount) => {
        this.give(amount);
        const left = (this.#heldBy.get(owner) ?? 0) - amount;
        if (left > 0) this.#heldBy.set(owner, left);
        else this.#heldBy.delete(owner);
      },
    };
  }

  #overloaded(limit: number): PlatformError {
    return new PlatformError(
      { kind: "overloaded", queue: this.#what },
      `The limit of ${limit} for ${this.#what} is reached`,
    );
  }
}

/** Takes from a budget until it is disposed of. @throws PlatformError kind "overloaded" */
export function held(budget: Budget, amount: number): Disposable {
  budget.take(amount);
  return { [Symbol.dispose]: () => budget.give(amount) };
}
