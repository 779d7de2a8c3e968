import type { IncomingHttpHeaders } from "node:http";
import type { Owner } from "../../model/mod.ts";

/** Who signed a request. */
export interface Identity {
  readonly owner: Owner;
  readonly accessKeyId: string;
  /** The first account of this Hearth: sees pools, environments and findings of all owners. */
  readonly operator: boolean;
  /** ARN as STS reports it. */
  readonly arn: string;
  readonly userId: string;
}

/** A request whose signature and payload hash were verified; the body is complete and bounded. */
export interface AuthenticatedRequest {
  readonly requestId: string;
  readonly identity: Identity;
  /** Service and region named in the signature's scope. */
  readonly service: string;
  readonly region: string;
  readonly method: string;
  /** Path without query, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Scheme and host the client used, for links back: `http://127.0.0.1:4566`. */
  readonly origin: string;
  /** Monotonic milliseconds at which the request's headers were complete. */
  readonly receivedAt: number;
  /** Aborts when the client goes away before the response. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * An iterable is sent in chunks as the client takes them; ending early closes it. Answers to HEAD
   * are never iterables.
   */
  readonly body: Buffer | string | AsyncIterable<Buffer>;
}

/** One dialect: turns an authenticated request into a response, its own errors included. */
export interface ServiceHandler {
  handle(request: AuthenticatedRequest): Promise<HttpResponse>;
  /** Renders what failed before or inside `handle` in this dialect's error shape. */
  failure(error: unknown, requestId: string): HttpResponse;
}
