import assert from "node:assert/strict";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { extractPackage } from "./package.ts";
import { scratchDirectory, zipOf } from "./testing.ts";
import { placeTree, readTree } from "./tree.ts";

async function treeOf(directory: string, files: number) {
  const content: Record<string, string> = { "empty/": "" };
  for (let n = 0; n < files; n++) content[`d${n % 5}/e/f${n}`] = String(n);
  const root = join(directory, "root");
  await extractPackage(await zipOf(content, 0o100755), root);
  return await readTree(root);
}

for (const [size, files] of [
  ["small", 20],
  ["large", 200],
] as const) {
  test(`placeTree: a ${size} tree becomes hard links`, async () => {
    await using scratch = await scratchDirectory();
    const tree = await treeOf(scratch.path, files);
    const target = join(scratch.path, "task");
    await mkdir(target);
    const placed = placeTree(tree, target);
    assert.equal(placed === undefined, size === "small", "Small trees need no promise");
    await placed;
    const copy = await readTree(target);
    assert.deepEqual({ ...copy, root: "" }, { ...tree, root: "" });
    for (const file of tree.files) {
      const [source, link] = [await stat(join(tree.root, file)), await stat(join(target, file))];
      assert.equal(link.ino, source.ino);
      assert.equal(link.mode & 0o777, 0o555);
    }
  });

  // /dev/shm is a file system of its own on every Linux.
  test(`placeTree: a ${size} tree is copied to another file system`, async () => {
    await using scratch = await scratchDirectory("/dev/shm");
    await using source = await scratchDirectory();
    const tree = await treeOf(source.path, files);
    await placeTree(tree, scratch.path);
    assert.deepEqual((await readTree(scratch.path)).files, tree.files);
    const [file = ""] = tree.files;
    assert.notEqual((await stat(scratch.path)).dev, (await stat(tree.root)).dev);
    assert.equal((await stat(join(scratch.path, file))).mode & 0o777, 0o555);
    assert.deepEqual(
      await readFile(join(scratch.path, file)),
      await readFile(join(tree.root, file)),
    );
  });
}

test("placeTree: a file in the way is an error, not overwritten", async () => {
  await using scratch = await scratchDirectory();
  const tree = await treeOf(scratch.path, 1);
  const target = join(scratch.path, "task");
  await mkdir(target);
  await placeTree(tree, target);
  assert.throws(() => placeTree(tree, target), { code: "EEXIST" });
});
