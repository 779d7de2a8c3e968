/** Who waits for a runtime to boot: a call now, the next call of an owner, or nobody yet. */
export type BootUrgency = "call" | "spare" | "pool";

const ORDER: readonly BootUrgency[] = ["call", "spare", "pool"];

export interface BootJob {
  /** Asked when its turn comes; false lets go of what the job reserved. */
  isWanted(): boolean;
  /** Must settle and must not reject: failures belong to whoever waits for the boot. */
  run(): Promise<void>;
}

/**
 * Starts boots a few at a time, the most urgent first: more at once than there are cores only make
 * each other late. A job that nobody wants any more when its turn comes is dropped.
 */
export class BootQueue {
  readonly #concurrency: number;
  readonly #mayStart: () => boolean;
  readonly #jobs: Readonly<Record<BootUrgency, BootJob[]>> = { call: [], spare: [], pool: [] };
  #running = 0;
  #closed = false;

  /** @param mayStart whether the machine can hold one more runtime now; asked before each boot */
  constructor(concurrency: number, mayStart: () => boolean) {
    this.#concurrency = concurrency;
    this.#mayStart = mayStart;
  }

  /** Boots that run now. */
  get running(): number {
    return this.#running;
  }

  add(urgency: BootUrgency, job: BootJob): void {
    this.#jobs[urgency].push(job);
    this.startMore();
  }

  /** Starts nothing more; what runs goes on. */
  close(): void {
    this.#closed = true;
    for (const urgency of ORDER) this.#jobs[urgency].length = 0;
  }

  /** Starts what may start now; call it when the machine has room again. */
  startMore(): void {
    while (
      !this.#closed &&
      this.#running < this.#concurrency &&
      this.#hasJobs &&
      this.#mayStart()
    ) {
      const job = this.#nextWanted();
      if (job === undefined) return;
      this.#running++;
      void job.run().finally(() => {
        this.#running--;
        this.startMore();
      });
    }
  }

  get #hasJobs(): boolean {
    return ORDER.some((urgency) => this.#jobs[urgency].length > 0);
  }

  #nextWanted(): BootJob | undefined {
    for (const urgency of ORDER) {
      const jobs = this.#jobs[urgency];
      while (jobs.length > 0) {
        const job = jobs.shift();
        if (job?.isWanted()) return job;
      }
    }
    return undefined;
  }
}
