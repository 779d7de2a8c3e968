import type { Socket } from "node:net";
import {
  assert,
  type Deferred,
  deferred,
  encodeFrame,
  type Frame,
  FrameReader,
  isPlatformError,
  messageOf,
  nextTurn,
  PlatformError,
} from "../base/mod.ts";
import { limits, type Outcome } from "../model/mod.ts";
import type {
  InitialiseRequest,
  InitialiseResult,
  RuntimeCall,
  RuntimeChannel,
} from "./channel.ts";
import {
  EMPTY_EVENT,
  reportedFailure,
  responseOutcome,
  responseTooLarge,
} from "./runtime-outcome.ts";
import { StreamedResponse } from "./streamed-response.ts";

/** Frame types of guest/README.md; launch is for custom runtimes, see runtime-api.ts. */
export const FRAME = {
  initialise: 1,
  invoke: 2,
  launch: 3,
  credit: 4,
  ready: 16,
  initialised: 17,
  initialiseError: 18,
  response: 20,
  error: 21,
  log: 22,
  lastError: 23,
  streamBegin: 24,
  streamChunk: 25,
  streamEnd: 26,
  evidence: 27,
} as const;

/** A frame longer than the longest response ends the channel: it is never buffered. Ours. */
export const FRAME_BYTES_MAX: number = limits.INVOKE_RESPONSE_BYTES_MAX + 1;

export interface FrameChannelOptions {
  /**
   * What the function logs, in order. The bytes are a view of a larger buffer: copy what is kept.
   */
  onLog(chunk: Buffer): void;
  /** Gives up waiting for the runtime to be ready; the socket is then closed. */
  readonly signal?: AbortSignal;
}

/** Credit is given in portions: a write of ours for each small piece would delay the next. */
const CREDIT_BYTES_MIN = limits.STREAM_WINDOW_BYTES / 4;

/** What a runtime may bring in one turn; ours: a larger read ends there. */
const TURN_BYTES = 32 * 1024;

interface PendingCall {
  readonly call: RuntimeCall;
  /** Set while the runtime streams its response. */
  stream?: StreamedResponse;
  /** Bytes the runtime may still send before it gets credit. */
  window: number;
  /** Bytes that were taken and not given credit for yet. */
  owed: number;
  /** Bytes that get credit only when the sink wants more. */
  withheld: number;
  evidenceBytes: number;
  resolve(outcome: Outcome): void;
  reject(error: PlatformError): void;
}

/**
 * Speaks with a built-in runtime over its socket; resolves when the runtime says that it is ready.
 * @throws PlatformError kind "unavailable" when the runtime ends or speaks nonsense first
 */
export async function openFrameChannel(
  socket: Socket,
  options: FrameChannelOptions,
): Promise<FrameChannel> {
  const channel = new FrameChannel(socket, options.onLog);
  const abort = (): void => channel.close();
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    if (options.signal?.aborted) abort();
    await channel.ready;
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
  return channel;
}

/**
 * The host's end of the frame protocol. What the guest sends is hostile: a frame that is unknown,
 * too long or out of order ends the channel, and at most one frame's bytes are held.
 */
export class FrameChannel implements RuntimeChannel {
  readonly #socket: Socket;
  readonly #reader: FrameReader = new FrameReader(FRAME_BYTES_MAX);
  readonly #onFrame: (frame: Frame) => void = (frame) => this.#receive(frame);
  readonly #onLog: (chunk: Buffer) => void;
  readonly #ready: Deferred<void> = deferred();
  #isReady = false;
  #initialising: Deferred<InitialiseResult> | undefined;
  #initialised = false;
  #pending: PendingCall | undefined;
  #failure: PlatformError | undefined;
  /** Nothing is expected any more, but what the runtime logs on its way out. */
  #isAbandoned = false;

  constructor(socket: Socket, onLog: (chunk: Buffer) => void) {
    this.#socket = socket;
    this.#onLog = onLog;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail(`Connection to the runtime broke: ${error.message}`));
    socket.on("close", () => this.#fail("Runtime closed its connection"));
  }

  /** Settles when the runtime is ready, or the channel failed before. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  initialise(request: InitialiseRequest): Promise<InitialiseResult> {
    if (this.#failure) return Promise.reject(this.#failure);
    assert(!this.#initialised && !this.#initialising, "A runtime is initialised once");
    this.#initialising = deferred();
    this.#socket.write(encodeFrame(FRAME.initialise, Buffer.from(JSON.stringify(request))));
    return this.#initialising.promise;
  }

  invoke(call: RuntimeCall): Promise<Outcome> {
    if (this.#failure) return Promise.reject(this.#failure);
    assert(!this.#pending, "A runtime runs one call at a time");
    assert(this.#initialised || this.#initialising, "A runtime is initialised before its calls");
    this.#socket.write(encodeInvoke(call));
    if (this.#initialised) call.onStarted?.();
    return new Promise((resolve, reject) => {
      const window = limits.STREAM_WINDOW_BYTES;
      const counts = { window, owed: 0, withheld: 0, evidenceBytes: 0 };
      this.#pending = { call, ...counts, resolve, reject };
    });
  }

  abandon(): void {
    if (this.#failure) return;
    this.#isAbandoned = true;
    this.#giveUp("Channel was abandoned");
  }

  close(): void {
    this.#isAbandoned = false;
    this.#fail("Channel was closed");
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#failure && !this.#isAbandoned) return;
    if (chunk.length >= TURN_BYTES) this.#pause();
    try {
      this.#reader.push(chunk, this.#onFrame);
    } catch (error) {
      if (isPlatformError(error, "too_large") && this.#initialised)
        this.#answer(responseTooLarge());
      if (this.#isAbandoned) this.close();
      else this.#fail(`Runtime broke the protocol: ${messageOf(error)}`);
    }
  }

  /** A flood of frames must not take the server's time: others have their turn before the next. */
  #pause(): void {
    this.#socket.pause();
    void nextTurn().then(() => this.#socket.resume());
  }

  #receive(frame: Frame): void {
    const { type, payload } = frame;
    if (this.#failure) {
      if (this.#isAbandoned && type === FRAME.log) this.#onLog(payload);
      return;
    }
    if (type === FRAME.response && this.#mayAnswer()) {
      this.#answer(responseOutcome(payload));
    } else if (type === FRAME.log && this.#isReady) this.#onLog(payload);
    else if (type === FRAME.error && this.#mayAnswer()) this.#answer(reportedFailure(payload));
    else if (type === FRAME.lastError && this.#mayAnswer()) {
      this.#answer(reportedFailure(payload));
      this.#fail("Runtime ends after an error it does not survive");
    } else if (type === FRAME.initialised && this.#initialising)
      this.#endInitialising({ ok: true });
    else if (type === FRAME.initialiseError && this.#initialising) {
      this.#endInitialising({ ok: false, outcome: reportedFailure(payload) });
    } else if (type === FRAME.ready && !this.#isReady) {
      this.#isReady = true;
      this.#ready.resolve();
    } else if (!this.#receiveOfCall(frame)) {
      this.#fail(`Runtime broke the protocol: unexpected frame of type ${type}`);
    }
  }

  /** Parts of a streamed response, and what instruments bring. */
  #receiveOfCall({ type, payload }: Frame): boolean {
    const pending = this.#pending;
    if (pending === undefined || !this.#initialised) return false;
    if (type === FRAME.streamBegin && pending.stream === undefined) {
      pending.stream = new StreamedResponse(pending.call.sink, payload.toString("latin1"));
    } else if (type === FRAME.streamChunk && pending.stream !== undefined) {
      this.#takeChunk(pending, pending.stream, payload);
    } else if (type === FRAME.streamEnd && pending.stream !== undefined) {
      this.#answer(pending.stream.end());
    } else if (type === FRAME.evidence) this.#takeEvidence(pending, payload);
    else return false;
    return true;
  }

  #takeChunk(pending: PendingCall, stream: StreamedResponse, payload: Buffer): void {
    if (payload.length === 0) return;
    pending.window -= payload.length;
    if (pending.window < 0) {
      this.#fail("Runtime broke the protocol: it streams more than it was given credit for");
      return;
    }
    const full = stream.write(payload);
    if (!stream.fits) {
      this.#answer(responseTooLarge());
      this.#fail("Runtime streams a response that is too large");
    } else if (full === undefined) this.#giveCredit(pending, payload.length);
    else this.#withhold(pending, payload.length, full);
  }

  /** One wait for all chunks that come meanwhile: they may be many and small. */
  #withhold(pending: PendingCall, bytes: number, full: Promise<void>): void {
    pending.withheld += bytes;
    if (pending.withheld > bytes) return;
    void full.then(() => {
      const { withheld } = pending;
      pending.withheld = 0;
      this.#giveCredit(pending, withheld);
    });
  }

  #giveCredit(pending: PendingCall, bytes: number): void {
    pending.owed += bytes;
    if (pending.owed < CREDIT_BYTES_MIN || this.#failure || this.#pending !== pending) return;
    const credit = Buffer.allocUnsafe(4);
    credit.writeUInt32BE(pending.owed);
    pending.window += pending.owed;
    pending.owed = 0;
    this.#socket.write(encodeFrame(FRAME.credit, credit));
  }

  /** `u8` length of the instrument's name, the name, bytes. */
  #takeEvidence(pending: PendingCall, payload: Buffer): void {
    pending.evidenceBytes += payload.length;
    const nameEnd = 1 + (payload[0] ?? 0);
    if (nameEnd > payload.length || pending.evidenceBytes > limits.EVIDENCE_BYTES_PER_CALL_MAX) {
      this.#fail("Runtime broke the protocol: evidence is malformed or too large");
      return;
    }
    pending.call.onEvidence?.(payload.toString("latin1", 1, nameEnd), payload.subarray(nameEnd));
  }

  #mayAnswer(): boolean {
    return this.#initialised && this.#pending !== undefined;
  }

  #answer(outcome: Outcome): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve(outcome);
  }

  /** A call that was sent ahead starts now, or shares the failed initialisation's outcome. */
  #endInitialising(result: InitialiseResult): void {
    this.#initialising?.resolve(result);
    this.#initialising = undefined;
    if (result.ok) {
      this.#initialised = true;
      this.#pending?.call.onStarted?.();
    } else {
      this.#answer(result.outcome);
      this.#fail("Runtime could not be initialised");
    }
  }

  #fail(message: string): void {
    if (this.#failure) return;
    this.#giveUp(message);
    this.#socket.destroy();
  }

  #giveUp(message: string): void {
    const error = new PlatformError({ kind: "unavailable", what: "runtime" }, message);
    this.#failure = error;
    this.#initialising?.reject(error);
    this.#initialising = undefined;
    this.#pending?.reject(error);
    this.#pending = undefined;
    this.#ready.reject(error);
  }
}

/** INVOKE in one buffer: u32 header length, JSON header, event. */
function encodeInvoke(call: RuntimeCall): Buffer {
  const { clientContext: context, cognitoIdentity: identity, instruments } = call;
  // By hand where nothing needs escaping: this is on the way of every call.
  const header =
    `{"requestId":"${call.requestId}","functionArn":"${call.functionArn}",` +
    `"traceId":${JSON.stringify(call.traceId)},"timeoutMs":${call.timeoutMs}` +
    `${context === undefined ? "" : `,"clientContext":${JSON.stringify(context)}`}` +
    `${identity === undefined ? "" : `,"cognitoIdentity":${JSON.stringify(identity)}`}` +
    `${instruments === undefined ? "" : `,"instruments":${JSON.stringify(instruments)}`}}`;
  const event = call.payload.length > 0 ? call.payload : EMPTY_EVENT;
  const headerBytes = Buffer.byteLength(header);
  const frame = Buffer.allocUnsafe(9 + headerBytes + event.length);
  frame.writeUInt32BE(5 + headerBytes + event.length, 0);
  frame[4] = FRAME.invoke;
  frame.writeUInt32BE(headerBytes, 5);
  frame.write(header, 9);
  event.copy(frame, 9 + headerBytes);
  return frame;
}
