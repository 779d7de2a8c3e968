import { type Deferred, deferred, Pieces } from "../base/mod.ts";
import { limits, type ResponseHead, type ResponseSink } from "../model/mod.ts";

/**
 * Carries one streamed response from the call that writes it to the edge that reads it. A writer
 * that is STREAM_WINDOW_BYTES ahead is asked to wait. Who made the call ends the stream when the
 * call has ended; a reader that leaves early leaves a stream that swallows the rest, for the
 * function goes on without its caller.
 */
export class ResponseStream implements ResponseSink, AsyncIterable<Buffer> {
  /** What is known before the first byte; undefined when the call ended without streaming. */
  readonly begun: Promise<ResponseHead | undefined>;
  readonly #begin: Deferred<ResponseHead | undefined> = deferred();
  readonly #chunks = new Pieces();
  #heldBytes = 0;
  #hasEnded = false;
  #isAbandoned = false;
  /** A writer that waits for room. */
  #room: Deferred<void> | undefined;
  /** A reader that waits for bytes. */
  #news: Deferred<void> | undefined;

  constructor() {
    this.begun = this.#begin.promise;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  begin(head: ResponseHead): void {
    this.#begin.resolve(head);
  }

  write(chunk: Buffer): Promise<void> | undefined {
    if (this.#isAbandoned || chunk.length === 0) return undefined;
    this.#chunks.add(chunk);
    this.#heldBytes += chunk.length;
    this.#tell();
    if (this.#heldBytes < limits.STREAM_WINDOW_BYTES) return undefined;
    this.#room ??= deferred();
    return this.#room.promise;
  }

  /** The call has ended: what was written can still be read. */
  end(): void {
    this.#hasEnded = true;
    this.#begin.resolve(undefined);
    this.#tell();
  }

  /** Nobody reads on. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#chunks.clear();
    this.#makeRoom(this.#heldBytes);
    this.#tell();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      while (!this.#isAbandoned) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          yield chunk;
          this.#makeRoom(chunk.length);
        } else if (this.#hasEnded) return;
        else {
          this.#news = deferred();
          await this.#news.promise;
        }
      }
    } finally {
      this.abandon();
    }
  }

  #makeRoom(bytes: number): void {
    this.#heldBytes = Math.max(0, this.#heldBytes - bytes);
    if (this.#heldBytes >= limits.STREAM_WINDOW_BYTES) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #tell(): void {
    this.#news?.resolve();
    this.#news = undefined;
  }
}
