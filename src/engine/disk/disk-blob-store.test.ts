import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isPlatformError } from "../../base/mod.ts";
import { blobStoreSuite, scratch } from "../testsuite.ts";
import { openDiskBlobStore } from "./mod.ts";

blobStoreSuite("disk", openDiskBlobStore, {
  module: new URL("./mod.ts", import.meta.url),
  name: "openDiskBlobStore",
});

test("disk: what an interrupted put left is removed at open and never listed", async () => {
  await using place = await scratch();
  const temporary = join(place.path, "~temporary");
  await mkdir(temporary, { recursive: true });
  await writeFile(join(temporary, "1"), "half");
  const store = await openDiskBlobStore(place.path);
  assert.deepEqual(await readdir(temporary), []);
  await store.put("a", Buffer.from("whole"));
  assert.deepEqual(await readdir(temporary), []);
  assert.deepEqual(await Array.fromAsync(store.list("")), ["a"]);
});

test("disk: a put that fails leaves nothing behind", async () => {
  await using place = await scratch();
  const store = await openDiskBlobStore(place.path);
  // A plain file where the key needs a directory.
  await writeFile(join(place.path, "a"), "in the way");
  await assert.rejects(store.put("a/b", Buffer.of(1)), (e) => isPlatformError(e, "unavailable"));
  assert.deepEqual(await readdir(join(place.path, "~temporary")), []);
});
