import { createHash } from "node:crypto";
import { type Answer, Connection, type Exchanger } from "./connection.ts";
import type { Job, JobResult } from "./job.ts";

/**
 * The load generator: does one job at a time for its parent process. A process of its own, so that
 * what it measures is never its parent's work.
 */
process.on("message", (job: Job) => {
  runJob(job).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));

async function runJob(job: Job): Promise<JobResult> {
  const opened = await Promise.allSettled(
    Array.from({ length: job.connections }, () => openConnection(job)),
  );
  const connections = opened.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  try {
    const refused = opened.find((each) => each.status === "rejected");
    if (refused !== undefined) throw refused.reason;
    if (job.warmUpCalls > 0) await new Run(job, job.warmUpCalls).on(connections);
    return await new Run(job, job.calls).on(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function openConnection({ host, port, sdk }: Job): Promise<Exchanger> {
  if (sdk === undefined) return await Connection.open(host, port);
  const { SdkConnection } = await import("./sdk-connection.ts");
  return new SdkConnection(`http://${host}:${port}`, sdk);
}

/** A closed loop: every connection sends its next request when its last one is answered. */
class Run {
  readonly #job: Job;
  readonly #calls: number;
  readonly #latenciesMs: Float64Array;
  readonly #seen: (Buffer | undefined)[] = [];
  readonly #starts: Record<string, number> = {};
  readonly #finished = Promise.withResolvers<void>();
  /** Those that still work. */
  #connections = 0;
  #sent = 0;
  #answered = 0;
  #right = 0;
  #firstFailure: string | undefined;

  constructor(job: Job, calls: number) {
    this.#job = job;
    this.#calls = calls;
    this.#latenciesMs = new Float64Array(calls);
  }

  async on(connections: readonly Exchanger[]): Promise<JobResult> {
    this.#connections = connections.length;
    const startedAt = performance.now();
    for (const connection of connections) this.#sendNext(connection);
    await this.#finished.promise;
    const elapsedMs = performance.now() - startedAt;
    const digest = createHash("sha256");
    for (const answer of this.#seen) digest.update(answer ?? "");
    return {
      latenciesMs: this.#latenciesMs.slice(0, this.#right),
      elapsedMs,
      failures: this.#calls - this.#right,
      ...(this.#firstFailure === undefined ? {} : { firstFailure: this.#firstFailure }),
      starts: this.#starts,
      answersHash: digest.digest("hex"),
    };
  }

  #sendNext(connection: Exchanger): void {
    if (this.#sent === this.#calls) return;
    const index = this.#sent++ % this.#job.requests.length;
    const request = this.#job.requests[index];
    if (request === undefined) throw new Error("Job has no requests");
    const sentAt = performance.now();
    connection.exchange(request, (error, answer) => {
      const isFirstByte = this.#job.untilFirstByte === true;
      const endedAt = (isFirstByte ? answer?.firstByteAt : undefined) ?? performance.now();
      const latencyMs = endedAt - sentAt;
      this.#take(index, latencyMs, error, answer);
      if (error !== undefined) this.#connections--;
      else this.#sendNext(connection);
      if (++this.#answered === this.#calls || this.#connections === 0) this.#finished.resolve();
    });
  }

  #take(
    index: number,
    latencyMs: number,
    error: Error | undefined,
    answer: Answer | undefined,
  ): void {
    const expected = this.#job.answers[index];
    if (answer === undefined || expected === undefined) {
      this.#firstFailure ??= String(error);
      return;
    }
    this.#seen[index] ??= Buffer.from(answer.body);
    const isRight =
      answer.body.equals(expected) ||
      answer.body.equals(this.#job.otherAnswers?.[index] ?? expected);
    if (answer.status !== 200 || !isRight) {
      this.#firstFailure ??= `${answer.status} ${answer.body.toString().slice(0, 300)}`;
      return;
    }
    this.#latenciesMs[this.#right++] = latencyMs;
    const start = /\r\nx-hearth-start: *(\S+)/i.exec(answer.head)?.[1];
    if (start !== undefined) this.#starts[start] = (this.#starts[start] ?? 0) + 1;
  }
}
