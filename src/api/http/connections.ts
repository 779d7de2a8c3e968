import { createServer, type Server, type Socket } from "node:net";
import { type Clock, type Deferred, deferred } from "../../base/mod.ts";
import type { SandboxOrigin } from "./exchange.ts";
import { rawFailure } from "./failure.ts";
import type { HttpLimits } from "./http-limits.ts";

/** How long a refused client has to read why. */
const REFUSED_MS = 1000;

export interface ConnectionsOptions {
  readonly limits: HttpLimits;
  readonly clock: Clock;
  onConnection(socket: Socket): void;
  onRefused(): void;
}

/** An open connection and what is going on in it. */
export interface Connection {
  readonly socket: Socket;
  readonly origin: SandboxOrigin | undefined;
  /** Requests whose response has not been sent whole. */
  requests: number;
}

/** Connections that share a limit. */
interface Group {
  readonly limit: number;
  count: number;
}

/**
 * Every connection of the edge, whichever listener it came by: the public one or those inside
 * sandboxes, which are limited apart so that they cannot keep anybody else out. Where the public
 * ones reach their limit, the one without a request for longest makes room; what is then still
 * beyond a limit is refused in plain HTTP.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Socket, Connection>();
  readonly #public: Group;
  readonly #sandboxes: Group;
  /** Public ones without a request, those that have none for longest first. */
  readonly #idle = new Set<Connection>();
  #isClosing = false;
  #empty: Deferred<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#public = { limit: options.limits.connectionsMax, count: 0 };
    this.#sandboxes = { limit: options.limits.connectionsOfSandboxesMax, count: 0 };
  }

  get count(): number {
    return this.#open.size;
  }

  /** Whether a connection came from outside, not out of a sandbox. */
  isPublic(socket: Socket): boolean {
    const connection = this.#open.get(socket);
    return connection !== undefined && connection.origin === undefined;
  }

  /**
   * Notes the beginning of a request; undefined when its connection is gone. One that brings
   * requests much faster than it is answered ends here: a packet has room for thousands.
   */
  begin(socket: Socket): Connection | undefined {
    const connection = this.#open.get(socket);
    if (connection === undefined || socket.destroyed) return undefined;
    const isPublic = connection.origin === undefined;
    if (connection.requests >= (isPublic ? this.#options.limits.pipelinedMax : 1)) {
      socket.destroy();
      return undefined;
    }
    connection.requests++;
    this.#idle.delete(connection);
    return connection;
  }

  /** Notes the end of a request's response. */
  end(connection: Connection): void {
    connection.requests--;
    if (connection.requests > 0) return;
    if (this.#isClosing) connection.socket.destroySoon();
    else if (connection.origin === undefined && !connection.socket.destroyed) {
      this.#idle.add(connection);
    }
  }

  /** A connection that speaks another protocol from now on does not make room for others. */
  upgraded(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) this.#idle.delete(connection);
  }

  /**
   * Ends a connection on which nothing has moved for a while, unless it waits for us: a response
   * that is being worked out may take its time, a client that does not read one may not.
   */
  endIfStalled(socket: Socket): void {
    const isWorking = (this.#open.get(socket)?.requests ?? 0) > 0;
    if (!isWorking || socket.writableLength > 0) socket.destroy();
  }

  /** A server of our own that feeds this edge. */
  createServer(): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.on("connection", (socket) => this.#accept(socket, undefined, [this.#public]));
    return server;
  }

  /** Takes a sandbox's connections; disposing gives the server back and ends those it brought. */
  attach(server: Server, origin: SandboxOrigin): Disposable {
    const own: Group = { limit: this.#options.limits.connectionsPerSandboxMax, count: 0 };
    const groups = [this.#sandboxes, own];
    const accept = (socket: Socket): void => this.#accept(socket, origin, groups);
    server.on("connection", accept);
    return {
      [Symbol.dispose]: () => {
        server.off("connection", accept);
        for (const connection of this.#open.values()) {
          if (connection.origin === origin) connection.socket.destroy();
        }
      },
    };
  }

  #accept(socket: Socket, origin: SandboxOrigin | undefined, groups: readonly Group[]): void {
    // Errors of a socket end in its "close", where they are handled.
    socket.on("error", () => {});
    const isFull = groups.some((group) => group.count >= group.limit);
    if (isFull && !(origin === undefined && this.#makeRoom())) {
      this.#options.onRefused();
      this.#refuse(socket);
      return;
    }
    if (origin !== undefined) socket.setNoDelay(true);
    for (const group of groups) group.count++;
    const connection: Connection = { socket, origin, requests: 0 };
    this.#open.set(socket, connection);
    if (origin === undefined) this.#idle.add(connection);
    socket.once("close", () => {
      for (const group of groups) group.count--;
      this.#open.delete(socket);
      this.#idle.delete(connection);
      if (this.#open.size === 0) this.#empty?.resolve();
    });
    this.#options.onConnection(socket);
  }

  /** Ends the public connection that is idle for longest; false when none is. */
  #makeRoom(): boolean {
    const [idlest] = this.#idle;
    if (idlest === undefined) return false;
    this.#idle.delete(idlest);
    idlest.socket.destroy();
    return true;
  }

  #refuse(socket: Socket): void {
    const timer = this.#options.clock.after(REFUSED_MS, () => socket.destroy());
    socket.once("close", () => timer.cancel());
    socket.once("end", () => socket.destroy());
    socket.resume();
    socket.end(REFUSAL);
  }

  /** Ends every connection: idle ones at once, others with their last response. */
  async drain(): Promise<void> {
    this.#isClosing = true;
    for (const { socket, requests } of this.#open.values()) {
      if (requests === 0) socket.destroySoon();
    }
    if (this.#open.size === 0) return;
    this.#empty ??= deferred();
    await this.#empty.promise;
  }

  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }
}

const REFUSAL: string = rawFailure(
  503,
  "Service Unavailable",
  "ServiceUnavailableException",
  "Too many connections are open",
);
