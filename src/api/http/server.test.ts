import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { SignatureV4 } from "@smithy/signature-v4";
import { deferred } from "../../base/mod.ts";
import { ownerOf } from "../../model/mod.ts";
import type { AuthenticatedRequest, HttpResponse, ServiceHandler } from "./request.ts";
import {
  assertHealthy,
  connected,
  credentials,
  echo,
  exchangeBytes,
  requestBytes,
  Sha256,
  serviceOf,
  signed,
  start,
} from "./testing.ts";

test("edge: answers a signed request of every service it has", async () => {
  await using running = await start({ services: { lambda: echo, sts: echo } });
  for (const service of ["lambda", "sts"]) {
    const url = `${running.url}/a%20b//c/../d?x=1&x=&y`;
    const body = "Action=GetCallerIdentity";
    const headers = signed(url, { method: "POST", body, service });
    const response = await fetch(url, { method: "POST", headers, body });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("x-amzn-requestid") ?? "", /^[0-9a-f-]{36}$/);
    assert.deepEqual(await response.json(), {
      method: "POST",
      // WHATWG clients resolve dot segments themselves; the doubled slash is ours to remove.
      path: "/a%20b/d",
      service,
      owner: "000000000000",
      bytes: body.length,
      query: [
        ["x", "1"],
        ["x", ""],
        ["y", ""],
      ],
    });
  }
});

test("edge: hands on the path that was signed, not another with the same signature", async () => {
  await using running = await start();
  const headers = { ...signed(`${running.url}/functions/mine`), connection: "close" };
  const reply = await exchangeBytes(
    running.port,
    requestBytes("GET", "/other/..//functions/./mine", headers),
  );
  assert.match(reply, /^HTTP\/1.1 200 /);
  assert.match(reply, /"path":"\/functions\/mine"/);
});

test("edge: takes chunked bodies, byte by byte if need be", async () => {
  await using running = await start();
  const url = `${running.url}/fn`;
  const body = "hello, chunks";
  const headers = {
    ...signed(url, { method: "POST", body }),
    "transfer-encoding": "chunked",
    connection: "close",
  };
  const head = requestBytes("POST", "/fn", headers);
  const chunks = [...body].map((character) => `1\r\n${character}\r\n`);
  const socket = await connected(running.port);
  for (const part of [head, ...chunks, "0\r\n\r\n"]) {
    await new Promise((resolve) => socket.write(part, resolve));
  }
  const reply = (await socket.toArray()).join("");
  assert.match(reply, /"bytes":13/);
});

test("edge: serves pipelined requests in order", async () => {
  await using running = await start();
  const requests = [1, 2, 3].map((n) => {
    const headers = signed(`${running.url}/${n}`);
    return requestBytes("GET", `/${n}`, n === 3 ? { ...headers, connection: "close" } : headers);
  });
  const reply = await exchangeBytes(running.port, Buffer.concat(requests));
  const paths = [...reply.matchAll(/"path":"\/(\d)"/g)].map((match) => match[1]);
  assert.deepEqual(paths, ["1", "2", "3"]);
});

test("edge: takes a URL with its own host as target", async () => {
  await using running = await start();
  const headers = { ...signed(`${running.url}/x?a=1`), connection: "close" };
  const reply = await exchangeBytes(
    running.port,
    requestBytes("GET", `${running.url}/x?a=1`, headers),
  );
  assert.match(reply, /^HTTP\/1.1 200 [\s\S]*"path":"\/x"/);
});

test("edge: tells a client to continue only when its signature is good", async () => {
  await using running = await start();
  const body = "abc";
  const headers = {
    ...signed(`${running.url}/`, { method: "POST", body }),
    expect: "100-continue",
    "content-length": "3",
  };
  const socket = await connected(running.port);
  socket.write(requestBytes("POST", "/", headers));
  const interim = String(await new Promise((resolve) => socket.once("data", resolve)));
  assert.equal(interim, "HTTP/1.1 100 Continue\r\n\r\n");
  socket.write(body);
  const final = String(await new Promise((resolve) => socket.once("data", resolve)));
  assert.match(final, /^HTTP\/1.1 200 [\s\S]*"bytes":3/);
  socket.destroy();

  const forged = { ...headers, "x-amz-date": "yesterday" };
  const refusal = await exchangeBytes(running.port, requestBytes("POST", "/", forged));
  assert.match(refusal, /^HTTP\/1.1 400 [\s\S]*connection: close/i);
});

test("edge: answers HEAD without a body", async () => {
  await using running = await start();
  const url = `${running.url}/x`;
  const reply = await exchangeBytes(
    running.port,
    requestBytes("HEAD", "/x", { ...signed(url, { method: "HEAD" }), connection: "close" }),
  );
  assert.match(reply, /^HTTP\/1.1 200 [\s\S]*Content-Length: \d{2,3}[\s\S]*\r\n\r\n$/);
});

const POST = { method: "POST", body: '{"a":1}' } as const;

test("SIG-1: edge: refuses unsigned, forged, expired and replayed requests with AWS's errors", async (t) => {
  await using running = await start();
  const url = `${running.url}/2015-03-31/functions/fn/invocations`;
  const good = signed(url, POST);
  const other = { ...credentials, secretAccessKey: "x".repeat(40) };
  const unknown = { ...credentials, accessKeyId: "AKIAUNKNOWN234567ABC" };
  const minutesAgo = (minutes: number) => ({ timeMs: Date.now() - minutes * 60_000 });
  const cases: [string, Record<string, string>, number, string, string?][] = [
    ["unsigned", {}, 403, "MissingAuthenticationTokenException"],
    ["another scheme", { authorization: "Bearer x" }, 400, "IncompleteSignatureException"],
    [
      "unknown key",
      signed(url, { ...POST, credentials: unknown }),
      403,
      "UnrecognizedClientException",
    ],
    [
      "wrong secret",
      signed(url, { ...POST, credentials: other }),
      403,
      "InvalidSignatureException",
    ],
    ["too old", signed(url, { ...POST, ...minutesAgo(16) }), 403, "InvalidSignatureException"],
    ["too early", signed(url, { ...POST, ...minutesAgo(-16) }), 403, "InvalidSignatureException"],
    ["another path", signed(`${url}x`, POST), 403, "InvalidSignatureException"],
    ["another method", signed(url, { ...POST, method: "PUT" }), 403, "InvalidSignatureException"],
    ["an added header", { ...good, "x-amz-log-type": "Tail" }, 403, "InvalidSignatureException"],
    ["replayed with another body", good, 403, "InvalidSignatureException", '{"a":2}'],
    ["replayed without a body", good, 403, "InvalidSignatureException", ""],
    [
      "no such service",
      signed(url, { ...POST, service: "toString" }),
      404,
      "UnknownOperationException",
    ],
  ];
  for (const [what, { host: _, ...headers }, status, code, body = POST.body] of cases) {
    await t.test(what, async () => {
      const response = await fetch(url, { method: "POST", headers, body });
      assert.equal(response.status, status);
      assert.equal(response.headers.get("x-amzn-errortype"), code);
      const { message } = (await response.json()) as { message: string };
      assert.ok(message.length > 10 && !message.includes(credentials.secretAccessKey));
    });
  }
  await assertHealthy(running);
});

test("edge: a body without its hash in a header is still held against the signature", async () => {
  await using running = await start();
  const url = `${running.url}/`;
  // Clients that send no x-amz-content-sha256 sign the body's hash all the same.
  const signer = new SignatureV4({
    credentials,
    region: "us-east-1",
    service: "lambda",
    sha256: Sha256,
    applyChecksum: false,
  });
  const { host, hostname } = new URL(url);
  const request = { method: "POST", protocol: "http:", hostname, path: "/", headers: { host } };
  const { headers } = await signer.sign({ ...request, body: "abc" });
  assert.equal(headers["x-amz-content-sha256"], undefined);
  const statusOf = async (body: string) => {
    const response = await fetch(url, { method: "POST", headers, body });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await statusOf("abc"), 200);
  assert.equal(await statusOf("abd"), 403);
});

test("edge: renders failures in the dialect of the service that is asked", async () => {
  const failure = (error: unknown, requestId: string): HttpResponse => ({
    status: 418,
    headers: { "Content-Type": "text/xml", "x-amzn-RequestId": requestId },
    body: `<Error>${error instanceof Error ? error.message : ""}</Error>`,
  });
  const broken: ServiceHandler = { handle: () => Promise.reject(new Error("broken")), failure };
  await using running = await start({ services: { sts: broken } });
  const url = `${running.url}/`;
  for (const headers of [
    signed(url, { service: "sts" }),
    { ...signed(url, { service: "sts" }), "x-amz-date": "20200101T000000Z" },
  ]) {
    const response = await fetch(url, { headers });
    assert.equal(response.status, 418);
    assert.match(response.headers.get("x-amzn-requestid") ?? "", /^[0-9a-f-]{36}$/);
    assert.match(await response.text(), /^<Error>(broken|Date in Credential scope)/);
  }
});

test("edge: a socket in a sandbox serves signed requests and health, nothing else", async () => {
  await using running = await start({ limits: { connectionsPerSandboxMax: 2 } });
  const inside = createServer();
  await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
  const origin = { owner: ownerOf("000000000000"), environmentId: "e1" };
  const serving = running.edge.serve(inside, origin);
  const { port } = inside.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  const statusOf = async (path: string, headers: Record<string, string> = {}): Promise<number> => {
    const response = await fetch(`${url}${path}`, {
      headers: { ...headers, connection: "close" },
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await statusOf("/health"), 200);
  assert.equal(await statusOf("/metrics"), 403);
  assert.equal(await statusOf("/x", signed(`${url}/x`)), 200);
  assert.equal(
    (await fetch(`${running.url}/metrics`)).status,
    200,
    "the main listener has metrics",
  );

  const held: Socket[] = [];
  let refusal = "";
  while (refusal === "") {
    const socket = await connected(port);
    socket.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    const reply = String(await new Promise((resolve) => socket.once("data", resolve)));
    if (reply.startsWith("HTTP/1.1 503 ")) refusal = reply;
    held.push(socket);
  }
  assert.ok(held.length <= 3, "one sandbox has two connections at most");
  await assertHealthy(running);
  const open = held.filter((socket) => !socket.closed);
  const ended = Promise.all(
    open.map((socket) => new Promise((done) => socket.once("close", done))),
  );
  serving[Symbol.dispose]();
  await ended;
  await new Promise((resolve) => inside.close(resolve));
});

test("edge: streams a body as the client takes it and stops when the client leaves", async () => {
  let produced = 0;
  const stopped = deferred<void>();
  async function* endless(): AsyncIterable<Buffer> {
    try {
      while (true) {
        produced++;
        yield Buffer.alloc(64 * 1024);
      }
    } finally {
      stopped.resolve();
    }
  }
  let seen = 0;
  let quietRounds = 0;
  const isFlowing = (): boolean => {
    quietRounds = produced > 0 && produced === seen ? quietRounds + 1 : 0;
    seen = produced;
    return quietRounds < 100;
  };
  const streaming = serviceOf(async () => ({ status: 200, headers: {}, body: endless() }));
  await using running = await start({ services: { lambda: streaming } });
  const socket = await connected(running.port);
  socket.pause();
  socket.write(requestBytes("GET", "/", signed(`${running.url}/`)));
  while (isFlowing()) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(produced < 500, "a client that does not read holds the source back");
  socket.destroy();
  await stopped.promise;
});

test("edge: what came before a streamed body broke reaches the client", async () => {
  async function* breaking(): AsyncIterable<Buffer> {
    yield Buffer.from("half");
    throw new Error("late");
  }
  const service = serviceOf(async () => ({ status: 200, headers: {}, body: breaking() }));
  await using running = await start({ services: { lambda: service } });
  for (let i = 0; i < 20; i++) {
    const socket = await connected(running.port);
    socket.write(requestBytes("GET", "/", signed(`${running.url}/`)));
    let text = "";
    for await (const bytes of socket) text += bytes;
    assert.match(text, /^HTTP\/1\.1 200 [\s\S]*half\r\n$/, "no end of the chunks");
  }
});

test("edge: the signal of a request aborts when its client leaves", async () => {
  const aborted = deferred<unknown>();
  const entered = deferred<void>();
  const waiting = serviceOf(async ({ signal }: AuthenticatedRequest) => {
    signal.addEventListener("abort", () => aborted.resolve(signal.reason));
    entered.resolve();
    await aborted.promise;
    return { status: 200, headers: {}, body: "" };
  });
  await using running = await start({ services: { lambda: waiting } });
  const socket = await connected(running.port);
  socket.write(requestBytes("GET", "/", signed(`${running.url}/`)));
  await entered.promise;
  socket.destroy();
  assert.match(String(await aborted.promise), /Client closed the connection/);
});

test("edge: closing finishes what is in flight, refuses the new, ends the rest in time", async () => {
  const entered = deferred<void>();
  const leave = deferred<void>();
  const slow = serviceOf(async (request) => {
    entered.resolve();
    await leave.promise;
    return await echo.handle(request);
  });
  const running = await start({ services: { lambda: slow } });
  const idle = await connected(running.port);
  idle.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
  await new Promise((resolve) => idle.once("data", resolve));
  const idleEnded = new Promise((resolve) => idle.once("close", resolve));
  const inFlight = exchangeBytes(running.port, requestBytes("GET", "/", signed(`${running.url}/`)));
  await entered.promise;
  const closed = running.edge.close(60_000);
  await idleEnded;
  await assert.rejects(connected(running.port));
  leave.resolve();
  assert.match(await inFlight, /^HTTP\/1.1 200 [\s\S]*connection: close/i);
  await closed;
});

test("edge: closing waits for a response that its client reads slowly", async () => {
  const entered = deferred<void>();
  const bytes = 32 << 20;
  const large = serviceOf(async () => {
    entered.resolve();
    return { status: 200, headers: {}, body: Buffer.alloc(bytes) };
  });
  const running = await start({ services: { lambda: large } });
  const socket = await connected(running.port);
  socket.pause();
  socket.write(requestBytes("GET", "/", signed(`${running.url}/`)));
  await entered.promise;
  const closed = running.edge.close(60_000);
  const reply = Buffer.concat(await socket.toArray());
  assert.equal(reply.length - reply.indexOf("\r\n\r\n") - 4, bytes);
  await closed;
});

test("edge: closing does not wait beyond its deadline", async () => {
  const entered = deferred<void>();
  const never = serviceOf(() => {
    entered.resolve();
    return new Promise(() => {});
  });
  const running = await start({ services: { lambda: never } });
  const inFlight = exchangeBytes(running.port, requestBytes("GET", "/", signed(`${running.url}/`)));
  await entered.promise;
  await running.edge.close(20);
  assert.equal(await inFlight, "");
});
