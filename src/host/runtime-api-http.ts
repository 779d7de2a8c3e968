import type { IncomingMessage, ServerResponse } from "node:http";

/** The whole body, or undefined when it is longer than `limitBytes`; the rest is then not kept. */
export async function readBody(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limitBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return length <= limitBytes ? Buffer.concat(chunks, length) : undefined;
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
  response.req.resume();
  sendJson(response, status, { errorMessage, errorType });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": body.length,
  });
  response.end(body);
}
