import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { limits, ownerOf } from "../../model/mod.ts";
import { type Delivery, HttpSinks, isOutside } from "./http-sinks.ts";

const ANN = ownerOf("000000000001");

async function serving(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function delivery(url: string, more: Partial<Delivery> = {}): Delivery {
  return { url, method: "POST", headers: {}, body: Buffer.alloc(0), ...more };
}

test("HttpSinks: answers that make a tunnel of the connection fail, and free their place", async () => {
  const server = createServer((_request, response) => response.end());
  server.on("connect", (_request, socket) => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
  const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
  server.on("upgrade", (_request, socket) => socket.write(switching));
  const url = await serving(server);
  try {
    const sinks = new HttpSinks([`${url}/`]);
    for (let i = 0; i < limits.DELIVERIES_PER_OWNER_MAX; i++) {
      const headers = { connection: "upgrade", upgrade: "x" };
      const tunnel = delivery(`${url}/`, i % 2 === 0 ? { method: "CONNECT" } : { headers });
      await assert.rejects(sinks.deliver(ANN, tunnel), /ended without an answer/);
    }
    assert.equal(await sinks.deliver(ANN, delivery(`${url}/`)), 200);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("HttpSinks: an allowed path is allowed with what is below it, not with what begins alike", async () => {
  const server = createServer((_request, response) => response.end());
  const url = await serving(server);
  try {
    const sinks = new HttpSinks([`${url}/in`]);
    for (const path of ["/in", "/in?x", "/in/a"]) {
      assert.equal(await sinks.deliver(ANN, delivery(url + path)), 200, path);
    }
    for (const path of ["/inner", "/in/../admin", "/in/%2e%2e/admin", "/"]) {
      await assert.rejects(sinks.deliver(ANN, delivery(url + path)), /leads to this machine/, path);
    }
  } finally {
    server.close();
  }
});

test("HttpSinks: no spelling of an address leads inside", async () => {
  const sinks = new HttpSinks([]);
  const hosts = ["2130706433", "0x7f.1", "127.1", "0", "localhost", "[::ffff:7f00:1]", "[::]"];
  for (const host of [
    ...hosts,
    "①②⑦.0.0.1",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "[::ffff:a9fe:a9fe]",
  ]) {
    const refused = sinks.deliver(ANN, delivery(`http://${host}/`));
    await assert.rejects(refused, /leads to this machine/, host);
  }
  for (const url of ["http://a@127.0.0.1/", "file:///etc/passwd", "http://[fe80::1%25lo]/", ""]) {
    await assert.rejects(sinks.deliver(ANN, delivery(url)), /not an http or https URL/, url);
  }
  for (const address of ["::ffff:0:7f00:1", "2001:0:7f00:1::"]) {
    assert.equal(isOutside(address), false, address);
  }
});
