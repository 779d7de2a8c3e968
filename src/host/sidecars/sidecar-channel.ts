import type { Socket } from "node:net";
import {
  type Deferred,
  deferred,
  encodeFrame,
  type Frame,
  FrameReader,
  messageOf,
  PlatformError,
} from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import {
  broken,
  callFrame,
  type Headed,
  headedPart,
  jsonPart,
  plainText,
  SIDECAR_FRAME,
  SIDECAR_FRAME_BYTES_MAX,
} from "./protocol.ts";

/**
 * What a sidecar says about one call. A promise holds the sidecar back until it settles; it does
 * not reject.
 */
export interface CallPort {
  onAttached(): void;
  onRefused(reason: string): void;
  onArtefact(part: Headed): Promise<void>;
  onDeliver(part: Headed, answer: (result: DeliveryResult) => void): void;
  onAppend(part: Headed): Promise<void>;
  onWarn(text: string): void;
  onFlushed(): void;
  /** Pieces of messages: `u8` whether more follow, bytes. */
  onToFunction(piece: Buffer): void;
  onToUser(piece: Buffer): void;
  /** The sidecar has ended, or nothing it says can be believed any more. */
  onLost(reason: string): void;
}

export type DeliveryResult = { readonly status: number } | { readonly error: string };

/**
 * The host's end of the conversation with one sidecar. A sidecar may be an owner's own code: what
 * it sends is bounded and checked, and it cannot make the host read faster than it works.
 */
export class SidecarChannel {
  readonly #socket: Socket;
  readonly #reader = new FrameReader(SIDECAR_FRAME_BYTES_MAX);
  readonly #ready: Deferred<void> = deferred();
  readonly #closed: Deferred<void> = deferred();
  readonly #calls = new Map<number, CallPort>();
  #loading: Deferred<void> | undefined;
  #state: "starting" | "ready" | "loading" | "loaded" | "closed" = "starting";
  #lastNumber = 0;
  /** Writes to disk that are under way for this sidecar, and waits for it to read. */
  #held = 0;
  #awaitsReader = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#ready.promise.catch(() => {}); // met by whoever waits for `ready`
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.close(`it ended: ${error.message}`));
    socket.on("close", () => this.close("it ended"));
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  /** Resolves when nothing more is sent or believed, for whatever reason. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** What the sidecar was sent and has not read. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  get isCongested(): boolean {
    return this.backlogBytes > limits.SIDECAR_QUEUE_BYTES_MAX;
  }

  /** Makes the waiting runner one sidecar. @throws PlatformError kind "unavailable" */
  async load(what: { readonly library: string } | { readonly own: true }): Promise<void> {
    this.#loading = deferred();
    this.#state = "loading";
    this.#socket.write(encodeFrame(SIDECAR_FRAME.load, jsonPart(what)));
    await this.#loading.promise;
  }

  /** Tells of a call that is about to start; what the sidecar says about it goes to `port`. */
  attach(call: unknown, port: CallPort): number {
    const number = ++this.#lastNumber;
    if (!this.isOpen) {
      port.onLost("it has ended");
      return number;
    }
    this.#calls.set(number, port);
    this.send(SIDECAR_FRAME.attach, number, jsonPart(call));
    return number;
  }

  send(type: number, number: number, ...parts: Buffer[]): void {
    if (this.isOpen) this.#socket.write(callFrame(type, number, ...parts));
  }

  /** Nothing more of this call is wanted. */
  detach(number: number): void {
    this.#calls.delete(number);
  }

  close(reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#socket.destroy();
    const error = new PlatformError({ kind: "unavailable", what: "sidecar" }, reason);
    this.#ready.reject(error);
    this.#loading?.reject(error);
    const ports = [...this.#calls.values()];
    this.#calls.clear();
    this.#closed.resolve();
    for (const port of ports) port.onLost(reason);
  }

  #read(chunk: Buffer): void {
    if (this.#state === "closed") return;
    try {
      this.#reader.push(chunk, (frame) => this.#receive(frame));
    } catch (error) {
      this.close(messageOf(error));
    }
  }

  #receive({ type, payload }: Frame): void {
    if (this.#state === "closed") return;
    if (type === SIDECAR_FRAME.ready && this.#state === "starting") {
      this.#state = "ready";
      this.#ready.resolve();
    } else if (type === SIDECAR_FRAME.loaded && this.#state === "loading") {
      this.#state = "loaded";
      this.#loading?.resolve();
    } else if (type === SIDECAR_FRAME.loadError && this.#state === "loading") {
      this.close(plainText(payload));
    } else if (this.#state === "loaded" && payload.length >= 4) {
      const port = this.#calls.get(payload.readUInt32BE(0));
      // Of a call that is over: the sidecar has not heard yet.
      if (port !== undefined) this.#receiveOfCall(port, type, payload);
    } else throw broken(`unexpected frame of type ${type}`);
  }

  #receiveOfCall(port: CallPort, type: number, payload: Buffer): void {
    const number = payload.readUInt32BE(0);
    const rest = payload.subarray(4);
    switch (type) {
      case SIDECAR_FRAME.attached:
        port.onAttached();
        break;
      case SIDECAR_FRAME.refused:
        port.onRefused(plainText(rest));
        break;
      case SIDECAR_FRAME.artefact:
        this.#holdFor(port.onArtefact(headedPart(rest)));
        break;
      case SIDECAR_FRAME.append:
        this.#holdFor(port.onAppend(headedPart(rest)));
        break;
      case SIDECAR_FRAME.deliver:
        this.#deliver(port, number, headedPart(rest));
        break;
      case SIDECAR_FRAME.warn:
        port.onWarn(plainText(rest));
        break;
      case SIDECAR_FRAME.toFunction:
        port.onToFunction(Buffer.from(rest));
        break;
      case SIDECAR_FRAME.toUser:
        port.onToUser(Buffer.from(rest));
        break;
      case SIDECAR_FRAME.flushed:
        port.onFlushed();
        break;
      default:
        throw broken(`unexpected frame of type ${type}`);
    }
  }

  #deliver(port: CallPort, number: number, part: Headed): void {
    const { delivery } = part.header;
    if (!Number.isSafeInteger(delivery)) throw broken("a delivery without a number");
    this.#awaitReader();
    port.onDeliver(part, (result) => {
      this.send(SIDECAR_FRAME.delivered, number, jsonPart({ delivery, ...result }));
    });
  }

  /** Reads no further from a sidecar that does not read its answers. */
  #awaitReader(): void {
    if (this.#awaitsReader || !this.isCongested) return;
    this.#awaitsReader = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("drain", resolve);
    this.#holdFor(
      Promise.race([promise, this.closed]).then(() => {
        this.#awaitsReader = false;
      }),
    );
  }

  /** Reads no further until the work is done. */
  #holdFor(work: Promise<void>): void {
    this.#held++;
    this.#socket.pause();
    void work.finally(() => {
      this.#held--;
      if (this.#held === 0 && this.isOpen) this.#socket.resume();
    });
  }
}
