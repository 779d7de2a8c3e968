import type { Socket } from "node:net";
import {
  type Deferred,
  deferred,
  encodeFrame,
  type Frame,
  FrameReader,
  messageOf,
  type PlatformError,
} from "../base/mod.ts";
import { FRAME } from "./frame-channel.ts";
import { ERROR_BYTES_MAX } from "./runtime-outcome.ts";

export interface LauncherEvents {
  /** The bootstrap cannot be run: the payload of the error. */
  onError(payload: Buffer): void;
  /** The launcher ended before it was told to launch, or spoke nonsense. */
  onBroken(message: string): void;
}

/**
 * The host's end of the connection to guest/provided/launch.pl, which waits in the pool and turns
 * into the function's bootstrap. The connection closes when it does.
 */
export class Launcher {
  readonly #socket: Socket;
  readonly #reader: FrameReader = new FrameReader(ERROR_BYTES_MAX);
  readonly #events: LauncherEvents;
  readonly #ready: Deferred<void> = deferred();
  #state: "starting" | "waiting" | "launching" | "done" = "starting";

  constructor(socket: Socket, events: LauncherEvents) {
    this.#socket = socket;
    this.#events = events;
    const ended = (): void => {
      if (this.#state === "launching" || this.#state === "done") this.#state = "done";
      else this.#break("Launcher ended before its time");
    };
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", ended);
    socket.on("close", ended);
  }

  /** Settles when the launcher waits for an environment; rejects with what `close` was given. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Values with a NUL cannot exist in an environment: they end there. */
  launch(variables: Readonly<Record<string, string>>): void {
    const entries = Object.entries(variables).map(
      ([name, value]) => `${name}=${value.split("\0", 1)[0]}\0`,
    );
    this.#state = "launching";
    this.#socket.write(encodeFrame(FRAME.launch, Buffer.from(entries.join(""))));
  }

  close(reason: PlatformError): void {
    this.#state = "done";
    this.#ready.reject(reason);
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#state === "done") return;
    try {
      this.#reader.push(chunk, (frame) => this.#receive(frame));
    } catch (error) {
      this.#break(`Launcher broke the protocol: ${messageOf(error)}`);
    }
  }

  #receive(frame: Frame): void {
    if (frame.type === FRAME.ready && this.#state === "starting") {
      this.#state = "waiting";
      this.#ready.resolve();
    } else if (frame.type === FRAME.initialiseError && this.#state === "launching") {
      this.#state = "done";
      this.#events.onError(frame.payload);
    } else this.#break(`Launcher broke the protocol: unexpected frame of type ${frame.type}`);
  }

  #break(message: string): void {
    if (this.#state === "done") return;
    this.#state = "done";
    this.#events.onBroken(message);
  }
}
