import { type Permit, Semaphore } from "../base/mod.ts";

/**
 * One holder at a time for each key; waiters are served in order. A key costs memory only while
 * somebody holds or wants it.
 */
export class KeyedLock {
  readonly #locks = new Map<string, { readonly semaphore: Semaphore; users: number }>();

  async acquire(key: string): Promise<Disposable> {
    let lock = this.#locks.get(key);
    if (!lock) {
      lock = { semaphore: new Semaphore(1), users: 0 };
      this.#locks.set(key, lock);
    }
    lock.users++;
    const permit: Permit = await lock.semaphore.acquire();
    const held = lock;
    return {
      [Symbol.dispose]: () => {
        permit.release();
        if (--held.users === 0) this.#locks.delete(key);
      },
    };
  }
}
