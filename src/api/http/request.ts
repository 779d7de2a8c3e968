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
  /** Values of Set-Cookie, a header each. */
  readonly cookies?: readonly string[];
}

/** A request as it stands on the wire, from anybody; nothing of it was verified. */
export interface OpenRequest {
  readonly requestId: string;
  readonly method: string;
  /** Path without query, as sent. */
  readonly path: string;
  /** Query without question mark, as sent. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** Every value of every header; present only when a header came more than once. */
  readonly repeated?: Readonly<Record<string, string[] | undefined>>;
  /** Of the client, or of the proxy that speaks for it. */
  readonly address: string;
  readonly receivedAt: number;
  /**
   * Says whom the request costs something: what is held for it counts as this owner's. To be called
   * once, before the body is taken.
   * @throws PlatformError kind "overloaded" when the owner has too many at a time
   */
  countFor(owner: Owner): void;
  /** @throws PlatformError kinds "too_large", "overloaded"; "unavailable" when the client leaves */
  readBody(limitBytes: number): Promise<Buffer>;
  /**
   * Takes the body and verifies the signature over host, path and all that it must cover.
   * @throws PlatformError kind "unauthenticated", and what `readBody` throws
   */
  authenticate(limitBytes: number): Promise<SignedBody>;
}

export interface SignedBody {
  readonly identity: Identity;
  /** Service named in the signature's scope. */
  readonly service: string;
  readonly body: Buffer;
}

/** Serves requests that no service's signature is asked of; it says itself who may do what. */
export interface OpenHandler {
  /** Whether a request is this handler's, whoever sent it. */
  claims(host: string | undefined, path: string): boolean;
  handle(request: OpenRequest): Promise<HttpResponse>;
  failure(error: unknown, requestId: string): HttpResponse;
}

/** One dialect: turns an authenticated request into a response, its own errors included. */
export interface ServiceHandler {
  handle(request: AuthenticatedRequest): Promise<HttpResponse>;
  /** Renders what failed before or inside `handle` in this dialect's error shape. */
  failure(error: unknown, requestId: string, headers?: IncomingHttpHeaders): HttpResponse;
}
