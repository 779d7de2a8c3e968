import type { Socket } from "node:net";
import { type Clock, deferred, PlatformError } from "../../base/mod.ts";
import type { Outcome } from "../../model/mod.ts";
import type {
  InitialiseRequest,
  InitialiseResult,
  RuntimeCall,
  RuntimeChannel,
} from "../channel.ts";
import { openFrameChannel } from "../frame-channel.ts";
import { RuntimeApi } from "../runtime-api.ts";
import type { SandboxApi } from "../sandbox-api.ts";

export interface WrappedChannelOptions {
  /** The connection that the runtime inherits. */
  readonly socket: Socket;
  readonly api: SandboxApi;
  readonly clock: Clock;
  /** Settles when the runtime, or what the wrapper became instead, has ended. */
  readonly exited: Promise<unknown>;
  onLog(chunk: Buffer): void;
  /** Starts the wrapper. */
  start(request: InitialiseRequest): void;
}

/**
 * The channel to a runtime that starts with its function only: a wrapper of the function's own
 * (AWS_LAMBDA_EXEC_WRAPPER) becomes the runtime. It may become another one than it was given: who
 * first says that it is ready, over frames or over the HTTP Runtime API, is the runtime.
 */
export class WrappedChannel implements RuntimeChannel {
  readonly #options: WrappedChannelOptions;
  readonly #met = deferred<RuntimeChannel>();
  #inner: RuntimeChannel | undefined;
  #isClosed = false;

  constructor(options: WrappedChannelOptions) {
    this.#options = options;
    // Met by whoever initialises or calls.
    this.#met.promise.catch(() => {});
  }

  async initialise(request: InitialiseRequest): Promise<InitialiseResult> {
    const { socket, api, clock, exited, onLog, start } = this.#options;
    if (this.#isClosed) throw closed();
    start(request);
    const ended = new AbortController();
    void exited.then(() => ended.abort());
    const overHttp = new RuntimeApi({ api, clock, exited });
    const asked = overHttp.initialise(request);
    const ready = openFrameChannel(socket, { onLog, signal: ended.signal });
    for (const promise of [asked, ready]) promise.catch(() => {});
    try {
      const first = await Promise.race([ready, asked.then(() => overHttp), this.#met.promise]);
      if (first !== overHttp) overHttp.close();
      this.#inner = first;
      this.#met.resolve(first);
      return await (first === overHttp ? asked : first.initialise(request));
    } catch (error) {
      overHttp.close();
      this.close();
      throw error;
    }
  }

  async invoke(call: RuntimeCall): Promise<Outcome> {
    return await (await this.#met.promise).invoke(call);
  }

  get isOpen(): boolean {
    return this.#inner?.isOpen ?? !this.#isClosed;
  }

  abandon(): void {
    this.#isClosed = true;
    this.#met.reject(closed());
    this.#inner?.abandon();
  }

  close(): void {
    this.#isClosed = true;
    this.#met.reject(closed());
    this.#inner?.close();
    this.#options.socket.destroy();
  }
}

function closed(): PlatformError {
  return new PlatformError({ kind: "unavailable", what: "runtime" }, "Channel was closed");
}
