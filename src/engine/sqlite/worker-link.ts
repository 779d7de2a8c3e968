import type { Worker } from "node:worker_threads";
import { type Deferred, deferred, messageOf, PlatformError } from "../../base/mod.ts";
import { type Call, errorOf, type OperationName, type Operations, type Reply } from "./protocol.ts";

/**
 * Calls into the worker by message. When the worker dies, every pending and later call rejects with
 * PlatformError kind "unavailable"; no promise stays pending.
 */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Deferred<unknown>>();
  readonly #exited = deferred<void>();
  #lastId = 0;
  #end: PlatformError | undefined;

  /** Takes over `worker`, which must speak protocol.ts. */
  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (reply: Reply) => this.#settle(reply));
    worker.on("error", (error) => this.#fail(`Table worker failed: ${messageOf(error)}`, error));
    worker.on("exit", (code) => {
      this.#fail(`Table worker ended with code ${code}`);
      this.#exited.resolve();
    });
  }

  /** @throws PlatformError of the kind the operation failed with, or "unavailable" */
  async call<Name extends OperationName>(
    name: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["result"]> {
    if (this.#end) throw this.#end;
    const id = ++this.#lastId;
    const answer = deferred<unknown>();
    this.#pending.set(id, answer);
    this.#worker.postMessage({ id, name, request } as Call);
    return (await answer.promise) as Operations[Name]["result"];
  }

  /** Waits until the thread has ended; something else must have made it end. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Ends the thread wherever it is. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const answer = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("failure" in reply) answer?.reject(errorOf(reply.failure));
    else answer?.resolve(reply.result);
  }

  #fail(message: string, cause?: unknown): void {
    this.#end ??= new PlatformError({ kind: "unavailable", what: "table store" }, message, {
      cause,
    });
    for (const answer of this.#pending.values()) answer.reject(this.#end);
    this.#pending.clear();
  }
}
