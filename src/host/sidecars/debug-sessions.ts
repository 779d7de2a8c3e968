import type { Server, Socket } from "node:net";
import {
  type Clock,
  encodeFrame,
  FrameReader,
  PlatformError,
  type SecureRandom,
} from "../../base/mod.ts";
import type { Owner } from "../../model/mod.ts";
import type { Environment } from "../environment.ts";
import type { Attachment } from "./attachment.ts";

/** A call that a debugger may be attached to, as its owner sees it. */
export interface DebugSessionSummary {
  readonly token: string;
  readonly requestId: string;
  readonly functionName: string;
  readonly startedAt: string;
  readonly isAttached: boolean;
}

/** A user's debugger: takes messages of the Chrome DevTools Protocol as text. */
export interface DebugUser {
  send(message: string): void;
  close(): void;
}

const TOKEN_BYTES = 16;
/** One message of the protocol; ours: the source of a large bundle. */
export const DEBUG_MESSAGE_BYTES_MAX: number = 16 * 1024 * 1024;
/** Connections from inside one environment at once: its runtime needs one. Ours. */
const CONNECTIONS_MAX = 4;
/** The type of the frames between the host and the runtime's relay: a message of the protocol. */
const MESSAGE = 1;
/** How long a runtime may take to hang up after its call. */
const DRAIN_MS_MAX = 500;
const PORT_FIRST = 20_000;
const PORTS = 40_000;

/** Calls that wait for, or have, a debugger. Whoever knows a token may attach, once at a time. */
export class DebugSessions {
  readonly #clock: Clock;
  readonly #random: SecureRandom;
  readonly #sessions = new Map<string, DebugSession>();

  constructor(clock: Clock, random: SecureRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  open(
    call: { readonly owner: Owner; readonly requestId: string; readonly functionName: string },
    attachment: Attachment,
  ): DebugSession {
    const token = this.#random.hex(TOKEN_BYTES);
    const startedAt = new Date(this.#clock.now()).toISOString();
    const port = PORT_FIRST + (this.#random.bytes(4).readUInt32BE() % PORTS);
    const secret = this.#random.hex(TOKEN_BYTES);
    const session = new DebugSession({ ...call, token, startedAt }, attachment, {
      port,
      secret,
      clock: this.#clock,
      onClosed: () => this.#sessions.delete(token),
    });
    this.#sessions.set(token, session);
    return session;
  }

  list(owner: Owner): readonly DebugSessionSummary[] {
    const own = [...this.#sessions.values()].filter(({ facts }) => facts.owner === owner);
    return own.map(({ facts: { owner: _, ...facts }, isAttached }) => ({ ...facts, isAttached }));
  }

  find(token: string): DebugSession | undefined {
    return this.#sessions.get(token);
  }
}

interface SessionFacts extends Omit<DebugSessionSummary, "isAttached"> {
  readonly owner: Owner;
}

/**
 * One call's debugging: the user's messages go through the sidecar to the function's runtime, which
 * has connected to a server inside its own sandbox, and back. Everything from the function is
 * hostile; it is told to nobody but the user who attached.
 */
export class DebugSession {
  readonly facts: SessionFacts;
  readonly #attachment: Attachment;
  readonly #clock: Clock;
  readonly #port: number;
  readonly #secret: string;
  readonly #onClosed: () => void;
  #server: Server | undefined;
  /** All that came from inside the environment. */
  readonly #connections = new Set<Socket>();
  #function: Socket | undefined;
  #user: DebugUser | undefined;
  #isClosed = false;
  /** What the user sent before the runtime was there. */
  #early: Buffer[] = [];
  #earlyBytes = 0;

  constructor(
    facts: SessionFacts,
    attachment: Attachment,
    options: {
      readonly port: number;
      readonly secret: string;
      readonly clock: Clock;
      onClosed(): void;
    },
  ) {
    this.facts = facts;
    this.#attachment = attachment;
    this.#clock = options.clock;
    this.#port = options.port;
    this.#secret = options.secret;
    this.#onClosed = options.onClosed;
    attachment.relay = {
      toFunction: (message) => this.#toFunction(message),
      toUser: (message) => this.#user?.send(message.toString("utf8")),
    };
  }

  get isAttached(): boolean {
    return this.#user !== undefined;
  }

  /** Listens in the environment's own network; the options are for the runtime's instrument. */
  async listen(environment: Environment): Promise<{ port: number; token: string }> {
    const server = await environment.sandbox.listen(this.#port);
    this.#server?.close();
    this.#server = server;
    server.maxConnections = CONNECTIONS_MAX;
    server.on("connection", (socket) => this.#meet(socket));
    if (this.#isClosed) server.close();
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : this.#port;
    return { port, token: this.#secret };
  }

  /** @throws PlatformError kind "conflict" when somebody is attached already */
  attach(user: DebugUser): void {
    if (this.#user !== undefined || this.#isClosed) {
      throw new PlatformError(
        { kind: "conflict", resource: "debug session", id: this.facts.requestId },
        "Another debugger is attached to this call, or the call is over",
      );
    }
    this.#user = user;
  }

  fromUser(message: Buffer): void {
    if (!this.#isClosed) this.#attachment.fromUser(message);
  }

  /** The user has gone: the function goes on by itself. */
  detach(): void {
    this.#user = undefined;
    this.#function?.destroy();
  }

  /** The call is over: resolves when the runtime has said its last. */
  async drain(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClosed();
    this.#server?.close();
    const last = this.#function;
    for (const socket of this.#connections) if (socket !== last) socket.destroy();
    if (last === undefined || last.destroyed) return;
    using _late = this.#clock.after(DRAIN_MS_MAX, () => last.destroy());
    await new Promise((resolve) => last.once("close", resolve));
  }

  /** After `drain`, when the sidecar has passed on what came. */
  close(): void {
    this.#user?.close();
  }

  /** The first line must be the secret that the runtime was given. */
  #meet(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    let held: Buffer = Buffer.alloc(0);
    const greet = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      if (held.length <= this.#secret.length) return;
      socket.off("data", greet);
      const line = held.toString("latin1", 0, this.#secret.length + 1);
      if (line !== `${this.#secret}\n` || this.#function !== undefined) socket.destroy();
      else this.#welcome(socket, held.subarray(this.#secret.length + 1));
    };
    socket.on("data", greet);
  }

  #welcome(socket: Socket, first: Buffer): void {
    this.#function = socket;
    socket.once("close", () => {
      if (this.#function === socket) this.#function = undefined;
    });
    const reader = new FrameReader(1 + DEBUG_MESSAGE_BYTES_MAX);
    const read = (chunk: Buffer): void => {
      try {
        reader.push(chunk, ({ payload }) => this.#attachment.fromFunction(payload));
      } catch {
        socket.destroy();
      }
    };
    socket.on("data", read);
    read(first);
    for (const message of this.#early.splice(0)) this.#toFunction(message);
  }

  /** A runtime that does not read is let go of, and its call goes on without a debugger. */
  #toFunction(message: Buffer): void {
    const runtime = this.#function;
    if (runtime === undefined) this.#keepEarly(message);
    else if (runtime.writableLength > DEBUG_MESSAGE_BYTES_MAX) runtime.destroy();
    else runtime.write(encodeFrame(MESSAGE, message));
  }

  #keepEarly(message: Buffer): void {
    this.#earlyBytes += message.length;
    const fits = this.#early.length < EARLY_MAX && this.#earlyBytes <= DEBUG_MESSAGE_BYTES_MAX;
    if (fits) this.#early.push(message);
  }
}

/** Messages that wait for the runtime; a debugger sends about ten before it waits itself. */
const EARLY_MAX = 256;
