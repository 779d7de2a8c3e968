import type { Owner } from "../model/mod.ts";

/** What happened to a function's versions. */
export type ChangeKind = "updated" | "deleted";
export type ChangeListener = (owner: Owner, name: string, kind: ChangeKind) => void;

/** Tells others in this process of committed changes, in the order in which they were committed. */
export class Changes {
  readonly #listeners = new Set<ChangeListener>();

  /** Disposing the result ends the subscription. Listeners must be quick and must not throw. */
  subscribe(listener: ChangeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  announce(owner: Owner, name: string, kind: ChangeKind): void {
    for (const listener of this.#listeners) listener(owner, name, kind);
  }
}
