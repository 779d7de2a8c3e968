import type { IncomingMessage, ServerResponse } from "node:http";
import { nextTurn, Pieces } from "../base/mod.ts";

/** What one connection may bring before others have their turn; ours. */
const TURN_BYTES = 64 * 1024;
/** What is read of a body that nobody wants, so that its sender gets to read why; ours. */
const UNWANTED_BYTES_MAX = 8 * 1024 * 1024;

/** A body as it comes. However fast it does, the server has its time for others. */
export async function* piecesOf(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let bytes = 0;
  for await (const chunk of body) {
    yield chunk;
    bytes += chunk.length;
    if (bytes < TURN_BYTES) continue;
    bytes = 0;
    await nextTurn();
  }
}

/**
 * The whole body, or undefined when it is longer than `limitBytes`; the rest is then not kept.
 * @throws when the connection ends before it, which that of a much longer one does
 */
export async function readBody(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Buffer | undefined> {
  const chunks = new Pieces();
  let length = 0;
  for await (const chunk of piecesOf(request)) {
    length += chunk.length;
    if (length <= limitBytes) chunks.add(chunk);
    else chunks.clear();
    if (length > limitBytes + UNWANTED_BYTES_MAX) request.socket.destroy();
  }
  return length <= limitBytes ? chunks.joined() : undefined;
}

/** What AWS answers when a runtime's message was taken. */
export function sendStatus(response: ServerResponse): void {
  sendJson(response, 202, { status: "OK" });
}

export function sendError(
  response: ServerResponse,
  status: number,
  errorType: string,
  errorMessage: string,
): void {
  // A body that was not read would be taken for the next request.
  readBody(response.req, 0).catch(() => {});
  sendJson(response, status, { errorMessage, errorType });
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": body.length,
  });
  response.end(body);
}
