import { connect, type Socket } from "node:net";

/** One HTTP answer; `body` is only valid until the callback returns. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
  /** By performance.now(), when the first byte of the body came; a streamed body has more. */
  readonly firstByteAt?: number;
}

export type AnswerCallback = (error: Error | undefined, answer: Answer | undefined) => void;

/** A way to the server that carries one request at a time. */
export interface Exchanger {
  /** Sends one request; the callback is called once, with an error when no more can be sent. */
  exchange(request: Uint8Array, callback: AnswerCallback): void;
  close(): void;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const NOTHING = Buffer.alloc(0);

/**
 * A keep-alive HTTP/1.1 connection with one request in flight, so lean that it hardly shows beside
 * what it measures: requests are finished bytes, answers are cut out of what arrives.
 */
export class Connection implements Exchanger {
  readonly #socket: Socket;
  #received: Buffer = NOTHING;
  #firstByteAt: number | undefined;
  #callback: AnswerCallback | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("Connection closed by the server")));
  }

  static open(host: string, port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Connection(socket));
      });
    });
  }

  exchange(request: Uint8Array, callback: AnswerCallback): void {
    this.#callback = callback;
    if (this.#failure === undefined) this.#socket.write(request);
    else this.#fail(this.#failure);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (this.#firstByteAt === undefined && hasBody(this.#received)) {
      this.#firstByteAt = performance.now();
    }
    const answer = parseAnswer(this.#received);
    if (answer === undefined) return;
    const firstByteAt = this.#firstByteAt;
    this.#received = NOTHING;
    this.#firstByteAt = undefined;
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.(undefined, firstByteAt === undefined ? answer : { ...answer, firstByteAt });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.(this.#failure, undefined);
  }
}

/** Whether a byte of a chunked body has come: something follows the line with a chunk's length. */
function hasBody(bytes: Buffer): boolean {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return false;
  const lineEnd = bytes.indexOf("\r\n", headEnd + HEAD_END.length);
  return lineEnd >= 0 && bytes.length > lineEnd + 2;
}

/** The answer in `bytes`; undefined until it is whole. */
export function parseAnswer(bytes: Buffer): Answer | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const bodyStart = headEnd + HEAD_END.length;
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const bodyEnd = bodyStart + Number(length);
    if (bytes.length < bodyEnd) return undefined;
    return { status, head, body: bytes.subarray(bodyStart, bodyEnd) };
  }
  const body = parseChunks(bytes, bodyStart);
  return body === undefined ? undefined : { status, head, body };
}

/** Joins a chunked body; undefined until its last chunk is there. */
function parseChunks(bytes: Buffer, start: number): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let offset = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", offset);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", offset, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error("Answer has neither a length nor chunks");
    const partEnd = lineEnd + 2 + size;
    if (bytes.length < partEnd + 2) return undefined;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, partEnd));
    offset = partEnd + 2;
  }
}
