import type { Owner } from "./arn.ts";
import type { FunctionVersion } from "./function.ts";

/** One call, as an edge hands it to the spine. */
export interface InvokeRequest {
  readonly requestId: string;
  readonly owner: Owner;
  readonly functionName: string;
  readonly qualifier?: string;
  /** The event: JSON text as bytes, at most INVOKE_PAYLOAD_BYTES_MAX. Empty means `{}`. */
  readonly payload: Buffer;
  /** Base64 decoded JSON of X-Amz-Client-Context. */
  readonly clientContext?: string;
  /** Content of X-Amzn-Trace-Id for the function. */
  readonly traceId: string;
  /** Monotonic milliseconds at which the first byte was seen. */
  readonly receivedAt: number;
  /** JSON of the Amazon Cognito identity on whose behalf the caller calls. */
  readonly cognitoIdentity?: string;
  /** Auxiliary functions that this one call wants beside it. */
  readonly sidecars?: readonly string[];
  /** Takes the response while it is written; without it a streamed response is collected. */
  readonly sink?: ResponseSink;
  /** Set on invocations of an execution: a durable function believes what its event says. */
  readonly isExecution?: boolean;
}

/** What is known of a streamed response before its first byte. */
export interface ResponseHead {
  /** As the function declared it. */
  readonly contentType: string;
  readonly version: FunctionVersion;
  readonly start: StartKind;
  readonly environmentId: string;
  readonly instanceId: string;
}

/**
 * Where a response goes while the function still writes it. Never throws: what nobody reads any
 * more is swallowed, for the function goes on without its caller.
 */
export interface ResponseSink {
  /** The function begins to answer; called at most once, before any byte. */
  begin(head: ResponseHead): void;
  /** Takes bytes; a promise when no more are wanted until it resolves. */
  write(chunk: Buffer): Promise<void> | undefined;
}

/** How the environment of a call came to be. */
export type StartKind = "warm" | "instance" | "pool" | "snapshot" | "cold" | "reused";

/** What a function returned or how it failed. Failures of user code are outcomes, not errors. */
export type Outcome =
  | { readonly status: "succeeded"; readonly payload: Buffer }
  | {
      readonly status: "failed";
      readonly functionError: "Unhandled" | "Handled";
      /** JSON object with errorType, errorMessage and perhaps trace or stackTrace. */
      readonly payload: Buffer;
      readonly errorType: string;
    };

/** Where and how a call ran. */
export interface RunReport {
  readonly start: StartKind;
  readonly environmentId: string;
  readonly instanceId: string;
  readonly durationMs: number;
  readonly initDurationMs?: number;
  readonly memoryUsedMiB: number;
  /** START to REPORT, platform lines included; bounded by LOG_BYTES_PER_CALL_MAX. */
  readonly log: Buffer;
}

export interface InvokeResult {
  readonly version: FunctionVersion;
  readonly outcome: Outcome;
  readonly report: RunReport;
}

/** One choice on a call's way: what was chosen, why, and what else there was. */
export interface Decision {
  /** Step of the spine: resolve, admit, acquire, … */
  readonly step: string;
  readonly choice: string;
  readonly reason?: string;
  /** Milliseconds since the request was received. */
  readonly atMs: number;
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

/** The story of one call, for its owner; served at /_hearth/invocations/{requestId}. */
export interface DecisionRecord {
  readonly requestId: string;
  readonly owner: Owner;
  readonly functionArn: string;
  readonly receivedAt: string;
  readonly decisions: Decision[];
  status: "running" | "succeeded" | "failed" | "refused";
  durationMs?: number;
}
