import assert from "node:assert/strict";
import { test } from "node:test";
import { javascriptOf } from "./pack.ts";

test("pack: types go, lines stay where they were", () => {
  const text = 'import type { A } from "./a.ts";\nexport const b: A = 1;\n';
  assert.equal(javascriptOf(text), "\nexport const b    = 1;\n");
});

test("pack: every way of naming a module of ours is turned to .js", () => {
  const cases = [
    ['import { a } from "./a.ts";', 'import { a } from "./a.js";'],
    ['export * from "../b/mod.ts";', 'export * from "../b/mod.js";'],
    ['import "./effect.ts";', 'import "./effect.js";'],
    ['await import("./lazy.ts");', 'await import("./lazy.js");'],
    ['new URL("./worker.ts", import.meta.url);', 'new URL("./worker.js", import.meta.url);'],
    ['const endings = ["./x.ts"];', 'const endings = ["./x.ts"];'],
  ];
  for (const [source = "", wanted] of cases) assert.equal(javascriptOf(source), wanted);
});
