import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNodeOptions } from "./node-options.ts";

test("parseNodeOptions: keeps what Node can start with before the code is there", () => {
  const value = "--max-old-space-size=100  --enable-source-maps --title=x";
  assert.deepEqual(parseNodeOptions(value), {
    atBoot: "--max-old-space-size=100 --enable-source-maps --title=x",
    preloads: [],
  });
});

test("parseNodeOptions: takes modules out, in every way of writing them, in order", () => {
  const value = "-r ./a.cjs --require=b --no-warnings --import ./c.mjs --import=d/e";
  assert.deepEqual(parseNodeOptions(value), {
    atBoot: "--no-warnings",
    preloads: [
      { kind: "require", name: "./a.cjs" },
      { kind: "require", name: "b" },
      { kind: "import", name: "./c.mjs" },
      { kind: "import", name: "d/e" },
    ],
  });
});

test("parseNodeOptions: quotes and escapes as Node's, and a last word without its value", () => {
  assert.deepEqual(parseNodeOptions('--require "./my \\"own\\".cjs" --title="a b" -r'), {
    atBoot: '--title="a b" -r',
    preloads: [{ kind: "require", name: './my "own".cjs' }],
  });
  assert.deepEqual(parseNodeOptions(""), { atBoot: "", preloads: [] });
});
