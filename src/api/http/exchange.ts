import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { PlatformError } from "../../base/mod.ts";
import type { Owner } from "../../model/mod.ts";
import type { Principal } from "../../registry/mod.ts";
import type { SignedMessage } from "./canonical.ts";
import { normalisePath } from "./canonical.ts";
import type { AuthenticatedRequest } from "./request.ts";
import type { SignatureClaim } from "./sigv4.ts";

/** Where a connection came from when it came out of a sandbox. */
export interface SandboxOrigin {
  readonly owner: Owner;
  readonly environmentId: string;
}

/** One request and its response, before anybody is known to have sent it. */
export interface Exchange {
  readonly requestId: string;
  readonly receivedAt: number;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly sandbox: SandboxOrigin | undefined;
  /** The client waits for "100 Continue" before it sends the body. */
  readonly expectsContinue: boolean;
  /** Whom the request costs something, once that is known. */
  owner: Owner | undefined;
  /** Set when the response is a stream: how to tell its source to end. */
  streaming: VerifiedRequest | undefined;
}

const SLASH = 0x2f;

/**
 * Takes path and query off the request line and notes repeated headers.
 * @throws PlatformError kind "invalid" for a target that names no path of this server
 */
export function signedMessageOf(incoming: IncomingMessage): SignedMessage {
  const { headers, rawHeaders, method = "GET", url = "" } = incoming;
  const target = url.charCodeAt(0) === SLASH ? url : originForm(url, headers.host);
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  let names = 0;
  for (const _ in headers) names++;
  if (names * 2 === rawHeaders.length) return { method, path, query, headers };
  return { method, path, query, headers, repeated: incoming.headersDistinct };
}

/** `http://host/path`, which servers must take, when the host is the one of the Host header. */
function originForm(url: string, host: string | undefined): string {
  const prefix = `http://${host}`;
  if (url.toLowerCase().startsWith(prefix.toLowerCase())) {
    const rest = url.slice(prefix.length);
    if (rest === "" || rest.startsWith("?")) return `/${rest}`;
    if (rest.startsWith("/")) return rest;
  }
  throw new PlatformError(
    { kind: "invalid", field: "request target" },
    "Request target must be a path, or a URL with the host of the Host header",
  );
}

/** What services see. Query, origin and signal are made when somebody asks for them. */
export class VerifiedRequest implements AuthenticatedRequest {
  readonly requestId: string;
  readonly receivedAt: number;
  readonly identity: Principal;
  readonly service: string;
  readonly region: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly #queryText: string;
  readonly #outgoing: ServerResponse;
  #query: URLSearchParams | undefined;
  #abort: AbortController | undefined;

  constructor(
    exchange: Exchange,
    message: SignedMessage,
    claim: SignatureClaim,
    identity: Principal,
    body: Buffer,
  ) {
    this.requestId = exchange.requestId;
    this.receivedAt = exchange.receivedAt;
    this.identity = identity;
    this.service = claim.service;
    this.region = claim.region;
    this.method = message.method;
    // Paths with one normal form share a signature, so only that form may choose what is done.
    this.path = claim.service === "s3" ? message.path : normalisePath(message.path);
    this.headers = exchange.incoming.headers;
    this.body = body;
    this.#queryText = message.query;
    this.#outgoing = exchange.outgoing;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#queryText);
    return this.#query;
  }

  get origin(): string {
    return `http://${this.headers.host}`;
  }

  get signal(): AbortSignal {
    return this.#controller().signal;
  }

  /** Ends whatever listens to `signal`, now or later. */
  abort(reason: string): void {
    const cause = new PlatformError({ kind: "unavailable", what: "client" }, reason);
    this.#controller().abort(cause);
  }

  #controller(): AbortController {
    if (this.#abort !== undefined) return this.#abort;
    this.#abort = new AbortController();
    const outgoing = this.#outgoing;
    const { socket } = outgoing.req;
    const onClose = (): void => this.abort("Client closed the connection");
    if (socket.destroyed) onClose();
    socket.once("close", onClose);
    outgoing.once("finish", () => socket.off("close", onClose));
    return this.#abort;
  }
}
