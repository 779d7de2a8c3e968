import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { sendError, sendJson } from "./runtime-api-http.ts";
import { SandboxApi } from "./sandbox-api.ts";

interface Setting {
  readonly socket: Socket;
  /** Paths of the requests that were handed to the API. */
  readonly taken: string[];
}

async function start(t: TestContext): Promise<Setting> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api = new SandboxApi(server);
  const taken: string[] = [];
  api.mount("v1", (path, _request, response) => {
    taken.push(path);
    if (path === "refused") sendError(response, 403, "Refused", "no");
    else sendJson(response, 200, "OK");
  });
  const [host, port] = api.address.split(":");
  const socket = connect(Number(port), host);
  t.after(() => {
    socket.destroy();
    api.close();
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, taken };
}

/** Resolves when a connection has ended, in whatever way. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

const REQUEST = "GET /v1/x HTTP/1.1\r\nHost: sandbox\r\n\r\n";

test("SandboxApi: a connection may be used again, once it was answered", async (t) => {
  const { socket, taken } = await start(t);
  for (let times = 0; times < 3; times++) {
    socket.write(REQUEST);
    const [answer] = await once(socket, "data");
    assert.match(String(answer), /^HTTP\/1.1 200 /);
  }
  assert.equal(taken.length, 3);
});

test("SandboxApi: attack: thousands of requests in one packet", async (t) => {
  const { socket, taken } = await start(t);
  socket.resume();
  socket.write(REQUEST.repeat(1000));
  await closed(socket);
  assert.equal(taken.length, 1);
});

test("SandboxApi: attack: a body without end that nobody wants", async (t) => {
  const { socket } = await start(t);
  const mebibyte = Buffer.alloc(1024 * 1024);
  socket.write("POST /v1/refused HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 99999999999\r\n\r\n");
  const [answer] = await once(socket, "data");
  assert.match(String(answer), /^HTTP\/1.1 403 /);
  const pump = (): void => {
    while (!socket.destroyed && socket.bytesWritten < 1e9) {
      if (!socket.write(mebibyte)) return;
    }
  };
  socket.on("drain", pump);
  pump();
  await closed(socket);
  assert.ok(socket.bytesWritten < 200e6, `${socket.bytesWritten} bytes`);
});
