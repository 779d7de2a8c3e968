import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import {
  type Clock,
  type Counter,
  type Log,
  type Metrics,
  messageOf,
  PlatformError,
  type SecureRandom,
} from "../../base/mod.ts";
import type { Credential } from "../../registry/mod.ts";
import { BodyBudget, checkAnnouncedLength, RequestBody } from "./body.ts";
import type { SignedMessage } from "./canonical.ts";
import { Connections } from "./connections.ts";
import { type Exchange, type SandboxOrigin, signedMessageOf, VerifiedRequest } from "./exchange.ts";
import { malformedFailure, wireErrorOf } from "./failure.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http-limits.ts";
import type { HttpResponse, ServiceHandler } from "./request.ts";
import { respond } from "./respond.ts";
import { SigningKeys, sha256Hex } from "./signing-key.ts";
import {
  claimedService,
  parseSignature,
  refuse,
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
  readonly #budget: BodyBudget;
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
    this.#budget = new BodyBudget(this.#limits.bodiesBytesMax);
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
   * Serves the connections of a socket that listens inside a sandbox. There only signed requests
   * and `/health` are answered. The server stays the caller's; disposing ends its connections.
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
    });
    http.on("request", (incoming, outgoing) => void this.#serve(incoming, outgoing, false));
    http.on("checkContinue", (incoming, outgoing) => void this.#serve(incoming, outgoing, true));
    http.timeout = this.#limits.stallMs;
    http.on("timeout", (socket) => this.#connections.endIfStalled(socket));
    http.on("clientError", (error, socket) => this.#refuseMalformed(error, socket as Socket));
    // node:http starts its timers against slow clients when it listens; here net servers listen
    // for it, so it has to be told.
    http.emit("listening");
    return http;
  }

  async #serve(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    expectsContinue: boolean,
  ): Promise<void> {
    const { clock, random, log } = this.#options;
    const connection = this.#connections.begin(incoming.socket);
    const exchange: Exchange = {
      requestId: random.uuid(),
      receivedAt: clock.monotonic(),
      incoming,
      outgoing,
      sandbox: connection?.origin,
      expectsContinue,
      streaming: undefined,
    };
    this.#requests.add();
    this.#inFlight++;
    try {
      using body = new RequestBody(this.#budget);
      await this.#respond(exchange, await this.#answer(exchange, body));
    } catch (error) {
      const { requestId } = exchange;
      log.error("http.response_failed", { requestId, reason: messageOf(error) });
      incoming.socket.destroy();
    } finally {
      this.#inFlight--;
      this.#connections.end(connection);
      if (exchange.streaming !== undefined) this.#streams.delete(exchange.streaming);
    }
  }

  /** The response to one request; what fails becomes the dialect's error. */
  async #answer(exchange: Exchange, body: RequestBody): Promise<HttpResponse> {
    let message: SignedMessage | undefined;
    try {
      message = signedMessageOf(exchange.incoming);
      if (this.#inFlight > this.#limits.requestsInFlightMax) throw overloaded(this.#limits);
      const open = this.#unsigned(exchange, message);
      if (open !== undefined) return open;
      const request = await this.#authenticate(exchange, message, body);
      const handler = this.#handlerOf(request);
      const response = await handler.handle(request);
      if (typeof response.body !== "string" && !Buffer.isBuffer(response.body)) {
        exchange.streaming = request;
        this.#streams.add(request);
        if (this.#closing) request.abort("The server is closing");
      }
      return response;
    } catch (error) {
      this.#note(exchange, error);
      return this.#dialectOf(message).failure(error, exchange.requestId);
    }
  }

  #unsigned(exchange: Exchange, message: SignedMessage): HttpResponse | undefined {
    const { method, path } = message;
    if (method === "POST") return undefined;
    return this.#options.admin.unsigned(method, path, exchange.sandbox !== undefined);
  }

  async #authenticate(
    exchange: Exchange,
    message: SignedMessage,
    body: RequestBody,
  ): Promise<VerifiedRequest> {
    const { incoming } = exchange;
    const claim = parseSignature(message);
    verifyTime(claim, this.#options.clock.now());
    const found = this.#options.accounts.credential(claim.accessKeyId, claim.sessionToken);
    const credential = found instanceof Promise ? await found : found;
    const secret = credential.secretAccessKey;
    const payloadHash = signedPayloadHash(claim);
    if (payloadHash !== undefined) {
      verifySignature(message, claim, secret, payloadHash, this.#keys);
    }
    checkAnnouncedLength(incoming, this.#limits.bodyBytesMax);
    if (exchange.expectsContinue) exchange.outgoing.writeContinue();
    const bytes = await body.read(incoming, this.#limits.bodyBytesMax);
    if (payloadHash !== undefined) verifyPayload(payloadHash, bytes);
    else verifySignature(message, claim, secret, sha256Hex(bytes), this.#keys);
    return new VerifiedRequest(exchange, message, claim, credential.principal, bytes);
  }

  /** Who writes an error about this request: the service it names, if there is one. */
  #dialectOf(message: SignedMessage | undefined): Pick<ServiceHandler, "failure"> {
    const { admin } = this.#options;
    if (message === undefined || message.path.startsWith(ADMIN_PREFIX)) return admin;
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

function overloaded(bounds: HttpLimits): PlatformError {
  return new PlatformError(
    { kind: "overloaded", queue: "http requests" },
    `Requests in flight have reached the limit of ${bounds.requestsInFlightMax}`,
  );
}
