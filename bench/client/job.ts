/** What the load generator is asked to do; plain data, sent to its process. */
export interface Job {
  readonly host: string;
  readonly port: number;
  /** Whole HTTP requests, made and signed beforehand, sent round-robin; with `sdk`, payloads. */
  readonly requests: readonly Uint8Array[];
  /** The one right body for the request of the same index. */
  readonly answers: readonly Uint8Array[];
  /** Another form of it, where there is one. */
  readonly otherAnswers?: readonly Uint8Array[];
  /** Connections, opened before the first request; each carries one request at a time. */
  readonly connections: number;
  readonly calls: number;
  /** Calls before those that are timed. */
  readonly warmUpCalls: number;
  /** Latencies end with the first byte of a body, however much of it is still to come. */
  readonly untilFirstByte?: boolean;
  /** Calls through the AWS SDK instead, its signing and its HTTP client included. */
  readonly sdk?: SdkTarget;
}

export interface SdkTarget {
  readonly functionName: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface JobResult {
  /** Of calls that were answered rightly, in the order of their ends. */
  readonly latenciesMs: Float64Array;
  /** From the first timed request to the last answer. */
  readonly elapsedMs: number;
  /** Calls answered with another status or body, or not at all. */
  readonly failures: number;
  readonly firstFailure?: string;
  /** Timed calls by their X-Hearth-Start. */
  readonly starts: Readonly<Record<string, number>>;
  /** SHA-256 of all different answers in the order of their requests. */
  readonly answersHash: string;
}
