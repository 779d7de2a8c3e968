import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket, Server as SocketServer } from "node:net";
import { assert } from "../base/mod.ts";
import { sendError } from "./runtime-api-http.ts";

/**
 * Connections of one sandbox at once; ours: a runtime and ten extensions need one each, and what is
 * written with curl one for each request.
 */
const CONNECTIONS_MAX = 64;

/** Answers requests to one version of an API; `path` is what follows the version. */
export type ApiHandler = (
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void> | void;

/**
 * The one HTTP server of a sandbox, at the address that is in AWS_LAMBDA_RUNTIME_API: the Runtime,
 * Extensions, Telemetry and Logs APIs, told apart by the version that their paths begin with. Until
 * somebody connects it is a listening socket and nothing more. Requests are hostile input.
 */
export class SandboxApi {
  readonly #sockets: SocketServer;
  readonly #connections: Set<Socket> = new Set();
  /** Those of them whose last request has no whole answer yet. */
  readonly #busy: WeakSet<Socket> = new WeakSet();
  readonly #handlers = new Map<string, ApiHandler>();
  #http: Server | undefined;

  /** @param server listens inside the sandbox */
  constructor(server: SocketServer) {
    this.#sockets = server;
    server.on("connection", (socket) => this.#accept(socket));
    // What cannot be accepted is retried by whoever connects, or fails there.
    server.on("error", () => {});
  }

  /** `host:port` as seen from inside. */
  get address(): string {
    const address = this.#sockets.address();
    assert(address !== null && typeof address === "object", "a sandbox API listens on TCP");
    return `${address.address}:${address.port}`;
  }

  mount(version: string, handler: ApiHandler): void {
    this.#handlers.set(version, handler);
  }

  /** Ends every connection; nobody is listened to afterwards. */
  close(): void {
    this.#sockets.close();
    for (const socket of this.#connections) socket.destroy();
    this.#http?.close();
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    this.#http ??= this.#createHttp();
    this.#http.emit("connection", socket);
  }

  #createHttp(): Server {
    const http = createServer((request, response) => this.#take(request, response));
    // What is frozen between calls must find its connection open when it thaws.
    http.keepAliveTimeout = 0;
    return http;
  }

  /**
   * No client of these APIs asks before it was answered. Who does may send thousands of requests in
   * one packet, which would be the server's time.
   */
  #take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (this.#busy.has(socket)) {
      socket.destroy();
      return;
    }
    this.#busy.add(socket);
    response.on("close", () => this.#busy.delete(socket));
    this.dispatch(request, response).catch(() => response.destroy());
  }

  /** Answers one request, by the handler of its version. */
  async dispatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, version, path] = /^\/([^/]+)\/([^?]*)/.exec(request.url ?? "") ?? [];
    const handler = version === undefined ? undefined : this.#handlers.get(version);
    if (handler === undefined) return sendError(response, 404, "NotFound", "Unknown path");
    await handler(path ?? "", request, response);
  }
}
