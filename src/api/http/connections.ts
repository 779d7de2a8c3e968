import { createServer, type Server, type Socket } from "node:net";
import type { SandboxOrigin } from "./exchange.ts";
import { rawFailure } from "./failure.ts";

/** How long a refused client has to read why. */
const REFUSED_MS = 1000;

export interface ConnectionLimits {
  /** Connections of all listeners together. */
  readonly connectionsMax: number;
  /** Connections out of one sandbox. */
  readonly connectionsPerSandboxMax: number;
}

interface Listener {
  readonly origin: SandboxOrigin | undefined;
  readonly limit: number;
  readonly sockets: Set<Socket>;
}

/**
 * Every connection of the edge, whichever listener it came by: the public one or those inside
 * sandboxes. Counts them, tells their origin, refuses those beyond a limit in plain HTTP.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #onConnection: (socket: Socket) => void;
  readonly #origins = new WeakMap<Socket, SandboxOrigin>();
  readonly #sockets = new Set<Socket>();
  #onEmpty: (() => void) | undefined;
  refused = 0;

  constructor(limits: ConnectionLimits, onConnection: (socket: Socket) => void) {
    this.#limits = limits;
    this.#onConnection = onConnection;
  }

  get count(): number {
    return this.#sockets.size;
  }

  originOf(socket: Socket): SandboxOrigin | undefined {
    return this.#origins.get(socket);
  }

  /** A server of our own that feeds this edge. */
  createServer(): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    this.attach(server, undefined);
    return server;
  }

  /** Takes a server's connections; disposing gives the server back and ends those it brought. */
  attach(server: Server, origin: SandboxOrigin | undefined): Disposable {
    const { connectionsMax, connectionsPerSandboxMax } = this.#limits;
    const limit = origin === undefined ? connectionsMax : connectionsPerSandboxMax;
    const listener: Listener = { origin, limit, sockets: new Set() };
    const accept = (socket: Socket): void => this.#accept(socket, listener);
    server.on("connection", accept);
    return {
      [Symbol.dispose]: () => {
        server.off("connection", accept);
        for (const socket of listener.sockets) socket.destroy();
      },
    };
  }

  #accept(socket: Socket, listener: Listener): void {
    socket.on("error", ignored);
    if (
      this.#sockets.size >= this.#limits.connectionsMax ||
      listener.sockets.size >= listener.limit
    ) {
      this.refused++;
      refuse(socket);
      return;
    }
    if (listener.origin !== undefined) {
      socket.setNoDelay(true);
      this.#origins.set(socket, listener.origin);
    }
    this.#sockets.add(socket);
    listener.sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      listener.sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty?.();
    });
    this.#onConnection(socket);
  }

  /** Resolves when no connection is left; only the last caller is told. */
  empty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Errors of a socket end in its "close", where they are handled. */
function ignored(): void {}

const REFUSAL: string = rawFailure(
  503,
  "Service Unavailable",
  "ServiceUnavailableException",
  "Too many connections are open",
);

function refuse(socket: Socket): void {
  socket.setTimeout(REFUSED_MS, () => socket.destroy());
  socket.once("end", () => socket.destroy());
  socket.resume();
  socket.end(REFUSAL);
}
