import type { ServerResponse } from "node:http";
import { nextTurn } from "../../base/mod.ts";
import type { HttpResponse } from "./request.ts";

export interface ResponseOptions {
  readonly requestId: string;
  /** Announce that the connection ends with this response. */
  readonly close: boolean;
}

/**
 * Sends a response; resolves when the kernel has taken all of it or the client is gone. Undefined
 * instead of a promise when that is so at once, as with nearly every small body.
 */
export function respond(
  outgoing: ServerResponse,
  response: HttpResponse,
  options: ResponseOptions,
): Promise<void> | undefined {
  const { body } = response;
  const headers: (string | number)[] = ["x-amzn-RequestId", options.requestId];
  for (const name in response.headers) {
    if (name !== "x-amzn-RequestId") headers.push(name, response.headers[name] as string);
  }
  for (const cookie of response.cookies ?? []) headers.push("Set-Cookie", cookie);
  if (options.close) headers.push("Connection", "close");
  if (typeof body !== "string" && !Buffer.isBuffer(body)) {
    outgoing.writeHead(response.status, headers);
    return stream(outgoing, body);
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (response.status !== 204 && response.status !== 304) headers.push("Content-Length", length);
  outgoing.writeHead(response.status, headers);
  outgoing.end(body);
  const { socket } = outgoing.req;
  if (socket.writableLength === 0 || socket.destroyed) return undefined;
  return settled(outgoing, "finish");
}

async function stream(outgoing: ServerResponse, body: AsyncIterable<Buffer>): Promise<void> {
  const { socket } = outgoing.req;
  // A first piece that is there already leaves with the head, in one packet.
  outgoing.cork();
  process.nextTick(() => outgoing.uncork());
  outgoing.flushHeaders();
  try {
    for await (const chunk of body) {
      if (!outgoing.write(chunk)) await settled(outgoing, "drain");
      if (socket.destroyed) return;
    }
  } catch (error) {
    // The status is on its way already: a chunked body without its end says that it failed. What
    // came before the failure is the client's all the same.
    await nextTurn();
    socket.destroySoon();
    throw error;
  }
  outgoing.end();
  await settled(outgoing, "finish");
}

/** Waits for `event` or the end of the connection. */
function settled(outgoing: ServerResponse, event: "drain" | "finish"): Promise<void> {
  // The request's socket: a response that waits behind a pipelined one has none yet.
  const { socket } = outgoing.req;
  if (socket.destroyed || outgoing.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off(event, done);
      socket.off("close", done);
      resolve();
    };
    outgoing.on(event, done);
    socket.on("close", done);
  });
}
