import { constants } from "node:os";

const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

/** Exit code of a process that a signal ended, as shells report it. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * The first SIGINT or SIGTERM asks to stop and settles `stopped`; the second ends the process at
 * once. Disposing it gives the signals their usual effect back.
 */
export class StopSignal implements Disposable {
  readonly stopped: Promise<NodeJS.Signals>;
  #isStopping = false;
  readonly #listener: (signal: NodeJS.Signals) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
    this.stopped = promise;
    this.#listener = (signal) => {
      if (this.#isStopping) process.exit(exitCodeOf(signal));
      this.#isStopping = true;
      resolve(signal);
    };
    for (const signal of STOP_SIGNALS) process.on(signal, this.#listener);
  }

  [Symbol.dispose](): void {
    for (const signal of STOP_SIGNALS) process.off(signal, this.#listener);
  }
}
