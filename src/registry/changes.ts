import type { FunctionVersion, Owner } from "../model/mod.ts";

/** What happened to a function's versions. */
export type ChangeKind = "updated" | "deleted";
export type ChangeListener = (owner: Owner, name: string, kind: ChangeKind) => void;
/** Throws a PlatformError when `$LATEST` as it is must not be published. */
export type PublishGuard = (latest: FunctionVersion) => void;

/** Tells others in this process of committed changes, in the order in which they were committed. */
export class Changes {
  readonly #listeners = new Set<ChangeListener>();
  readonly #guards = new Set<PublishGuard>();

  /** Disposing the result ends the subscription. Listeners must be quick and must not throw. */
  subscribe(listener: ChangeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  announce(owner: Owner, name: string, kind: ChangeKind): void {
    for (const listener of this.#listeners) listener(owner, name, kind);
  }

  /** Asks to be heard before a version is published. */
  guard(guard: PublishGuard): void {
    this.#guards.add(guard);
  }

  /** @throws what a guard throws */
  requirePublishable(latest: FunctionVersion): void {
    for (const guard of this.#guards) guard(latest);
  }
}
