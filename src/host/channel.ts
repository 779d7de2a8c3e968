import type { Outcome } from "../model/mod.ts";
import type { ByteSink } from "./streamed-response.ts";

/**
 * The conversation with one runtime process, whatever its protocol: frames on a unix socket for the
 * built-in runtimes (frame-channel.ts), the HTTP Runtime API for custom ones (runtime-api.ts).
 *
 * Order: `initialise` once, then `invoke` one at a time. `invoke` may be called before `initialise`
 * has settled; the runtime sees them in order. When the process dies or misbehaves every pending
 * promise rejects with PlatformError kind "unavailable"; the caller finds the reason in the
 * sandbox's exit.
 */
export interface RuntimeChannel {
  initialise(request: InitialiseRequest): Promise<InitialiseResult>;
  invoke(call: RuntimeCall): Promise<Outcome>;
  /** False once no further call can be taken: the process has ended, or said that it will. */
  readonly isOpen: boolean;
  /** No promise stays pending and no call is taken; the runtime may log on until it is closed. */
  abandon(): void;
  /** Closes sockets; no promise stays pending. */
  close(): void;
}

export interface InitialiseRequest {
  readonly handler: string;
  /** Every variable the function sees, reserved ones included. */
  readonly environment: Readonly<Record<string, string>>;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly memoryMiB: number;
  readonly logGroup: string;
  readonly logStream: string;
  readonly logFormat: "Text" | "JSON";
}

/** A failed initialisation is the function's outcome for the call that waited for it. */
export type InitialiseResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly outcome: Extract<Outcome, { status: "failed" }> };

export interface RuntimeCall {
  readonly requestId: string;
  readonly functionArn: string;
  readonly traceId: string;
  /** The deadline is counted by the runtime from the moment the handler is called. */
  readonly timeoutMs: number;
  readonly clientContext?: string;
  /** JSON; for `Lambda-Runtime-Cognito-Identity`. */
  readonly cognitoIdentity?: string;
  readonly payload: Buffer;
  /** Takes a streamed response as it is written; without it the runtime's stream is collected. */
  readonly sink?: ByteSink;
  /** What the runtime is to observe of itself during this call; others than built-in refuse. */
  readonly instruments?: readonly Instrument[];
  /** Bytes that an instrument brings; hostile, and a view of a larger buffer. */
  onEvidence?(instrument: string, bytes: Buffer): void;
  /** Called when the handler is about to run: initialisation, if any, is over. */
  onStarted?(): void;
}

/** One thing that a built-in runtime does for an auxiliary function during one call. */
export interface Instrument {
  /** A module of guest/<runtime>/instruments/. */
  readonly name: string;
  readonly options?: Readonly<Record<string, unknown>>;
}
