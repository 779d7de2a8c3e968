import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { deferred } from "../../base/mod.ts";
import { ownerOf } from "../../model/mod.ts";
import { jsonFailure } from "./failure.ts";
import type { OpenHandler } from "./request.ts";
import { assertHealthy, connected, signed, start } from "./testing.ts";

const ALICE = ownerOf("000000000001");
const BOB = ownerOf("000000000002");

/** Claims everything below /open/ and answers as it is told. */
function openHandler(handle: OpenHandler["handle"]): OpenHandler {
  const claims: OpenHandler["claims"] = (_host, path) => path.startsWith("/open/");
  return { claims, handle, failure: jsonFailure };
}

test("edge: what is open to all is answered unsigned, and bounded apart from the APIs", async () => {
  const gate = deferred<void>();
  const open = openHandler(async (request) => {
    request.countFor(ALICE);
    await gate.promise;
    return { status: 200, headers: {}, body: "open" };
  });
  await using running = await start({ open, limits: { openRequestsInFlightMax: 4 } });
  const waiting = [1, 2].map(() => fetch(`${running.url}/open/`));
  let refused = await fetch(`${running.url}/open/`);
  // The first two may come in after it.
  while (refused.status !== 503) refused = await fetch(`${running.url}/open/`);
  assert.match(await refused.text(), /limit of 2/);
  await assertHealthy(running);
  gate.resolve();
  for (const each of waiting) assert.equal((await each).status, 200);
  assert.equal((await fetch(`${running.url}/open/`)).status, 200, "room is given back");
});

test("edge: bodies of open requests have a budget of their own", async () => {
  const open = openHandler(async (request) => {
    const { length } = await request.readBody(100);
    return { status: 200, headers: {}, body: String(length) };
  });
  await using running = await start({ open, limits: { openBodiesBytesMax: 10 } });
  const post = (path: string, body: string): Promise<Response> =>
    fetch(`${running.url}${path}`, { method: "POST", body });
  assert.equal(await (await post("/open/", "a".repeat(10))).text(), "10");
  assert.equal((await post("/open/", "a".repeat(11))).status, 503);
  assert.equal((await post("/open/", "a".repeat(101))).status, 413);
  const target = `${running.url}/2015-03-31/functions`;
  const body = "a".repeat(1000);
  const headers = signed(target, { method: "POST", body });
  assert.equal((await fetch(target, { method: "POST", headers, body })).status, 200);
});

test("URL-2: edge: attack: requests for one owner's functions keep another's out", async () => {
  const gate = deferred<void>();
  const open = openHandler(async (request) => {
    request.countFor(request.path === "/open/bob" ? BOB : ALICE);
    const { length } = await request.readBody(1000);
    if (request.query === "wait") await gate.promise;
    return { status: 200, headers: {}, body: String(length) };
  });
  const limits = { openRequestsInFlightMax: 8, openBodiesBytesMax: 400 };
  await using running = await start({ open, limits });
  const post = (path: string, bytes: number): Promise<Response> =>
    fetch(`${running.url}${path}`, { method: "POST", body: "a".repeat(bytes) });
  const refused: Response[] = [];
  const waiting = Array.from({ length: 20 }, async () => {
    const response = await post("/open/alice?wait", 50);
    if (response.status === 503) refused.push(response);
  });
  while (refused.length < 16) await post("/open/alice", 1000);
  assert.equal(await (await post("/open/bob", 100)).text(), "100");
  gate.resolve();
  await Promise.all(waiting);
  assert.equal(refused.length, 16);
  assert.equal(await (await post("/open/alice", 200)).text(), "200", "all is given back");
});

test("edge: attack: responses that nobody takes", async () => {
  const bytes = 16 * 1024 * 1024;
  const open = openHandler(async (request) => {
    request.countFor(request.path === "/open/bob" ? BOB : ALICE);
    return { status: 200, headers: {}, body: Buffer.alloc(bytes) };
  });
  await using running = await start({ open, limits: { responsesBytesMax: bytes * 4 } });
  const statuses: number[] = [];
  const sockets: Socket[] = [];
  for (let count = 0; count < 3; count++) {
    const socket = await connected(running.port);
    socket.write("GET /open/alice HTTP/1.1\r\nHost: a\r\n\r\n");
    const [head] = await once(socket, "data");
    socket.pause();
    statuses.push(Number(String(head).slice(9, 12)));
    sockets.push(socket);
  }
  assert.deepEqual(statuses, [200, 200, 503]);
  assert.equal((await fetch(`${running.url}/open/bob`)).status, 200);
  for (const socket of sockets) socket.destroy();
});

test("edge: an open request that authenticates is held to its signature", async () => {
  const open = openHandler(async (request) => {
    const { identity, service } = await request.authenticate(100);
    return { status: 200, headers: {}, body: `${identity.owner} ${service}` };
  });
  await using running = await start({ open });
  const target = `${running.url}/open/`;
  const allowed = await fetch(target, { headers: signed(target) });
  assert.equal(await allowed.text(), "000000000000 lambda");
  assert.equal((await fetch(target)).status, 403);
  const other = signed(`${running.url}/open/else`);
  assert.equal((await fetch(target, { headers: other })).status, 403);
});

test("edge: cookies are sent as headers of their own", async () => {
  const open = openHandler(async () => ({
    ...{ status: 200, headers: {}, body: "" },
    cookies: ["a=1", "b=2, c"],
  }));
  await using running = await start({ open });
  const { headers } = await fetch(`${running.url}/open/`);
  assert.deepEqual(headers.getSetCookie(), ["a=1", "b=2, c"]);
});
