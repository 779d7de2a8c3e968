import assert from "node:assert/strict";
import { test } from "node:test";
import { CallLog } from "./call-log.ts";

function taken(log: CallLog, isFinal: boolean): [number, string][] {
  return log
    .take(isFinal)
    .map(({ timestampMs, message }): [number, string] => [timestampMs, message.toString()]);
}

test("CallLog: messages stay whole, output is cut into lines, each with its own time", () => {
  const log = new CallLog();
  log.line("START\n", 1);
  log.append(Buffer.from("a message\nof two lines\n"), 2, true);
  log.append(Buffer.from("one\ntwo\nth"), 3);
  log.append(Buffer.from("ree\n"), 4);
  log.line("END\n", 5);
  assert.deepEqual(taken(log, true), [
    [1, "START"],
    [2, "a message\nof two lines"],
    [3, "one"],
    [3, "two"],
    [3, "three"],
    [5, "END"],
  ]);
});

test("CallLog: taken piece by piece, nothing comes twice and a line is not torn", () => {
  const log = new CallLog();
  log.append(Buffer.from("first\nhal"), 1);
  assert.deepEqual(taken(log, false), [[1, "first"]]);
  assert.deepEqual(taken(log, false), []);
  log.append(Buffer.from("f\n\n"), 2);
  log.append(Buffer.from("open"), 3);
  assert.deepEqual(taken(log, false), [[1, "half"]]);
  assert.deepEqual(taken(log, true), [[3, "open"]]);
  assert.equal(log.bytes().toString(), "first\nhalf\n\nopen");
});

test("LOG-3: CallLog: attack: as many lines as there is room for", () => {
  const log = new CallLog();
  const chunk = Buffer.alloc(65_536, "a\n");
  const from = performance.now();
  for (let times = 0; times < 64; times++) log.append(chunk, 1);
  const messages = log.take(true);
  assert.ok(messages.length < 120_000, `${messages.length} events`);
  assert.ok(log.dropped > 0);
  assert.ok(performance.now() - from < 500);
});
