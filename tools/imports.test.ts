import assert from "node:assert/strict";
import { test } from "node:test";
import { findBreaches } from "./imports.ts";

function breachesOf(path: string, text: string): string[] {
  return findBreaches(new Map([[path, text]]));
}

test("imports: a room imports lower rooms through their door", () => {
  assert.deepEqual(breachesOf("src/host/a.ts", 'import { x } from "../base/mod.ts";\n'), []);
  assert.match(
    breachesOf("src/host/a.ts", 'import { x } from "../base/clock.ts";\n')[0] ?? "",
    /only through/,
  );
  assert.match(
    breachesOf("src/host/a.ts", 'import type { X } from "../api/mod.ts";\n')[0] ?? "",
    /stands above/,
  );
});

test("imports: lines broken over several, lazy ones and side effects are seen", () => {
  const several = 'import {\n  x,\n  y,\n} from "../api/mod.ts";\n';
  const lazy = 'const x = await import("../api/mod.ts");\n';
  const effect = 'import "../api/mod.ts";\n';
  for (const text of [several, lazy, effect]) {
    assert.equal(breachesOf("src/host/a.ts", text).length, 1, text);
  }
});

test("imports: drivers are named in app and tests only", () => {
  const text = 'import { x } from "../sandbox/process/mod.ts";\n';
  assert.equal(breachesOf("src/host/a.ts", text).length, 1);
  assert.deepEqual(breachesOf("src/app/a.ts", text), []);
  assert.deepEqual(breachesOf("src/host/a.test.ts", text), []);
});

test("imports: guest and src stand apart", () => {
  const text = 'import { x } from "../../src/base/mod.ts";\n';
  assert.match(breachesOf("guest/node/a.ts", text)[0] ?? "", /guest stands alone/);
  assert.match(
    breachesOf("src/host/a.ts", 'import { x } from "../../guest/node/a.ts";\n')[0] ?? "",
    /outside src/,
  );
});

test("imports: cycles are found, cycles of types are none", () => {
  const files = (kind: string): Map<string, string> =>
    new Map([
      ["src/host/a.ts", `import ${kind}{ b } from "./b.ts";\n`],
      ["src/host/b.ts", 'import { a } from "./a.ts";\n'],
    ]);
  assert.match(findBreaches(files(""))[0] ?? "", /cycle/);
  assert.deepEqual(findBreaches(files("type ")), []);
});
