import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { isPlatformError, PlatformError } from "../base/mod.ts";
import type { BlobStore } from "../engine/mod.ts";
import { ownerOf } from "../model/mod.ts";
import { CodeStore } from "./store.ts";
import { rawZip, scratchDirectory, zipOf } from "./testing.ts";

const ALICE = ownerOf("111111111111");
const BOB = ownerOf("222222222222");
const ABSENT = Buffer.alloc(32).toString("base64");

/** Blobs in memory that count what they are asked, and can be switched off. */
class MemoryBlobs implements BlobStore {
  readonly bytes = new Map<string, Buffer>();
  available = true;
  puts = 0;
  gets = 0;

  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.#check();
    this.puts++;
    this.bytes.set(key, Buffer.from(bytes));
  }

  async get(key: string): Promise<Buffer> {
    this.#check();
    this.gets++;
    const bytes = this.bytes.get(key);
    if (bytes) return bytes;
    throw new PlatformError({ kind: "not_found", resource: "blob", id: key }, `No blob ${key}`);
  }

  stream(): Promise<Readable> {
    throw new Error("Not used here");
  }

  async has(key: string): Promise<boolean> {
    this.#check();
    return this.bytes.has(key);
  }

  async delete(key: string): Promise<void> {
    this.#check();
    this.bytes.delete(key);
  }

  async *list(prefix: string): AsyncIterable<string> {
    for (const key of this.bytes.keys()) if (key.startsWith(prefix)) yield key;
  }

  #check(): void {
    if (this.available) return;
    throw new PlatformError({ kind: "unavailable", what: "blobs" }, "Blobs are switched off");
  }
}

test("code store: a package that was put is there, whole, packed and unpacked", async () => {
  await using scratch = await scratchDirectory();
  const blobs = new MemoryBlobs();
  await using store = new CodeStore({ blobs, cacheDirectory: scratch.path });
  const zip = await zipOf({ "index.mjs": "export {}", "lib/a.js": "1" });
  const reference = await store.put(ALICE, zip);
  assert.equal(reference.zipBytes, zip.length);
  assert.equal(reference.unpackedBytes, 10);
  assert.equal(await store.has(ALICE, reference.sha256), true);
  const tree = await store.tree(ALICE, reference.sha256);
  assert.deepEqual(tree.files, ["index.mjs", "lib/a.js"]);
  assert.deepEqual(tree.directories, ["lib"]);
  assert.equal(tree.unpackedBytes, 10);
  assert.equal(await readFile(join(tree.root, "lib/a.js"), "utf8"), "1");
  const hex = Buffer.from(reference.sha256, "base64").toString("hex");
  assert.deepEqual([...blobs.bytes.keys()], [`packages/${ALICE}/${hex}.zip`]);
  assert.equal(tree.root, join(scratch.path, ALICE, hex));
});

test("code store: putting the same bytes again, or at once, does the work once", async () => {
  await using scratch = await scratchDirectory();
  const blobs = new MemoryBlobs();
  await using store = new CodeStore({ blobs, cacheDirectory: scratch.path });
  const zip = await zipOf({ a: "a" });
  const references = await Promise.all([store.put(ALICE, zip), store.put(ALICE, zip)]);
  references.push(await store.put(ALICE, zip));
  assert.equal(new Set(references.map(({ sha256 }) => sha256)).size, 1);
  const puts = blobs.puts;
  await store.put(ALICE, zip);
  assert.equal(blobs.puts, puts);
  assert.equal((await readdir(join(scratch.path, ALICE))).length, 1);
  assert.deepEqual(await readdir(join(scratch.path, "temporary")), []);
});

test("code store: an invalid package leaves nothing", async () => {
  await using scratch = await scratchDirectory();
  const blobs = new MemoryBlobs();
  await using store = new CodeStore({ blobs, cacheDirectory: scratch.path });
  const lying = rawZip([{ name: "a", content: Buffer.from("content"), declaredCrc: 1 }]);
  await assert.rejects(store.put(ALICE, lying), (e) => isPlatformError(e, "invalid_package"));
  assert.equal(blobs.bytes.size, 0);
  assert.deepEqual((await readdir(scratch.path)).toSorted(), ["boot-id", "temporary"]);
  assert.deepEqual(await readdir(join(scratch.path, "temporary")), []);
});

test("P21-4 code store unavailable but code cached: it works, also after a restart", async () => {
  await using scratch = await scratchDirectory();
  const blobs = new MemoryBlobs();
  const options = { blobs, cacheDirectory: scratch.path };
  await using store = new CodeStore(options);
  const { sha256 } = await store.put(ALICE, await zipOf({ a: "a" }));
  blobs.available = false;
  assert.deepEqual((await store.tree(ALICE, sha256)).files, ["a"]);
  await using restarted = new CodeStore(options);
  assert.deepEqual((await restarted.tree(ALICE, sha256)).files, ["a"]);
  await assert.rejects(restarted.tree(ALICE, ABSENT), (e) => isPlatformError(e, "unavailable"));
});

test("code store: what is not cached is fetched once for all who wait, and verified", async () => {
  await using first = await scratchDirectory();
  await using second = await scratchDirectory();
  const blobs = new MemoryBlobs();
  await using origin = new CodeStore({ blobs, cacheDirectory: first.path });
  const { sha256 } = await origin.put(ALICE, await zipOf({ a: "a" }));
  await using store = new CodeStore({ blobs, cacheDirectory: second.path });
  const trees = await Promise.all([1, 2, 3].map(() => store.tree(ALICE, sha256)));
  assert.equal(blobs.gets, 1);
  assert.equal(new Set(trees).size, 1);
});

test("code store: a blob with other bytes than were put is corrupt, and a put mends it", async () => {
  await using first = await scratchDirectory();
  await using second = await scratchDirectory();
  const blobs = new MemoryBlobs();
  await using origin = new CodeStore({ blobs, cacheDirectory: first.path });
  const zip = await zipOf({ a: "a" });
  const { sha256 } = await origin.put(ALICE, zip);
  for (const key of blobs.bytes.keys()) blobs.bytes.set(key, await zipOf({ a: "evil" }));
  await using store = new CodeStore({ blobs, cacheDirectory: second.path });
  await assert.rejects(store.tree(ALICE, sha256), (e) => isPlatformError(e, "corrupt"));
  const [failed, put] = await Promise.allSettled([
    store.tree(ALICE, sha256),
    store.put(ALICE, zip),
  ]);
  assert.equal(failed?.status, "rejected");
  assert.equal(put?.status, "fulfilled");
  assert.equal((await store.tree(ALICE, sha256)).unpackedBytes, 1);
  for (const bytes of blobs.bytes.values()) assert.ok(bytes.equals(zip));
});

test("code store: one owner's package is not another's", async () => {
  await using scratch = await scratchDirectory();
  const blobs = new MemoryBlobs();
  await using store = new CodeStore({ blobs, cacheDirectory: scratch.path });
  const zip = await zipOf({ a: "a" });
  const { sha256 } = await store.put(ALICE, zip);
  assert.equal(await store.has(BOB, sha256), false);
  await assert.rejects(store.tree(BOB, sha256), (e) => isPlatformError(e, "not_found"));
  await store.put(BOB, zip);
  await store.delete(ALICE, sha256);
  assert.equal(await store.has(ALICE, sha256), false);
  await assert.rejects(store.tree(ALICE, sha256), (e) => isPlatformError(e, "not_found"));
  assert.deepEqual((await store.tree(BOB, sha256)).files, ["a"]);
  await store.delete(ALICE, sha256);
  assert.deepEqual(await readdir(join(scratch.path, "temporary")), []);
});

test("code store: what an interrupted server left incomplete is swept at the next start", async () => {
  await using scratch = await scratchDirectory();
  const left = join(scratch.path, "temporary/tree-abc/root");
  await mkdir(left, { recursive: true });
  await writeFile(join(left, "half"), "ha");
  const store = new CodeStore({ blobs: new MemoryBlobs(), cacheDirectory: scratch.path });
  await store[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(join(scratch.path, "temporary")), []);
});

test("code store: trees from before the machine booted are not trusted", async () => {
  await using scratch = await scratchDirectory();
  const blobs = new MemoryBlobs();
  const options = { blobs, cacheDirectory: scratch.path };
  await using store = new CodeStore({ ...options, bootId: "first" });
  const { sha256 } = await store.put(ALICE, await zipOf({ a: "whole" }));
  const { root } = await store.tree(ALICE, sha256);
  // What a power failure does to a file that was never fsynced.
  await writeFile(join(root, "a"), "");
  const rebooted = new CodeStore({ ...options, bootId: "second" });
  assert.equal((await rebooted.tree(ALICE, sha256)).unpackedBytes, 5);
  await rebooted[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(join(scratch.path, "temporary")), []);
});

test("code store: listings that do not fit in memory are read again from disk", async () => {
  await using scratch = await scratchDirectory();
  const blobs = new MemoryBlobs();
  const options = { blobs, cacheDirectory: scratch.path, listedPathsMax: 3 };
  await using store = new CodeStore(options);
  const first = await store.put(ALICE, await zipOf({ a: "1" }));
  const second = await store.put(ALICE, await zipOf({ b: "1" }));
  const kept = await store.tree(ALICE, second.sha256);
  assert.equal(await store.tree(ALICE, second.sha256), kept);
  assert.deepEqual((await store.tree(ALICE, first.sha256)).files, ["a"]);
  assert.notEqual(await store.tree(ALICE, second.sha256), kept);
  assert.equal(blobs.gets, 0);
});

test("code store: a digest that is none is refused, not made into a path", async () => {
  await using scratch = await scratchDirectory();
  await using store = new CodeStore({ blobs: new MemoryBlobs(), cacheDirectory: scratch.path });
  for (const sha256 of ["", "../..", "AAAA"]) {
    await assert.rejects(store.tree(ALICE, sha256), (e) => isPlatformError(e, "invalid"));
  }
});

test("code store: the zip streams from the blob store", async () => {
  const { openDiskBlobStore } = await import("../engine/disk/mod.ts");
  await using scratch = await scratchDirectory();
  const blobs = await openDiskBlobStore(join(scratch.path, "blobs"));
  await using store = new CodeStore({ blobs, cacheDirectory: join(scratch.path, "cache") });
  const zip = await zipOf({ a: "a" });
  const { sha256 } = await store.put(ALICE, zip);
  assert.ok((await buffer(await store.zip(ALICE, sha256))).equals(zip));
  await assert.rejects(store.zip(ALICE, ABSENT), (e) => isPlatformError(e, "not_found"));
});
