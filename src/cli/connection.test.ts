import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError } from "./command.ts";
import { findConnection } from "./connection.ts";
import { TemporaryTree } from "./testing.ts";

const FILES = {
  "server.json": JSON.stringify({ url: "http://127.0.0.1:1111", pid: process.pid }),
  "credentials.json": JSON.stringify({ accessKeyId: "FILE", secretAccessKey: "s", region: "r" }),
};
const KEY = { AWS_ACCESS_KEY_ID: "ENV", AWS_SECRET_ACCESS_KEY: "t", AWS_REGION: "eu-west-1" };

test("connection: the files of the data directory are enough", async () => {
  await using data = await TemporaryTree.with(FILES);
  assert.deepEqual(await findConnection({ flags: {}, environment: { HEARTH_DATA: data.path } }), {
    endpoint: "http://127.0.0.1:1111",
    accessKeyId: "FILE",
    secretAccessKey: "s",
    region: "r",
  });
});

test("connection: environment before files, flags before environment", async () => {
  await using data = await TemporaryTree.with(FILES);
  const environment = { ...KEY, HEARTH_DATA: data.path, AWS_ENDPOINT_URL: "http://localhost:2" };
  const named = await findConnection({ flags: {}, environment });
  assert.deepEqual(
    [named.endpoint, named.accessKeyId, named.region],
    ["http://localhost:2", "ENV", "eu-west-1"],
  );
  const flags = { endpoint: "http://localhost:3" };
  assert.equal((await findConnection({ flags, environment })).endpoint, "http://localhost:3");
});

test("connection: --data means that server and its key, whatever the environment says", async () => {
  await using data = await TemporaryTree.with(FILES);
  const environment = { ...KEY, AWS_ENDPOINT_URL: "http://localhost:2" };
  const found = await findConnection({ flags: { data: data.path }, environment });
  assert.deepEqual([found.endpoint, found.accessKeyId], ["http://127.0.0.1:1111", "FILE"]);
});

test("connection: a stopped server, broken files and bad addresses are told apart", async () => {
  const server = (text: string) => TemporaryTree.with({ ...FILES, "server.json": text });
  // Process ids end below 2^22 on Linux, so nobody has this one.
  await using stopped = await server(JSON.stringify({ url: "http://x", pid: 2 ** 30 }));
  await using broken = await server("{");
  await using odd = await server(JSON.stringify({ url: "ftp://x", pid: process.pid }));
  for (const [data, pattern] of [
    [stopped.path, /has stopped/],
    [broken.path, /is not JSON/],
    [odd.path, /not an http URL/],
  ] as const) {
    await assert.rejects(findConnection({ flags: { data }, environment: {} }), (error) => {
      assert.ok(error instanceof CommandError);
      assert.match(error.message, pattern);
      return true;
    });
  }
});
