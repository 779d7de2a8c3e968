import type { IncomingMessage } from "node:http";
import { Pieces, PlatformError } from "../../base/mod.ts";
import type { Budget } from "./budget.ts";

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
  readonly #budget: Budget;
  #takenBytes = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /**
   * Collects the body. One chunk, the usual case, is handed on without a copy.
   * @throws PlatformError kinds "too_large", "overloaded"; "unavailable" when the client leaves
   */
  read(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
    if (!hasBody(request)) return Promise.resolve(EMPTY);
    return new Promise((resolve, reject) => {
      const chunks = new Pieces();
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
          chunks.add(chunk);
        } catch (error) {
          fail(error);
        }
      };
      request.on("data", onData);
      request.on("end", () => resolve(chunks.joined()));
      request.on("error", (cause) => reject(clientLeft(cause)));
    });
  }

  [Symbol.dispose](): void {
    this.#budget.give(this.#takenBytes);
    this.#takenBytes = 0;
  }
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
