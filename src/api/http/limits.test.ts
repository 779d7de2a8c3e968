import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { deferred } from "../../base/mod.ts";
import {
  assertHealthy,
  connected,
  echo,
  exchangeBytes,
  type Running,
  requestBytes,
  serviceOf,
  signed,
  start,
} from "./testing.ts";

const INVALID: readonly [what: string, status: number, bytes: string][] = [
  ["no HTTP", 400, "hello\r\n\r\n"],
  ["TLS", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["an unknown method", 400, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a future version", 400, "GET / HTTP/9.9\r\nHost: a\r\n\r\n"],
  ["no host", 400, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"],
  ["a header without a name", 400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"],
  ["a folded header", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"],
  ["a null byte in a header", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"],
  ["a bare line feed", 400, "GET / HTTP/1.1\nHost: a\nX: a\r\rb\n\n"],
  [
    "two lengths",
    400,
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
  ],
  [
    "length and chunks",
    400,
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a negative length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"],
  ["an endless header", 431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(40_000)}\r\n\r\n`],
  ["an endless path", 431, `GET /${"a".repeat(40_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["another host's URL", 400, "GET http://b/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
  ["no path", 400, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
  [
    "an unknown expectation",
    417,
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n",
  ],
];

test("HTTP-1: edge: refuses what is not valid HTTP and stays healthy", async (t) => {
  await using running = await start();
  for (const [what, status, bytes] of INVALID) {
    await t.test(what, async () => {
      const reply = await exchangeBytes(running.port, Buffer.from(bytes, "latin1"));
      assert.equal(reply.slice(0, 13), `HTTP/1.1 ${status} `);
    });
  }
  const tunnel = await exchangeBytes(running.port, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(tunnel, "", "a tunnel is not even answered");
  await assertHealthy(running);
});

test("HTTP-1: edge: refuses bodies with broken chunks and ends the connection", async () => {
  await using running = await start();
  const { "x-amz-content-sha256": _, ...headers } = signed(`${running.url}/`, { method: "POST" });
  const head = requestBytes("POST", "/", { ...headers, "transfer-encoding": "chunked" });
  for (const chunks of ["zz\r\nab\r\n", "2\r\nabcd\r\n", "-1\r\n", "fffffffffffffffff\r\n"]) {
    const reply = await exchangeBytes(running.port, head, chunks);
    assert.match(reply, /^HTTP\/1.1 40[03] /, chunks);
  }
  await assertHealthy(running);
});

test("HTTP-1: edge: refuses a body beyond the limit, announced or not, and keeps nothing of it", async () => {
  await using running = await start({ limits: { bodyBytesMax: 1000 } });
  const url = `${running.url}/`;
  const body = Buffer.alloc(1001);
  const headers = signed(url, { method: "POST", body });
  const announced = await fetch(url, { method: "POST", headers, body });
  assert.equal(announced.status, 413);
  assert.equal(announced.headers.get("x-amzn-errortype"), "RequestTooLargeException");
  assert.match(await announced.text(), /must be 1000 bytes or less/);
  const streamed = await fetch(url, {
    method: "POST",
    headers,
    body: Readable.toWeb(Readable.from([body])) as ReadableStream<Uint8Array>,
    duplex: "half",
  });
  assert.equal(streamed.status, 413);
  await streamed.body?.cancel();
  await assertHealthy(running);
});

test("edge: bounds the bytes of all bodies together", async () => {
  const entered = deferred<void>();
  const leave = deferred<void>();
  const slow = serviceOf(async (request) => {
    entered.resolve();
    await leave.promise;
    return await echo.handle(request);
  });
  await using running = await start({
    services: { lambda: slow },
    limits: { bodiesBytesMax: 1500 },
  });
  const url = `${running.url}/`;
  const body = Buffer.alloc(1000);
  const post = () =>
    fetch(url, { method: "POST", headers: signed(url, { method: "POST", body }), body });
  const first = post();
  await entered.promise;
  const second = await post();
  assert.equal(second.status, 503);
  assert.equal(second.headers.get("x-amzn-errortype"), "ServiceUnavailableException");
  leave.resolve();
  assert.equal((await first).status, 200);
  assert.equal((await post()).status, 200, "the budget is given back");
});

test("edge: refuses requests beyond the limit in flight", async () => {
  const entered = deferred<void>();
  const leave = deferred<void>();
  const slow = serviceOf(async (request) => {
    entered.resolve();
    await leave.promise;
    return await echo.handle(request);
  });
  await using running = await start({
    services: { lambda: slow },
    limits: { requestsInFlightMax: 1 },
  });
  const url = `${running.url}/`;
  const first = fetch(url, { headers: signed(url) });
  await entered.promise;
  const second = await fetch(url, { headers: signed(url) });
  assert.equal(second.status, 503);
  assert.match(await second.text(), /Requests in flight have reached the limit of 1/);
  leave.resolve();
  assert.equal((await first).status, 200);
});

test("edge: refuses connections beyond the limit in plain HTTP", async () => {
  const entered = deferred<void>();
  const slow = serviceOf(async () => {
    entered.resolve();
    return await new Promise(() => {});
  });
  await using running = await start({
    services: { lambda: slow },
    limits: { connectionsMax: 1 },
  });
  const first = await connected(running.port);
  first.write(requestBytes("GET", "/", signed(`${running.url}/`)));
  await entered.promise;
  const refusal = await exchangeBytes(running.port, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(refusal, /^HTTP\/1.1 503 /);
  const closed = new Promise((resolve) => first.once("close", resolve));
  first.destroy();
  await closed;
  await assertHealthyEventually(running);
});

test("edge: attack: connections without requests keep nobody out", async () => {
  await using running = await start({ limits: { connectionsMax: 3 } });
  const opened: Socket[] = [];
  const ended: number[] = [];
  for (let at = 0; at < 3; at++) {
    const socket = await connected(running.port);
    socket.resume().on("close", () => ended.push(at));
    opened.push(socket);
  }
  const [first, second] = opened;
  // Who asks for something is no longer the one that is idle for longest.
  first?.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(first as Socket, "data");
  const gone = once(second as Socket, "close");
  await assertHealthy(running);
  await gone;
  assert.equal(ended[0], 1);
  assert.ok(!ended.includes(0));
  for (const socket of opened) socket.destroy();
});

/** The server hears of a closed connection a moment after its client. */
async function assertHealthyEventually(running: Running): Promise<void> {
  while (true) {
    const reply = await exchangeBytes(
      running.port,
      "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    if (reply.startsWith("HTTP/1.1 200 ")) return;
  }
}

test("HTTP-1: edge: does not wait for ever for slow headers or slow bodies", async () => {
  await using running = await start({ limits: { headersMs: 100, requestMs: 200 } });
  const slowHeader = await exchangeBytes(running.port, "GET / HTTP/1.1\r\nHost: a\r\nX-Sl");
  assert.match(slowHeader, /^HTTP\/1.1 408 /);
  const url = `${running.url}/`;
  const headers = signed(url, { method: "POST", body: "abc" });
  const head = requestBytes("POST", "/", { ...headers, "content-length": "3" });
  const slowBody = await exchangeBytes(running.port, head, "ab");
  assert.match(slowBody, /^HTTP\/1.1 408 /);
  await assertHealthy(running);
});

test("edge: ends idle connections", async () => {
  await using running = await start({ limits: { idleMs: 50 } });
  const reply = await exchangeBytes(running.port, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(reply, /^HTTP\/1.1 200 [\s\S]*fine$/);
});

test("HTTP-1: edge: forgets a request whose client leaves before its body is complete", async () => {
  let handled = 0;
  const counting = serviceOf(async (request) => {
    handled++;
    return await echo.handle(request);
  });
  await using running = await start({ services: { lambda: counting } });
  const headers = signed(`${running.url}/`, { method: "POST", body: "abc" });
  const socket = await connected(running.port);
  const head = requestBytes("POST", "/", { ...headers, "content-length": "3" }, "ab");
  await new Promise((resolve) => socket.write(head, resolve));
  socket.end();
  const reply = (await socket.toArray()).join("");
  assert.match(reply, /^(HTTP\/1.1 400 |$)/);
  assert.equal(handled, 0);
  await assertHealthy(running);
});

test("HTTP-1: edge: cuts off a client that stops reading its response", async () => {
  const entered = deferred<void>();
  const large = serviceOf(async () => {
    entered.resolve();
    return { status: 200, headers: {}, body: Buffer.alloc(32 << 20) };
  });
  const running = await start({ services: { lambda: large }, limits: { stallMs: 50 } });
  const socket = await connected(running.port);
  socket.on("error", () => {});
  socket.pause();
  socket.write(requestBytes("GET", "/", signed(`${running.url}/`)));
  await entered.promise;
  await running.edge.close(60_000);
  socket.destroy();
});

test("edge: attack: thousands of requests in one packet", async () => {
  let requests = 0;
  const admin = {
    ...echo,
    unsigned: () => {
      requests++;
      return { status: 200, headers: {}, body: "fine" };
    },
  };
  await using running = await start({ admin, limits: { pipelinedMax: 8 } });
  const reply = await exchangeBytes(
    running.port,
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000),
  ).catch(() => "");
  assert.ok(requests <= 8, `${requests} requests`);
  assert.ok(reply.split("HTTP/1.1 200").length <= 9);
  await assertHealthy(running);
});
