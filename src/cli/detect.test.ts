import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import { test } from "node:test";
import { detectFunction, nodeHandler, pythonHandler, type Wishes } from "./detect.ts";
import { readSourceTree } from "./source-tree.ts";
import { TemporaryTree } from "./testing.ts";

const ESM = "export const handler = async () => 1;\n";

async function detected(files: Record<string, string>, wishes: Wishes = {}): Promise<string> {
  await using tree = await TemporaryTree.with(files);
  const { runtime, handler } = await detectFunction(await readSourceTree(tree.path), wishes);
  return `${runtime} ${handler}`;
}

test("detect: usual file names of Node, JavaScript and TypeScript alike", async () => {
  assert.equal(await detected({ "index.mjs": ESM }), "nodejs24.x index.handler");
  assert.equal(await detected({ "index.ts": ESM, "util.ts": "" }), "nodejs24.x index.handler");
  assert.equal(await detected({ "src/index.js": ESM }), "nodejs24.x src/index.handler");
  assert.equal(await detected({ "greet.cjs": "exports.handler = 1" }), "nodejs24.x greet.handler");
});

test("detect: package.json's main leads, with or without ending", async () => {
  const main = (path: string): string => JSON.stringify({ main: path });
  const files = { "lib/run.js": ESM, "index.js": ESM };
  for (const path of ["lib/run.js", "./lib/run"]) {
    const found = await detected({ ...files, "package.json": main(path) });
    assert.equal(found, "nodejs24.x lib/run.handler");
  }
  const gone = await detected({ ...files, "package.json": main("gone.js") });
  assert.equal(gone, "nodejs24.x index.handler");
});

test("detect: Python's usual names, on the system's version", async () => {
  const code = "def lambda_handler(event, context):\n    return 1\n";
  assert.match(
    await detected({ "lambda_function.py": code }),
    /^python3\.\d+ lambda_function\.lambda_handler$/,
  );
  assert.match(await detected({ "main.py": "def go(e, c):\n  pass\n" }), / main\.go$/);
});

test("detect: a bootstrap program is a custom runtime", async () => {
  const files = { bootstrap: "#!/bin/sh\n", "index.js": ESM };
  assert.equal(await detected(files), "provided.al2023 bootstrap");
});

test("detect: what the user says narrows the search", async () => {
  const files = { "index.js": ESM, "main.py": "def handler(e, c): pass\n", "a/b.mjs": ESM };
  assert.equal(await detected(files, { runtime: "python3.12" }), "python3.12 main.handler");
  assert.equal(await detected(files, { handler: "a/b.handler" }), "nodejs24.x a/b.handler");
});

test("detect: failures say what was looked for", async () => {
  await assert.rejects(detected({ "notes.txt": "" }), /Found nothing to run; looked for package/);
  await assert.rejects(detected({ "index.js": "const x = 1;" }), /index\.js exports no handler/);
});

test("detect: a single file is its own function", async () => {
  await using tree = await TemporaryTree.with({ "code/greet.ts": ESM, "code/run.sh": "#!/bin/sh" });
  const file = await readSourceTree(`${tree.path}/code/greet.ts`);
  assert.deepEqual(await detectFunction(file, {}), {
    runtime: "nodejs24.x",
    handler: "greet.handler",
  });
  assert.equal(file.defaultName, "greet");
  await chmod(`${tree.path}/code/run.sh`, 0o755);
  const program = await readSourceTree(`${tree.path}/code/run.sh`);
  assert.equal((await detectFunction(program, {})).runtime, "provided.al2023");
});

test("detect: exports are found the ways people write them", () => {
  const cases: [string, string | undefined][] = [
    ["export async function handler() {}", "handler"],
    ["async function handler() {}\nexport { handler };", "handler"],
    ["export { main as handler, other };", "handler"],
    ["module.exports = { handler, other: 1 };", "handler"],
    ["module.exports.handler = () => {};", "handler"],
    ["export default async () => {};", "default"],
    ["export const run = 1;", "run"],
    ["export const a = 1;\nexport const b = 2;", undefined],
    ["const handler = 1;", undefined],
  ];
  for (const [text, name] of cases) assert.equal(nodeHandler(text), name, text);
  assert.equal(pythonHandler("def a(): pass\ndef handler(e, c): pass\n"), "handler");
  assert.equal(pythonHandler("lambda_handler = make()\n"), "lambda_handler");
  assert.equal(pythonHandler("def a(): pass\ndef b(): pass\n"), undefined);
});
