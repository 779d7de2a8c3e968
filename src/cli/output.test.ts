import assert from "node:assert/strict";
import { test } from "node:test";
import { Output } from "./output.ts";
import { renderTable } from "./table.ts";
import { CapturedStream } from "./testing.ts";

test("table: columns align, numbers to the right, no trailing blanks", () => {
  const table = renderTable(
    ["NAME", "MS"],
    [
      ["a", "1.5"],
      ["longer", "10.0"],
    ],
  );
  assert.equal(table, "NAME      MS\na        1.5\nlonger  10.0\n");
});

test("table: colour codes take no room", () => {
  const table = renderTable(["A", "B"], [["\u001b[31mx\u001b[39m", "y"]]);
  assert.equal(table, "A  B\n\u001b[31mx\u001b[39m  y\n");
});

test("output: colours only on a terminal that wants them", () => {
  const paint = (isTTY: boolean, colours: boolean): string => {
    const stdout = new CapturedStream(isTTY);
    return new Output({ stdout, stderr: stdout, json: false, colours }).paint("red", "x");
  };
  assert.equal(paint(false, true), "x");
  assert.equal(paint(true, false), "x");
  assert.equal(paint(true, true), "\u001b[31mx\u001b[39m");
});

test("output: a result is either the document or the text", () => {
  for (const [json, wanted] of [
    [true, '{\n  "a": 1\n}\n'],
    [false, "one"],
  ] as const) {
    const stdout = new CapturedStream();
    const output = new Output({ stdout, stderr: stdout, json, colours: false });
    output.result({ a: 1 }, () => "one");
    assert.equal(stdout.text, wanted);
  }
});
