import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import fc from "fast-check";
import { isPlatformError } from "../base/mod.ts";
import type { BlobStore } from "./blob.ts";
import { crashBlob } from "./testsuite-crash.ts";
import { FULL, linesUntilKilled, type Opener, scratch } from "./testsuite-support.ts";

type Open = (path: string) => Promise<BlobStore>;

/** What every BlobStore must do. `opener` lets the kill -9 test open the driver in a child. */
export function blobStoreSuite(name: string, open: Open, opener: Opener): void {
  test(`${name}: what was put is got, streamed and listed, also after reopening`, async () => {
    await using place = await scratch();
    const keys = ["a", "a/b", "a.b/c=1_-", "x/y/z"];
    const before = await open(place.path);
    for (const key of keys) await before.put(key, Buffer.from(`bytes of ${key}`));
    const store = await open(place.path);
    for (const key of keys) {
      assert.equal(String(await store.get(key)), `bytes of ${key}`);
      assert.equal(String(await buffer(await store.stream(key))), `bytes of ${key}`);
      assert.equal(await store.has(key), true);
    }
    assert.deepEqual(await keysOf(store, ""), keys.toSorted());
    assert.deepEqual(await keysOf(store, "a"), ["a", "a.b/c=1_-", "a/b"]);
    assert.deepEqual(await keysOf(store, "a/"), ["a/b"]);
    assert.deepEqual(await keysOf(store, "x/y"), ["x/y/z"]);
    assert.deepEqual(await keysOf(store, "nothing/"), []);
  });

  test(`${name}: an absent blob is not found, and deleting it succeeds`, async () => {
    await using place = await scratch();
    const store = await open(place.path);
    const isNotFound = (error: unknown): boolean => isPlatformError(error, "not_found");
    await assert.rejects(store.get("a"), isNotFound);
    await assert.rejects(store.stream("a"), isNotFound);
    assert.equal(await store.has("a"), false);
    await store.delete("a");
    await store.put("a", Buffer.alloc(0));
    assert.equal((await store.get("a")).length, 0);
    await store.delete("a");
    assert.equal(await store.has("a"), false);
  });

  test(`${name}: keys outside the alphabet or the store are refused`, async () => {
    await using place = await scratch();
    const store = await open(place.path);
    const keys = ["", "../a", "a/../b", "a..b", "/a", "a/", "a//b", "./a", "a\0", "ü", "a@", "~a"];
    for (const key of [...keys, "a".repeat(513)]) {
      await assert.rejects(store.put(key, Buffer.of(1)), (e) => isPlatformError(e, "invalid"), key);
      await assert.rejects(store.get(key), (e) => isPlatformError(e, "invalid"), key);
    }
    assert.deepEqual(await keysOf(store, ""), []);
  });

  test(`${name}: readers see one whole version while a key is replaced`, async () => {
    await using place = await scratch();
    const store = await open(place.path);
    const version = (n: number): Buffer => Buffer.alloc(50_000, n);
    await store.put("k", version(0));
    const puts = Array.from({ length: 10 }, (_, n) => store.put("k", version(n + 1)));
    const gets = Array.from({ length: 10 }, () => store.get("k"));
    for (const bytes of await Promise.all(gets)) {
      assert.ok(bytes.equals(version(bytes[0] ?? -1)), "Bytes of one version only");
    }
    await Promise.all(puts);
    assert.deepEqual(await keysOf(store, ""), ["k"]);
  });

  test(`${name}: random keys and bytes agree with a map`, async () => {
    const segment = fc.stringMatching(/^[a-z0-9_=-]{1,3}$/);
    const long = fc.integer({ min: 195, max: 450 }).map((length) => "l".repeat(length));
    const key = fc.array(fc.oneof({ weight: 5, arbitrary: segment }, long), {
      minLength: 1,
      maxLength: 3,
    });
    const step = fc.record({
      key: key.map((segments) => segments.join("/")).filter((text) => text.length <= 512),
      bytes: fc.option(fc.uint8Array({ maxLength: 50 })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        await using place = await scratch();
        const store = await open(place.path);
        const model = new Map<string, Uint8Array>();
        for (const { key, bytes } of steps) {
          if (bytes) await store.put(key, bytes);
          else await store.delete(key);
          if (bytes) model.set(key, bytes);
          else model.delete(key);
        }
        assert.deepEqual(await keysOf(store, ""), [...model.keys()].toSorted());
        for (const [key, bytes] of model)
          assert.deepEqual(await store.get(key), Buffer.from(bytes));
      }),
      { numRuns: FULL ? 300 : 20 },
    );
  });

  test(`${name}: kill -9 loses no acknowledged blob and shows no torn one`, async () => {
    for (let round = 1; round <= (FULL ? 40 : 3); round++) {
      await using place = await scratch();
      const lines = await linesUntilKilled(opener, place.path, "putUntilKilled", round * 11);
      const store = await open(place.path);
      const listed = await keysOf(store, "");
      for (const key of listed) {
        const number = Number(key.split("/").at(-1));
        assert.ok((await store.get(key)).equals(crashBlob(number)), `Blob ${key} is whole`);
      }
      for (const line of lines) {
        assert.ok(listed.includes(`blobs/${Number(line) % 3}/${line}`), `Blob ${line} is there`);
      }
    }
  });
}

async function keysOf(store: BlobStore, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).toSorted();
}
