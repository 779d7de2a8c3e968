import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { isPlatformError } from "../../base/mod.ts";
import { scratch, tableStoreSuite } from "../testsuite.ts";
import { Database } from "./database.ts";
import { openSqliteTableStore } from "./mod.ts";
import { WorkerLink } from "./worker-link.ts";

tableStoreSuite("sqlite", openSqliteTableStore, {
  module: new URL("./mod.ts", import.meta.url),
  name: "openSqliteTableStore",
});

test("sqlite: one request too many is refused as overloaded, the others are answered", async () => {
  await using place = await scratch();
  await using store = await openSqliteTableStore(place.path, { outstandingMax: 3 });
  const requests = [
    store.commit([{ table: "t", key: "k", value: 1 }]),
    store.list("t"),
    store.get("t", "k"),
    store.get("t", "k"),
  ];
  const results = await Promise.allSettled(requests);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "fulfilled", "fulfilled", "rejected"],
  );
  await assert.rejects(requests[3] ?? Promise.resolve(), (error) =>
    isPlatformError(error, "overloaded"),
  );
  await store.get("t", "k");
});

test("sqlite: commits of one tick share one transaction", async () => {
  await using place = await scratch();
  await using store = await openSqliteTableStore(place.path);
  await store.commit([{ table: "t", key: "first", value: 0 }]);
  using reader = new Database(place.path);
  const version = reader.prepare("PRAGMA data_version");
  const before = Number(version.get()?.data_version);
  const commits = Array.from({ length: 50 }, (_, n) =>
    store.commit([{ table: "t", key: String(n), value: n }]),
  );
  await Promise.all(commits);
  // SQLite's data_version tells another connection how many transactions it has missed.
  const after = Number(version.get()?.data_version);
  assert.equal(after - before, 1);
});

test("sqlite: closing leaves one file, without a log beside it", async () => {
  await using place = await scratch();
  const store = await openSqliteTableStore(place.path);
  await store.commit([{ table: "t", key: "k", value: 1 }]);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(dirname(place.path)), ["store"]);
});

test("sqlite: a file of a newer Hearth is refused, not changed", async () => {
  await using place = await scratch();
  await (await openSqliteTableStore(place.path))[Symbol.asyncDispose]();
  {
    using database = new Database(place.path);
    database.execute("PRAGMA user_version = 999");
  }
  await assert.rejects(openSqliteTableStore(place.path), (error) =>
    isPlatformError(error, "unsupported"),
  );
});

test("sqlite: a file that is no database is refused as corrupt", async () => {
  await using place = await scratch();
  await writeFile(place.path, "x".repeat(10_000));
  await assert.rejects(openSqliteTableStore(place.path), (error) =>
    isPlatformError(error, "corrupt"),
  );
});

test("sqlite: a worker that dies rejects everything pending and later", async () => {
  const deaths = ["process.exit(3)", "throw new Error('out of memory')"];
  for (const death of deaths) {
    const worker = new Worker(
      `require("node:worker_threads").parentPort.on("message", () => { ${death} })`,
      { eval: true },
    );
    await once(worker, "online");
    const link = new WorkerLink(worker);
    const isUnavailable = (error: unknown): boolean => isPlatformError(error, "unavailable");
    const pending = [
      link.call("get", { table: "t", key: "k" }),
      link.call("commit", { commits: [] }),
    ];
    await Promise.all(pending.map((call) => assert.rejects(call, isUnavailable)));
    await link.exited;
    await assert.rejects(link.call("get", { table: "t", key: "k" }), isUnavailable);
  }
});
