import type { Call } from "./calls.ts";
import type { Job, SdkTarget } from "./client/job.ts";

/** Something that is measured: a running server that calls functions by name. */
export interface Subject extends AsyncDisposable {
  /** As the tables show it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly readyInMs: number;
  /** One whole HTTP request that calls a function with this payload. */
  request(functionName: string, payload: Buffer): Buffer;
  /** How the AWS SDK calls a function. */
  sdkTarget(functionName: string): SdkTarget;
  /** Resolves when the subject is as ready for new functions as it will be. */
  settled(): Promise<void>;
}

/** How a subject is started; every function named can be called, none has been. */
export interface SubjectKind {
  readonly name: string;
  /** A run goes on without it, saying why. */
  readonly isPeer?: boolean;
  start(functionNames: readonly string[]): Promise<Subject>;
}

/** `f0`, `f1` … */
export function functionNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `f${index}`);
}

export type Amount = Pick<Job, "connections" | "calls" | "warmUpCalls">;

/** A job for one function of a subject. Requests are made and signed here, outside any timing. */
export function jobFor(
  subject: Subject,
  functionName: string,
  calls: readonly Call[],
  amount: Amount,
): Job {
  return {
    host: subject.host,
    port: subject.port,
    requests: calls.map(({ payload }) => subject.request(functionName, payload)),
    answers: calls.map(({ answer }) => answer),
    ...amount,
  };
}

/** The same calls through the AWS SDK. */
export function sdkJobFor(
  subject: Subject,
  functionName: string,
  calls: readonly Call[],
  amount: Amount,
): Job {
  return {
    host: subject.host,
    port: subject.port,
    requests: calls.map(({ payload }) => payload),
    answers: calls.map(({ answer }) => answer),
    sdk: subject.sdkTarget(functionName),
    ...amount,
  };
}

/** An HTTP/1.1 POST as bytes; `content-length` is added. */
export function postRequest(
  path: string,
  headers: Readonly<Record<string, string>>,
  payload: Buffer,
): Buffer {
  const lines = Object.entries({ ...headers, "content-length": String(payload.length) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`), payload]);
}

/** Subjects that run, and why some peers could not be started. Stops them when disposed. */
export class RunningSubjects implements AsyncDisposable {
  readonly subjects: readonly Subject[];
  readonly refusals: readonly string[];

  private constructor(subjects: readonly Subject[], refusals: readonly string[]) {
    this.subjects = subjects;
    this.refusals = refusals;
  }

  /** @throws whatever kept a subject that is no peer from starting */
  static async start(
    kinds: readonly SubjectKind[],
    names: readonly string[],
  ): Promise<RunningSubjects> {
    const starts = await Promise.allSettled(kinds.map((kind) => kind.start(names)));
    const subjects: Subject[] = [];
    const refusals: string[] = [];
    await using undo = new AsyncDisposableStack();
    for (const start of starts) {
      if (start.status === "fulfilled") subjects.push(undo.use(start.value));
    }
    for (const [index, start] of starts.entries()) {
      const kind = kinds[index];
      if (start.status === "fulfilled") continue;
      if (!kind?.isPeer) throw start.reason;
      refusals.push(`${kind.name} could not run: ${start.reason}`);
    }
    undo.move();
    return new RunningSubjects(subjects, refusals);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.subjects.map((subject) => subject[Symbol.asyncDispose]()));
  }
}
