import type { IncomingMessage } from "node:http";
import { PlatformError } from "../../base/mod.ts";

/** Bytes that all requests together may hold; what a request takes it gives back at its end. */
export class BodyBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws PlatformError kind "overloaded" when the bytes would exceed the limit */
  take(bytes: number): void {
    if (this.#heldBytes + bytes > this.#limitBytes) {
      throw new PlatformError(
        { kind: "overloaded", queue: "request bodies" },
        `Request bodies hold ${this.#heldBytes} of ${this.#limitBytes} bytes, ${bytes} more came`,
      );
    }
    this.#heldBytes += bytes;
  }

  give(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);

export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers["content-length"];
  if (length === undefined) return request.headers["transfer-encoding"] !== undefined;
  return length !== "0";
}

/** @throws PlatformError kind "too_large" when the request announces more than `limitBytes` */
export function checkAnnouncedLength(request: IncomingMessage, limitBytes: number): void {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limitBytes) throw tooLarge(limitBytes, announced);
}

/** The body of one request and its share of the budget. */
export class RequestBody implements Disposable {
  readonly #budget: BodyBudget;
  #takenBytes = 0;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  /**
   * Collects the body. One chunk, the usual case, is handed on without a copy.
   * @throws PlatformError kinds "too_large", "overloaded"; "unavailable" when the client leaves
   */
  read(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
    if (!hasBody(request)) return Promise.resolve(EMPTY);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const fail = (error: unknown): void => {
        request.off("data", onData);
        request.resume();
        reject(error);
      };
      const onData = (chunk: Buffer): void => {
        if (this.#takenBytes + chunk.length > limitBytes) {
          fail(tooLarge(limitBytes, this.#takenBytes + chunk.length));
          return;
        }
        try {
          this.#budget.take(chunk.length);
          this.#takenBytes += chunk.length;
          chunks.push(chunk);
        } catch (error) {
          fail(error);
        }
      };
      request.on("data", onData);
      request.on("end", () => resolve(joined(chunks, this.#takenBytes)));
      request.on("error", (cause) => reject(clientLeft(cause)));
    });
  }

  [Symbol.dispose](): void {
    this.#budget.give(this.#takenBytes);
    this.#takenBytes = 0;
  }
}

function joined(chunks: readonly Buffer[], length: number): Buffer {
  const [first] = chunks;
  if (first === undefined) return EMPTY;
  return chunks.length === 1 ? first : Buffer.concat(chunks, length);
}

function tooLarge(limitBytes: number, actualBytes: number): PlatformError {
  return new PlatformError(
    { kind: "too_large", what: "request body", limitBytes, actualBytes },
    `Request body must be ${limitBytes} bytes or less, got ${actualBytes} or more`,
  );
}

function clientLeft(cause: unknown): PlatformError {
  return new PlatformError(
    { kind: "unavailable", what: "client" },
    "Client closed the connection before its request was complete",
    { cause },
  );
}
