import { type Deferred, deferred, messageOf, PlatformError } from "../../base/mod.ts";
import { limits, type Owner } from "../../model/mod.ts";
import type { LogPart } from "../call-log.ts";
import type { CallWriter } from "./artefacts.ts";
import { DEBUG_MESSAGE_BYTES_MAX } from "./debug-sessions.ts";
import type { FileSinks } from "./file-sinks.ts";
import type { HttpSinks } from "./http-sinks.ts";
import {
  type Headed,
  jsonPart,
  logPart,
  namedPart,
  PiecedMessage,
  SIDECAR_FRAME,
} from "./protocol.ts";
import type { CallPort, DeliveryResult, SidecarChannel } from "./sidecar-channel.ts";

/** Where what a sidecar brings goes to. */
export interface Outlets {
  readonly files: FileSinks;
  readonly http: HttpSinks;
  readonly writer: CallWriter;
}

/** Messages between a user's debugger and the function, through the sidecar. */
export interface Relay {
  toFunction(message: Buffer): void;
  toUser(message: Buffer): void;
}

/** What waits for a sidecar beside the log before evidence is dropped, too. */
const BACKLOG_BYTES_MAX = limits.SIDECAR_QUEUE_BYTES_MAX + limits.EVIDENCE_BYTES_PER_CALL_MAX;

/**
 * One sidecar's part in one call: `attached`, what happens in the call, `end`, `flushed`. Neither a
 * slow nor a dead sidecar is felt by the call: what it does not take is dropped and counted.
 */
export class Attachment implements CallPort {
  readonly name: string;
  readonly #owner: Owner;
  readonly #channel: SidecarChannel;
  readonly #outlets: Outlets;
  readonly #number: number;
  readonly #attached: Deferred<void> = deferred();
  readonly #flushed: Deferred<void> = deferred();
  /** Settles when all that was to be written so far is. */
  #kept: Promise<void> = Promise.resolve();
  #isOver = false;
  #dropped = 0;
  #evidenceBytes = 0;
  relay: Relay | undefined;
  readonly #toUser = new PiecedMessage(DEBUG_MESSAGE_BYTES_MAX);
  readonly #toFunction = new PiecedMessage(DEBUG_MESSAGE_BYTES_MAX);

  constructor(options: {
    readonly name: string;
    readonly owner: Owner;
    readonly channel: SidecarChannel;
    readonly outlets: Outlets;
    readonly facts: unknown;
  }) {
    this.name = options.name;
    this.#owner = options.owner;
    this.#channel = options.channel;
    this.#outlets = options.outlets;
    this.#attached.promise.catch(() => {}); // met by whoever waits for `attached`
    this.#number = this.#channel.attach(options.facts, this);
  }

  /** Rejects with PlatformError kind "unavailable" when the sidecar refuses the call or ends. */
  get attached(): Promise<void> {
    return this.#attached.promise;
  }

  /** Resolves when the sidecar has brought all it had, or is gone. */
  get flushed(): Promise<void> {
    return this.#flushed.promise;
  }

  started(facts: unknown): void {
    this.#channel.send(SIDECAR_FRAME.started, this.#number, jsonPart(facts));
  }

  log({ atMs, source, isMessage, bytes }: LogPart): void {
    if (this.#channel.isCongested) this.#dropped += bytes.length;
    else this.#send(SIDECAR_FRAME.log, logPart(atMs, source, isMessage, bytes));
  }

  evidence(instrument: string, bytes: Buffer): void {
    const isSent = this.#sendUnlessFull(SIDECAR_FRAME.evidence, namedPart(instrument, bytes));
    if (isSent) this.#evidenceBytes += bytes.length;
  }

  fromUser(message: Buffer): void {
    this.#sendUnlessFull(SIDECAR_FRAME.fromUser, message);
  }

  fromFunction(message: Buffer): void {
    this.#sendUnlessFull(SIDECAR_FRAME.fromFunction, message);
  }

  end(result: Readonly<Record<string, unknown>>): void {
    if (this.#dropped > 0) this.onWarn(`was too slow: ${this.#dropped} bytes were dropped`);
    const counts = { droppedBytes: this.#dropped, evidenceBytes: this.#evidenceBytes };
    this.#send(SIDECAR_FRAME.end, jsonPart({ ...result, ...counts }));
  }

  /** Its time to flush is over. */
  giveUp(): void {
    if (this.#isOver) return;
    this.onWarn("was not done in time: what it brought may be incomplete");
    this.detach();
  }

  /** Nothing more is waited for or believed. */
  detach(): void {
    this.#isOver = true;
    this.#channel.detach(this.#number);
    this.#flushed.resolve();
  }

  onAttached(): void {
    this.#attached.resolve();
  }

  onRefused(reason: string): void {
    this.#attached.reject(unavailable(`Sidecar ${this.name} refused the call: ${reason}`));
    this.detach();
  }

  async onArtefact({ header, bytes }: Headed): Promise<void> {
    await this.#keeping(this.#outlets.writer.append(this.name, header, bytes));
  }

  async onAppend({ header, bytes }: Headed): Promise<void> {
    await this.#keeping(this.#outlets.files.append(this.#owner, header.file, bytes));
  }

  onDeliver({ header, bytes }: Headed, answer: (result: DeliveryResult) => void): void {
    const { url, method, headers } = header;
    const delivery = {
      url: typeof url === "string" ? url : "",
      method: typeof method === "string" && /^[A-Z]{1,16}$/.test(method) ? method : "POST",
      headers: headersIn(headers),
      body: Buffer.from(bytes),
    };
    this.#outlets.http.deliver(this.#owner, delivery).then(
      (status) => answer({ status }),
      (error) => answer({ error: messageOf(error) }),
    );
  }

  onWarn(text: string): void {
    this.#outlets.writer.warn(`${this.name}: ${text}`);
  }

  onFlushed(): void {
    void this.#kept.then(() => this.detach());
  }

  onToFunction(piece: Buffer): void {
    const message = this.relay && this.#toFunction.add(piece);
    if (message !== undefined) this.relay?.toFunction(message);
  }

  onToUser(piece: Buffer): void {
    const message = this.relay && this.#toUser.add(piece);
    if (message !== undefined) this.relay?.toUser(message);
  }

  onLost(reason: string): void {
    this.#attached.reject(unavailable(`Sidecar ${this.name} was lost: ${reason}`));
    this.onWarn(`lost: ${reason}`);
    this.#isOver = true;
    this.#flushed.resolve();
  }

  #send(type: number, part: Buffer): void {
    this.#channel.send(type, this.#number, part);
  }

  /** False when too much waits for the sidecar already: then it is dropped and counted. */
  #sendUnlessFull(type: number, part: Buffer): boolean {
    const fits = this.#channel.backlogBytes + part.length <= BACKLOG_BYTES_MAX;
    if (fits) this.#send(type, part);
    else this.#dropped += part.length;
    return fits;
  }

  /** What cannot be kept is said, and costs nothing else. */
  async #keeping(work: Promise<void>): Promise<void> {
    const kept = work.catch((error) => this.onWarn(messageOf(error)));
    this.#kept = Promise.all([this.#kept, kept]).then(() => {});
    await kept;
  }
}

function headersIn(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  const entries = Object.entries(value).filter(
    ([name, text]) =>
      /^[\w!#$%&'*+.^`|~-]{1,128}$/.test(name) &&
      typeof text === "string" &&
      /^[\t\x20-\x7e]{0,4096}$/.test(text),
  );
  return Object.fromEntries(entries.slice(0, 64));
}

function unavailable(message: string): PlatformError {
  return new PlatformError({ kind: "unavailable", what: "sidecar" }, message);
}
