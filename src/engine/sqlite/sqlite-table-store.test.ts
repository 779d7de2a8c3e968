import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
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
  const before = await transactionsInLog(place.path);
  const commits = Array.from({ length: 50 }, (_, n) =>
    store.commit([{ table: "t", key: String(n), value: n }]),
  );
  await Promise.all(commits);
  assert.equal((await transactionsInLog(place.path)) - before, 1);
});

test("sqlite: what arrives while the worker is blocked shares the next transaction", async () => {
  await using place = await scratch();
  await using store = await openSqliteTableStore(place.path);
  const before = await transactionsInLog(place.path);
  using blocker = new Database(place.path);
  blocker.execute("BEGIN IMMEDIATE");
  const commits: Promise<number>[] = [];
  for (let n = 0; n < 30; n++) {
    commits.push(store.commit([{ table: "t", key: String(n), value: n }]));
    // The main loop turns on although the worker waits for the lock.
    await new Promise((resolve) => setImmediate(resolve));
  }
  blocker.execute("COMMIT");
  await Promise.all(commits);
  assert.equal((await transactionsInLog(place.path)) - before, 2);
});

test("sqlite: a write that fails inside SQLite undoes its own commit and no other", async () => {
  await using place = await scratch();
  await using store = await openSqliteTableStore(place.path);
  {
    using database = new Database(place.path);
    database.execute(`CREATE TRIGGER bad BEFORE INSERT ON document WHEN NEW.key = 'bad'
                      BEGIN SELECT RAISE(ABORT, 'bad key'); END`);
  }
  const put = (key: string) => ({ table: "t", key, value: key });
  const results = await Promise.allSettled([
    store.commit([put("a")]),
    store.commit([put("b"), put("bad")]),
    store.commit([put("c")]),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(
    (await store.list("t")).map(({ key }) => key),
    ["a", "c"],
  );
});

test("sqlite: every COMMIT waits for the disk", () => {
  using database = new Database(":memory:");
  assert.equal(database.prepare("PRAGMA synchronous").get()?.synchronous, 2, "FULL");
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

/**
 * Frames of the write-ahead log that end a transaction: "size of the database after the commit" is
 * not 0 in them. Source: https://www.sqlite.org/fileformat2.html#walformat
 */
async function transactionsInLog(path: string): Promise<number> {
  const log = await readFile(`${path}-wal`);
  const frameBytes = 24 + log.readUInt32BE(8);
  let transactions = 0;
  for (let offset = 32; offset + frameBytes <= log.length; offset += frameBytes) {
    if (log.readUInt32BE(offset + 4) !== 0) transactions++;
  }
  return transactions;
}
