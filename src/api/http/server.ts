import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type Clock,
  type Counter,
  isPlatformError,
  type Log,
  type Metrics,
  messageOf,
  PlatformError,
  type SecureRandom,
} from "../../base/mod.ts";
import type { Credential } from "../../registry/mod.ts";
import { checkAnnouncedLength, RequestBody } from "./body.ts";
import { type Budget, held, SharedBudget } from "./budget.ts";
import type { SignedMessage } from "./canonical.ts";
import { Connections } from "./connections.ts";
import { type Exchange, type SandboxOrigin, signedMessageOf, VerifiedRequest } from "./exchange.ts";
import { malformedFailure, rawFailure, wireErrorOf } from "./failure.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http-limits.ts";
import type { HttpResponse, OpenHandler, ServiceHandler } from "./request.ts";
import { respond } from "./respond.ts";
import { SigningKeys, sha256Hex } from "./signing-key.ts";
import {
  claimedService,
  parseSignature,
  refuse,
  type SignatureClaim,
  signedPayloadHash,
  verifyPayload,
  verifySignature,
  verifyTime,
} from "./sigv4.ts";

/** Looks a key up; registry's Accounts does it. */
export interface CredentialLookup {
  /** @throws PlatformError kind "unauthenticated" */
  credential(accessKeyId: string, sessionToken?: string): Credential | Promise<Credential>;
}

/** Serves every path below `/_hearth/`, whichever service it is signed for. */
export interface AdminHandler extends ServiceHandler {
  /** Answers what needs no signature, on any path; undefined for everything else. */
  unsigned(method: string, path: string, fromSandbox: boolean): HttpResponse | undefined;
}

export interface HttpServerOptions {
  /** By the service name of the signature's scope. */
  readonly services: Readonly<Record<string, ServiceHandler>>;
  readonly admin: AdminHandler;
  /** Takes its requests before any signature is looked for. */
  readonly open?: OpenHandler;
  /**
   * Takes over a public connection that asks for another protocol; false when it does not want it.
   */
  upgrade?(incoming: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  readonly accounts: CredentialLookup;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits?: Partial<HttpLimits>;
}

/** The edge: one HTTP server behind any number of listeners. */
export function createHttpServer(options: HttpServerOptions): HttpEdge {
  return new HttpEdge(options);
}

const NO_UPGRADE: string = rawFailure(
  404,
  "Not Found",
  "ResourceNotFoundException",
  "Nothing here speaks the protocol that was asked for",
);

/** What a signature was found to say, and the body it covers. */
interface Verified {
  readonly claim: SignatureClaim;
  readonly credential: Credential;
  readonly bytes: Buffer;
}

/** Responses up to this length are the kernel's as soon as they are sent; ours. */
const SMALL_BYTES = 16 * 1024;
/** Paths of Hearth's own API, which no AWS service has. */
const ADMIN_PREFIX = "/_hearth/";
/** Service names that such requests may be signed for: clients may know Lambda's alone. */
const ADMIN_SERVICES: readonly string[] = ["hearth", "lambda"];

/**
 * Life of a request: target and signature are read, time and key checked, then the body taken
 * (bounded), the signature verified, the service named in it called, the response sent. What is
 * refused before the body costs no memory. Life of the edge: `listen` and `serve`, then `close`.
 */
export class HttpEdge implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #limits: HttpLimits;
  readonly #services: ReadonlyMap<string, ServiceHandler>;
  readonly #keys: SigningKeys = new SigningKeys();
  readonly #bodies: SharedBudget;
  readonly #openBodies: SharedBudget;
  /** All of them, and those whose owner is known. */
  readonly #openRequests: SharedBudget;
  readonly #ownedRequests: SharedBudget;
  readonly #responses: SharedBudget;
  readonly #connections: Connections;
  readonly #http: Server;
  readonly #listeners: NetServer[] = [];
  readonly #streams = new Set<VerifiedRequest>();
  readonly #requests: Counter;
  readonly #refusals: Counter;
  #inFlight = 0;
  #closing = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#limits = { ...HTTP_LIMITS, ...options.limits };
    this.#services = new Map(Object.entries(options.services));
    const { bodiesBytesMax, openBodiesBytesMax, openRequestsInFlightMax } = this.#limits;
    this.#bodies = new SharedBudget("request bodies", bodiesBytesMax);
    this.#openBodies = new SharedBudget("request bodies", openBodiesBytesMax);
    this.#openRequests = new SharedBudget("requests in flight", openRequestsInFlightMax);
    this.#ownedRequests = new SharedBudget("requests in flight", openRequestsInFlightMax);
    this.#responses = new SharedBudget("responses", this.#limits.responsesBytesMax);
    this.#http = this.#createHttp();
    const { metrics } = options;
    const refused = metrics.counter("hearth_http_connections_refused_total", "Connections refused");
    this.#connections = new Connections({
      limits: this.#limits,
      clock: options.clock,
      onConnection: (socket) => this.#http.emit("connection", socket),
      onRefused: () => refused.add(),
    });
    this.#requests = metrics.counter("hearth_http_requests_total", "Requests received");
    this.#refusals = metrics.counter("hearth_http_failures_total", "Requests failed, by code");
    metrics.gauge("hearth_http_requests_in_flight", "Requests being served", () => this.#inFlight);
    metrics.gauge("hearth_http_connections", "Open connections", () => this.#connections.count);
  }

  /** Accepts connections on an address of the host. @throws when the address cannot be had */
  async listen(address: { host: string; port: number }): Promise<AddressInfo> {
    const server = this.#connections.createServer();
    server.listen(address);
    await once(server, "listening");
    server.on("error", (error) => {
      this.#options.log.warn("http.accept_failed", { reason: messageOf(error) });
    });
    this.#listeners.push(server);
    return server.address() as AddressInfo;
  }

  /**
   * Serves the connections of a socket that listens inside a sandbox. There only signed requests,
   * `/health` and what is open to everybody are answered. The server stays the caller's; disposing
   * ends its connections.
   */
  serve(server: NetServer, origin: SandboxOrigin): Disposable {
    return this.#connections.attach(server, origin);
  }

  /**
   * Stops accepting, lets requests in flight finish, ends everything after `deadlineMs`. Streams
   * that wait for news (logs) are ended at once.
   */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    const { clock } = this.#options;
    for (const server of this.#listeners) server.close();
    for (const stream of this.#streams) stream.abort("The server is closing");
    using _deadline = clock.after(deadlineMs, () => this.#connections.destroyAll());
    await this.#connections.drain();
    this.#http.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }

  #createHttp(): Server {
    const { headerBytesMax, headersMs, requestMs, idleMs } = this.#limits;
    const http = createServer({
      maxHeaderSize: headerBytesMax,
      headersTimeout: Math.min(headersMs, requestMs),
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      keepAliveTimeoutBuffer: Math.min(1000, idleMs),
      connectionsCheckingInterval: Math.min(2000, headersMs / 4),
      // What other clients would like to upgrade to (h2c) is none of ours: they get an answer.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
    });
    http.on("request", (incoming, outgoing) => void this.#serve(incoming, outgoing, false));
    http.on("checkContinue", (incoming, outgoing) => void this.#serve(incoming, outgoing, true));
    http.on("upgrade", (incoming, socket, head) => this.#upgrade(incoming, socket, head));
    http.timeout = this.#limits.stallMs;
    http.on("timeout", (socket) => this.#connections.endIfStalled(socket));
    http.on("clientError", (error, socket) => this.#refuseMalformed(error, socket as Socket));
    // node:http starts its timers against slow clients when it listens; here net servers listen
    // for it, so it has to be told.
    http.emit("listening");
    return http;
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const isPublic = this.#connections.isPublic(incoming.socket);
    if (isPublic && this.#options.upgrade?.(incoming, socket, head) === true) {
      this.#connections.upgraded(incoming.socket);
    } else socket.end(NO_UPGRADE);
  }

  async #serve(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    expectsContinue: boolean,
  ): Promise<void> {
    const { clock, random, log } = this.#options;
    const connection = this.#connections.begin(incoming.socket);
    if (connection === undefined) return;
    const exchange: Exchange = {
      requestId: random.uuid(),
      receivedAt: clock.monotonic(),
      incoming,
      outgoing,
      sandbox: connection.origin,
      expectsContinue,
      owner: undefined,
      streaming: undefined,
    };
    this.#requests.add();
    this.#inFlight++;
    try {
      using taken = new DisposableStack();
      await this.#respond(exchange, await this.#answer(exchange, taken));
    } catch (error) {
      const fields = { requestId: exchange.requestId, reason: messageOf(error) };
      if (isPlatformError(error, "unavailable")) log.debug("http.response_cut_off", fields);
      else log.error("http.response_failed", fields);
      incoming.socket.destroy();
    } finally {
      this.#inFlight--;
      this.#connections.end(connection);
      if (exchange.streaming !== undefined) this.#streams.delete(exchange.streaming);
    }
  }

  /**
   * The response to one request; what fails becomes the dialect's error.
   * @param taken is disposed of when the response has been sent
   */
  async #answer(exchange: Exchange, taken: DisposableStack): Promise<HttpResponse> {
    let message: SignedMessage | undefined;
    try {
      message = signedMessageOf(exchange.incoming);
      if (this.#inFlight > this.#limits.requestsInFlightMax)
        throw overloaded(this.#limits.requestsInFlightMax);
      const open = this.#openHandlerOf(message);
      if (open !== undefined) {
        const response = await this.#answerOpen(open, exchange, message, taken);
        this.#holdResponse(exchange, response, taken);
        return response;
      }
      const unsigned = this.#unsigned(exchange, message);
      if (unsigned !== undefined) return unsigned;
      const request = await this.#authenticate(exchange, message, taken);
      exchange.owner = request.identity.owner;
      const handler = this.#handlerOf(request);
      const response = await handler.handle(request);
      this.#holdResponse(exchange, response, taken);
      if (typeof response.body !== "string" && !Buffer.isBuffer(response.body)) {
        exchange.streaming = request;
        this.#streams.add(request);
        if (this.#closing) request.abort("The server is closing");
      }
      return response;
    } catch (error) {
      this.#note(exchange, error);
      const { requestId, incoming } = exchange;
      return this.#dialectOf(message).failure(error, requestId, incoming.headers);
    }
  }

  #unsigned(exchange: Exchange, message: SignedMessage): HttpResponse | undefined {
    const { method, path } = message;
    if (method === "POST") return undefined;
    return this.#options.admin.unsigned(method, path, exchange.sandbox !== undefined);
  }

  #openHandlerOf({ headers, path }: SignedMessage): OpenHandler | undefined {
    const { open } = this.#options;
    const host = typeof headers.host === "string" ? headers.host : undefined;
    return open?.claims(host, path) ? open : undefined;
  }

  async #answerOpen(
    handler: OpenHandler,
    exchange: Exchange,
    message: SignedMessage,
    taken: DisposableStack,
  ): Promise<HttpResponse> {
    taken.use(held(this.#openRequests, 1));
    let bodies: Budget = this.#openBodies;
    const body = (): RequestBody => taken.use(new RequestBody(bodies));
    return await handler.handle({
      ...message,
      headers: exchange.incoming.headers,
      requestId: exchange.requestId,
      receivedAt: exchange.receivedAt,
      address: exchange.incoming.socket.remoteAddress ?? "",
      countFor: (owner) => {
        exchange.owner = owner;
        bodies = this.#openBodies.of(owner);
        taken.use(held(this.#ownedRequests.of(owner), 1));
      },
      readBody: (limitBytes) => this.#readBody(exchange, body(), limitBytes),
      authenticate: async (limitBytes) => {
        const verified = await this.#verify(exchange, message, body(), limitBytes);
        const { service } = verified.claim;
        return { identity: verified.credential.principal, service, body: verified.bytes };
      },
    });
  }

  /**
   * Keeps count of a response that its client may be slow to take.
   * @throws PlatformError kind "overloaded"
   */
  #holdResponse({ owner }: Exchange, { body }: HttpResponse, taken: DisposableStack): void {
    if (owner === undefined || (typeof body !== "string" && !Buffer.isBuffer(body))) return;
    if (body.length > SMALL_BYTES) taken.use(held(this.#responses.of(owner), body.length));
  }

  async #authenticate(
    exchange: Exchange,
    message: SignedMessage,
    taken: DisposableStack,
  ): Promise<VerifiedRequest> {
    const body = taken.use(new RequestBody(this.#bodies));
    const limitBytes = this.#limits.bodyBytesMax;
    const { claim, credential, bytes } = await this.#verify(exchange, message, body, limitBytes);
    return new VerifiedRequest(exchange, message, claim, credential.principal, bytes);
  }

  async #verify(
    exchange: Exchange,
    message: SignedMessage,
    body: RequestBody,
    limitBytes: number,
  ): Promise<Verified> {
    const claim = parseSignature(message);
    verifyTime(claim, this.#options.clock.now());
    const found = this.#options.accounts.credential(claim.accessKeyId, claim.sessionToken);
    const credential = found instanceof Promise ? await found : found;
    const secret = credential.secretAccessKey;
    const payloadHash = signedPayloadHash(claim);
    if (payloadHash !== undefined) {
      verifySignature(message, claim, secret, payloadHash, this.#keys);
    }
    const bytes = await this.#readBody(exchange, body, limitBytes);
    if (payloadHash !== undefined) verifyPayload(payloadHash, bytes);
    else verifySignature(message, claim, secret, sha256Hex(bytes), this.#keys);
    return { claim, credential, bytes };
  }

  #readBody(exchange: Exchange, body: RequestBody, limitBytes: number): Promise<Buffer> {
    checkAnnouncedLength(exchange.incoming, limitBytes);
    if (exchange.expectsContinue) exchange.outgoing.writeContinue();
    return body.read(exchange.incoming, limitBytes);
  }

  /** Who writes an error about this request: the service it names, if there is one. */
  #dialectOf(message: SignedMessage | undefined): Pick<ServiceHandler, "failure"> {
    const { admin } = this.#options;
    if (message === undefined) return admin;
    const open = this.#openHandlerOf(message);
    if (open !== undefined) return open;
    if (message.path.startsWith(ADMIN_PREFIX)) return admin;
    return this.#services.get(claimedService(message) ?? "") ?? admin;
  }

  #handlerOf(request: VerifiedRequest): ServiceHandler {
    if (request.path.startsWith(ADMIN_PREFIX)) {
      if (ADMIN_SERVICES.includes(request.service)) return this.#options.admin;
      refuse("signature_mismatch", "Credential should be scoped to correct service: 'hearth'.");
    }
    const handler = this.#services.get(request.service);
    if (handler !== undefined) return handler;
    const offered = [...this.#services.keys()].join(", ");
    throw new PlatformError(
      { kind: "unknown_operation", operation: request.service },
      `Service ${request.service.slice(0, 64)} is not offered here; offered are ${offered}`,
    );
  }

  async #respond(exchange: Exchange, response: HttpResponse): Promise<void> {
    const { incoming, outgoing, requestId } = exchange;
    // A client that was never told to go on may or may not send its body: start afresh.
    const undecided = exchange.expectsContinue && !incoming.complete;
    const close = this.#closing || undecided;
    await respond(outgoing, response, { requestId, close });
  }

  #note(exchange: Exchange, error: unknown): void {
    const { log } = this.#options;
    const { requestId, sandbox } = exchange;
    const { code, status } = wireErrorOf(error);
    this.#refusals.add(1, { code });
    const fields = { requestId, environmentId: sandbox?.environmentId, reason: messageOf(error) };
    if (status === 500) log.error("http.request_failed", fields);
    else log.debug("http.request_refused", { ...fields, code });
  }

  /** What node:http could not read as a request, or waited for too long. */
  #refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    this.#refusals.add(1, { code: "Malformed" });
    if (!isAnswering(socket)) socket.write(malformedFailure(error.code));
    socket.destroySoon();
  }
}

/** Whether a response is under way, into which no other may be written. */
function isAnswering(socket: Socket): boolean {
  // node:http keeps it there and its own default handler asks the same.
  const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse | null };
  return current?.headersSent === true;
}

function overloaded(limit: number): PlatformError {
  return new PlatformError(
    { kind: "overloaded", queue: "http requests" },
    `Requests in flight have reached the limit of ${limit}`,
  );
}
