import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Job, JobResult } from "./job.ts";

type Message = { readonly result: JobResult } | { readonly error: string };

/** The load generator's process, seen from the one that directs it. One job at a time. */
export class LoadClient implements Disposable {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(fileURLToPath(new URL("load.ts", import.meta.url)), [], {
      serialization: "advanced",
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
  }

  /** @throws Error when a connection could not be opened or the process has ended */
  run(job: Job): Promise<JobResult> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error("The load generator has ended"));
      if (!this.#child.connected) return onExit();
      this.#child.once("exit", onExit);
      this.#child.once("message", (message: Message) => {
        this.#child.off("exit", onExit);
        if ("result" in message) resolve(message.result);
        else reject(new Error(message.error));
      });
      this.#child.send(job);
    });
  }

  /** Ends the process; a job under way is rejected, and so is every later one. */
  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
