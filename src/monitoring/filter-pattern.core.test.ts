import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilterPattern } from "./filter-pattern.core.ts";

function matched(pattern: string, messages: readonly string[]): string[] {
  const matches = parseFilterPattern(pattern);
  return messages.filter((message) => matches(Buffer.from(message)));
}

const TEXTS = ["ERROR one two", "WARN one", "error two", "INFO nothing"];

test("filter pattern: terms are all needed, wherever they stand", () => {
  assert.deepEqual(matched("", TEXTS), TEXTS);
  assert.deepEqual(matched("ERROR", TEXTS), ["ERROR one two"]);
  assert.deepEqual(matched("one two", TEXTS), ["ERROR one two"]);
  assert.deepEqual(matched('"one two"', TEXTS), ["ERROR one two"]);
  assert.deepEqual(matched('"two one"', TEXTS), []);
  assert.deepEqual(matched('"say \\"hi\\""', ['they say "hi"', "say hi"]), ['they say "hi"']);
});

test("filter pattern: any of several, none of others", () => {
  assert.deepEqual(matched("?ERROR ?WARN", TEXTS), ["ERROR one two", "WARN one"]);
  assert.deepEqual(matched("one -ERROR", TEXTS), ["WARN one"]);
  assert.deepEqual(matched('-"one two" -INFO', TEXTS), ["WARN one", "error two"]);
  assert.deepEqual(matched("two ?WARN", TEXTS), ["ERROR one two", "error two"]);
});

const EVENTS = [
  { level: "ERROR", ms: 250, user: { id: "u-1", admin: true }, tags: ["red", "blue"] },
  { level: "INFO", ms: 5, user: { id: "u-22", admin: false }, tags: [], note: null },
  { level: "WARN", ms: 99.5, ip: "10.1.2.3", codes: [{ n: 404 }, { n: 500 }], "a.b": 1 },
].map((each) => JSON.stringify(each));

test("filter pattern: conditions on JSON", () => {
  const levels = (pattern: string): string[] =>
    matched(pattern, [...EVENTS, "no json", "[1]"]).map((each) => JSON.parse(each).level);
  const cases: [string, string[]][] = [
    ['{ $.level = "ERROR" }', ["ERROR"]],
    ["{ $.level = ERROR }", ["ERROR"]],
    ['{$.level="*R*"}', ["ERROR", "WARN"]],
    ['{ $.level != "INFO" }', ["ERROR", "WARN"]],
    ["{ $.ms > 99.5 }", ["ERROR"]],
    ["{ $.ms >= 99.5 && $.ms < 250 }", ["WARN"]],
    ["{ $.ms = 5 || $.ms = 2.5e2 }", ["ERROR", "INFO"]],
    ['{ $.level = "INFO" || ($.user.admin IS TRUE && $.ms <= 250) }', ["ERROR", "INFO"]],
    ["{ $.user.admin IS FALSE }", ["INFO"]],
    ["{ $.note IS NULL }", ["INFO"]],
    ["{ $.user NOT EXISTS }", ["WARN"]],
    ["{ $.note NOT EXISTS }", ["ERROR", "WARN"]],
    ['{ $.tags[0] = "red" }', ["ERROR"]],
    ['{ $.tags[*] = "blue" }', ["ERROR"]],
    ["{ $.codes[*].n = 500 }", ["WARN"]],
    ["{ $.ip = 10.1.* }", ["WARN"]],
    ["{ $['a.b'] = 1 }", ["WARN"]],
    ['{ $.user.id = "u-?" }', []],
    ["{ $.__proto__ EXISTS }", []],
  ];
  for (const [pattern, expected] of cases) assert.deepEqual(levels(pattern), expected, pattern);
});

test("filter pattern: what is none is refused", () => {
  const wrong = [
    '"open',
    'half"quoted"',
    "{ $.a = }",
    "{ $.a }",
    '{ $.a = "b"',
    '{ $.a = "b" } more',
    "{ $.a > b }",
    "{ $.a IS MAYBE }",
    "{ a = 1 }",
    "{ ($.a = 1 }",
    `{ ${"(".repeat(500)}$.a = 1${")".repeat(500)} }`,
    "[a, b]",
    "%regex%",
    "{ $.a[*].b[*] = 1 }",
    `{ ${Array(4).fill("$.* = 1").join(" || ")} }`,
  ];
  for (const pattern of wrong) {
    assert.throws(
      () => parseFilterPattern(pattern),
      /^PlatformError: Invalid filter pattern/,
      pattern,
    );
  }
});

test("filter pattern: no message takes long", () => {
  const long = "a".repeat(1_000_000);
  const matches = parseFilterPattern(`{ $.a = "${"*a".repeat(200)}b" }`);
  const from = performance.now();
  assert.equal(matches(Buffer.from(JSON.stringify({ a: long }))), false);
  assert.equal(parseFilterPattern(`"${"a".repeat(500)}b"`)(Buffer.from(long)), false);
  assert.equal(matches(Buffer.from("[".repeat(1_000_000))), false);
  const wide = Object.fromEntries(Array.from({ length: 25_000 }, (_, at) => [`member${at}`, at]));
  const every = parseFilterPattern(`{ ${Array(3).fill("$.* = x").join(" || ")} }`);
  assert.equal(every(Buffer.from(JSON.stringify(wide))), false);
  assert.ok(performance.now() - from < 1000);
});
