import assert from "node:assert/strict";
import { test } from "node:test";
import { findBreaches } from "./tidy.ts";

function breachesOf(path: string, text: string): string[] {
  return findBreaches(new Map([[path, text]]));
}

test("tidy: time and chance are refused in domain rooms and allowed where they belong", () => {
  const text = "const now = Date.now();\n";
  assert.equal(breachesOf("src/host/a.ts", text).length, 1);
  assert.deepEqual(breachesOf("src/base/a.ts", text), []);
  assert.deepEqual(breachesOf("guest/node/a.ts", text), []);
  assert.deepEqual(breachesOf("src/host/a.test.ts", text), []);
});

test("tidy: a comment may name what code may not call", () => {
  assert.deepEqual(breachesOf("src/host/a.ts", "// never Date.now() here\n"), []);
});

test("tidy: a rule is lifted by a comment with a reason", () => {
  const text = "// tidy-allow: time-and-chance, the trace needs wall time\nDate.now();\n";
  assert.deepEqual(breachesOf("src/host/a.ts", text), []);
});

test("tidy: long files, functions and lines are refused", () => {
  const body = "  step();\n".repeat(70);
  assert.match(breachesOf("src/host/a.ts", `function f() {\n${body}}\n`)[0] ?? "", /72 lines/);
  assert.match(breachesOf("src/host/a.ts", `test(1, async () => {\n${body}});\n`)[0] ?? "", /72/);
  assert.deepEqual(breachesOf("src/host/a.ts", `class A {\n${body}}\n`), []);
  assert.match(breachesOf("src/host/a.ts", "a;\n".repeat(501))[0] ?? "", /501 lines/);
  assert.match(breachesOf("src/host/a.ts", `// ${"a ".repeat(60)}\n`)[0] ?? "", /columns/);
});

test("tidy: names, default exports, open ends and machine paths are refused", () => {
  assert.match(breachesOf("src/host/fooBar.ts", "")[0] ?? "", /kebab/);
  assert.match(breachesOf("src/host/a.ts", "export default 1;\n")[0] ?? "", /default-export/);
  assert.match(breachesOf("src/host/a.ts", "// TODO later\n")[0] ?? "", /open-end/);
  assert.deepEqual(breachesOf("src/host/a.ts", "// TODO(#12): later\n"), []);
  assert.match(breachesOf("docs/a.md", "see /home/someone/notes\n")[0] ?? "", /workplace/);
  assert.match(breachesOf("src/host/a.ts", "execSync(`ls`);\n")[0] ?? "", /shell-string/);
});
