import assert from "node:assert/strict";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { extractPackage } from "./package.ts";
import { scratchDirectory, zipOf } from "./testing.ts";
import { placeTree, placeTrees, readTree } from "./tree.ts";

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

async function layerOf(directory: string, files: Record<string, string>) {
  await extractPackage(await zipOf(files), directory);
  return await readTree(directory);
}

test("placeTrees: of two files at one path the later tree's is there, as a link", async () => {
  await using scratch = await scratchDirectory();
  const first = await layerOf(join(scratch.path, "1"), { "lib/a": "1", "lib/only-1": "1" });
  const second = await layerOf(join(scratch.path, "2"), { "lib/a": "2", "lib/only-2": "2" });
  for (const [trees, winner] of [
    [[first, second], second],
    [[second, first], first],
  ] as const) {
    const target = join(scratch.path, `target-${winner.root.at(-1)}`);
    await mkdir(target);
    await placeTrees(trees, target);
    assert.deepEqual((await readTree(target)).files, ["lib/a", "lib/only-1", "lib/only-2"]);
    const [placed, source] = [join(target, "lib/a"), join(winner.root, "lib/a")];
    assert.equal((await stat(placed)).ino, (await stat(source)).ino);
  }
});

test("placeTrees: the later of a file and a directory at one path stays, whole", async () => {
  await using scratch = await scratchDirectory();
  const file = await layerOf(join(scratch.path, "file"), { x: "file" });
  const folder = await layerOf(join(scratch.path, "folder"), { "x/a/b": "1", "x/c": "2", xy: "" });
  const results: (readonly string[])[] = [];
  for (const trees of [
    [file, folder],
    [folder, file],
    [folder, file, folder],
  ]) {
    const target = join(scratch.path, `target-${results.length}`);
    await mkdir(target);
    await placeTrees(trees, target);
    results.push((await readTree(target)).files);
  }
  const whole = ["x/a/b", "x/c", "xy"];
  assert.deepEqual(results, [whole, ["x", "xy"], whole]);
});

test("placeTrees: files in the place of many directories take no more time than others", () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `d${i}`).sort();
  const trees = [
    { root: "/nowhere/1", directories: names, files: names.map((name) => `${name}/f`) },
    { root: "/nowhere/2", directories: [], files: names },
  ].map((tree) => ({ ...tree, unpackedBytes: 0 }));
  const startedAt = performance.now();
  void placeTrees(trees, "/nowhere/target")?.catch(() => {});
  // Path by path against path this took eight seconds, in which the server did nothing else.
  assert.ok(performance.now() - startedAt < 1000);
});

test("placeTrees: many files go through the thread pool", async () => {
  await using scratch = await scratchDirectory();
  const large = await treeOf(scratch.path, 200);
  const small = await layerOf(join(scratch.path, "small"), { "d0/e/f0": "mine" });
  const target = join(scratch.path, "task");
  await mkdir(target);
  const placed = placeTrees([large, small], target);
  assert.notEqual(placed, undefined);
  await placed;
  assert.deepEqual((await readTree(target)).files, large.files);
  assert.equal(await readFile(join(target, "d0/e/f0"), "utf8"), "mine");
});
