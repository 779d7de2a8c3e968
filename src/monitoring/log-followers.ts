import { limits, type Owner } from "../model/mod.ts";

type Listener = (part: Buffer) => void;

/** Those who watch functions' logs as they are written. */
export class LogFollowers {
  readonly #listeners = new Map<string, Set<Listener>>();

  /** How followers of a function see what it writes; undefined when there are none. */
  of(owner: Owner, functionName: string): Listener | undefined {
    const listeners = this.#listeners.get(`${owner}/${functionName}`);
    if (listeners === undefined) return undefined;
    return (part) => {
      for (const listener of listeners) listener(part);
    };
  }

  /**
   * What a function writes from the first `next` on, until the signal aborts. A reader that is too
   * slow loses the oldest, and is told so.
   */
  async *follow(owner: Owner, functionName: string, signal: AbortSignal): AsyncIterable<Buffer> {
    const queue = new FollowerQueue();
    const onAbort = (): void => queue.wake();
    const key = `${owner}/${functionName}`;
    const listener: Listener = (part) => queue.push(part);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        yield* queue.takeAll();
        if (!signal.aborted && queue.isEmpty) await queue.filled();
      }
    } finally {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(key);
      signal.removeEventListener("abort", onAbort);
    }
  }
}

class FollowerQueue {
  #parts: Buffer[] = [];
  #bytes = 0;
  #lostBytes = 0;
  wake: () => void = () => {};

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  push(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length + PART_BYTES;
    while (this.#bytes > limits.LOG_FOLLOWER_BYTES_MAX) {
      const lost = this.#parts.shift();
      if (lost === undefined) break;
      this.#bytes -= lost.length + PART_BYTES;
      this.#lostBytes += lost.length;
    }
    this.wake();
  }

  takeAll(): Buffer[] {
    const parts = this.#parts;
    if (this.#lostBytes > 0) {
      parts.unshift(Buffer.from(`[hearth] ${this.#lostBytes} bytes skipped: read too slowly\n`));
    }
    this.#parts = [];
    this.#bytes = 0;
    this.#lostBytes = 0;
    return parts;
  }

  /** Resolves with the next push or wake. */
  filled(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

/** What a part costs beside its text. */
const PART_BYTES = 64;
