import assert from "node:assert/strict";
import { test } from "node:test";
import { findBreaches } from "./docs.ts";

function breachesOf(text: string): string[] {
  return findBreaches(new Map([["docs/a.md", text]]), (path) => path === "README.md");
}

test("docs: relative links lead somewhere", () => {
  assert.deepEqual(breachesOf("[a](../README.md#tour) [b](https://example.com) [c](#here)"), []);
  assert.match(breachesOf("[a](gone.md)")[0] ?? "", /not there/);
});

test("docs: commands in sh blocks exist", () => {
  const block = (line: string): string => `\`\`\`sh\n${line}\n\`\`\`\n`;
  assert.deepEqual(
    breachesOf(block('./hearth up\neval "$(./hearth env)"\nhearth account list')),
    [],
  );
  assert.match(breachesOf(block("hearth launch --all"))[0] ?? "", /no command hearth launch/);
  assert.deepEqual(breachesOf("In prose hearth glows."), []);
});
