import { Agent, request } from "node:http";
import type { Socket } from "node:net";
import { type Clock, PlatformError } from "../../base/mod.ts";
import type { Sandbox } from "../../sandbox/mod.ts";

/** Where a subscription wants its records: a program inside the sandbox that listens. */
export type Destination =
  | {
      readonly protocol: "HTTP";
      readonly port: number;
      readonly path: string;
      readonly method: "POST" | "PUT";
    }
  | { readonly protocol: "TCP"; readonly port: number };

/** Brings batches of records to one destination, one at a time. */
export interface Delivery {
  /**
   * Resolves when the receiver has taken the batch: over TCP, when the kernel has.
   * @throws when it did not, or not in time
   */
  send(records: readonly string[]): Promise<void>;
  close(): void;
}

/** What a receiver may take for one batch; ours. */
const ANSWER_MS_MAX = 5_000;
/** What it may answer, which nobody reads; ours. */
const ANSWER_BYTES_MAX = 64 * 1024;

export function openDelivery(destination: Destination, sandbox: Sandbox, clock: Clock): Delivery {
  return destination.protocol === "HTTP"
    ? new HttpDelivery(destination, sandbox, clock)
    : new TcpDelivery(destination.port, sandbox, clock);
}

/** Connections are made inside the sandbox's network: nothing else can be reached from there. */
class InsideAgent extends Agent {
  readonly #dial: () => Promise<Socket>;
  #isClosed = false;

  constructor(dial: () => Promise<Socket>) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#dial = dial;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Socket) => void,
  ): null {
    this.#dial().then(
      (socket) => {
        if (this.#isClosed) socket.destroy();
        callback?.(null, socket);
      },
      // Without a socket there is none to hand on; Node looks at the error first.
      (error: Error) => callback?.(error, undefined as unknown as Socket),
    );
    return null;
  }

  /** Ends every connection, also one that is being made. */
  override destroy(): void {
    this.#isClosed = true;
    super.destroy();
  }
}

class HttpDelivery implements Delivery {
  readonly #destination: Extract<Destination, { protocol: "HTTP" }>;
  readonly #agent: InsideAgent;
  readonly #clock: Clock;

  constructor(
    destination: Extract<Destination, { protocol: "HTTP" }>,
    sandbox: Sandbox,
    clock: Clock,
  ) {
    this.#destination = destination;
    this.#agent = new InsideAgent(() => sandbox.dial(destination.port));
    this.#clock = clock;
  }

  send(records: readonly string[]): Promise<void> {
    const { path, method, port } = this.#destination;
    const body = Buffer.from(`[${records.join(",")}]`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sending = request({
      agent: this.#agent,
      method,
      path,
      headers: {
        Host: `sandbox.localdomain:${port}`,
        "Content-Type": "application/json",
        "Content-Length": body.length,
      },
    });
    const late = this.#clock.after(ANSWER_MS_MAX, () => sending.destroy(tooLate()));
    sending.on("error", reject);
    sending.on("response", (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) sending.destroy(refused("Receiver answers at length"));
      });
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 500 } = response;
        if (statusCode < 400) resolve();
        else reject(refused(`Receiver answered ${statusCode}`));
      });
    });
    sending.end(body);
    return promise.finally(() => late.cancel());
  }

  close(): void {
    this.#agent.destroy();
  }
}

class TcpDelivery implements Delivery {
  readonly #port: number;
  readonly #sandbox: Sandbox;
  readonly #clock: Clock;
  #socket: Socket | undefined;
  #isClosed = false;

  constructor(port: number, sandbox: Sandbox, clock: Clock) {
    this.#port = port;
    this.#sandbox = sandbox;
    this.#clock = clock;
  }

  async send(records: readonly string[]): Promise<void> {
    const socket = this.#socket ?? (await this.#connect());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = this.#clock.after(ANSWER_MS_MAX, () => reject(tooLate()));
    socket.write(`${records.join("\n")}\n`, (error) => (error ? reject(error) : resolve()));
    try {
      await promise;
    } catch (error) {
      this.#hangUp();
      throw error;
    } finally {
      late.cancel();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#hangUp();
  }

  #hangUp(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #connect(): Promise<Socket> {
    const socket = await this.#sandbox.dial(this.#port);
    if (this.#isClosed) {
      socket.destroy();
      throw refused("Subscription has ended");
    }
    this.#socket = socket;
    // What it sends is of no interest, but must not fill the socket.
    socket.resume();
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    return socket;
  }
}

function tooLate(): PlatformError {
  return refused(`Receiver took longer than ${ANSWER_MS_MAX} ms`);
}

function refused(message: string): PlatformError {
  return new PlatformError({ kind: "unavailable", what: "telemetry receiver" }, message);
}
