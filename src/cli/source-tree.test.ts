import assert from "node:assert/strict";
import { chmod, symlink, utimes } from "node:fs/promises";
import { test } from "node:test";
import { readSourceTree, zipOf } from "./source-tree.ts";
import { TemporaryTree } from "./testing.ts";

const FILES = {
  "index.js": "1",
  "node_modules/a/index.js": "2",
  ".git/HEAD": "3",
  "__pycache__/x.pyc": "4",
  ".env": "SECRET=5",
};

test("source tree: dependencies are in; history, caches and secrets are out", async () => {
  await using tree = await TemporaryTree.with(FILES);
  const { files } = await readSourceTree(tree.path);
  assert.deepEqual(
    files.map((file) => file.path),
    ["index.js", "node_modules/a/index.js"],
  );
});

test("source tree: links are followed, a loop of links ends", async () => {
  await using tree = await TemporaryTree.with({ "real/a.js": "1", "index.js": "2" });
  await symlink("../real", `${tree.path}/real/loop`);
  await symlink("real", `${tree.path}/linked`);
  const { files } = await readSourceTree(tree.path);
  assert.deepEqual(
    files.map((file) => file.path),
    ["index.js", "linked/a.js", "real/a.js"],
  );
});

test("source tree: equal contents make equal zips, an executable stays one", async () => {
  await using one = await TemporaryTree.with(FILES);
  await using two = await TemporaryTree.with(FILES);
  await utimes(`${two.path}/index.js`, 1, 1);
  const first = await zipOf(await readSourceTree(one.path));
  assert.deepEqual(await zipOf(await readSourceTree(two.path)), first);
  await chmod(`${two.path}/index.js`, 0o755);
  assert.notDeepEqual(await zipOf(await readSourceTree(two.path)), first);
});

test("source tree: nothing to deploy and nothing there are errors", async () => {
  await using tree = await TemporaryTree.with({ ".git/HEAD": "" });
  await assert.rejects(readSourceTree(tree.path), /Nothing to deploy/);
  await assert.rejects(readSourceTree(`${tree.path}/gone`), /Cannot read .*ENOENT/);
});
