import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogSource } from "../call-log.ts";
import { encodeRecord, LineCutter, recordOfEvent, type TelemetryRecord } from "./records.ts";

function cut(parts: readonly [string, LogSource?, boolean?][]): unknown[] {
  const records: TelemetryRecord[] = [];
  const cutter = new LineCutter((record) => records.push(record));
  for (const [text, source = "function", isMessage = false] of parts) {
    cutter.push({ atMs: 0, source, bytes: Buffer.from(text), isMessage });
  }
  return records.map(({ type, record }) => [type, record]);
}

test("LineCutter: pieces become lines, messages stay whole", () => {
  assert.deepEqual(cut([["one\ntw"], ["o\n\nthree"], ["END\n", "platform", true]]), [
    ["function", "one"],
    ["function", "two"],
    ["function", "three"],
  ]);
  assert.deepEqual(cut([["a\nb\n", "function", true]]), [["function", "a\nb"]]);
});

test("LineCutter: writers are not mixed", () => {
  assert.deepEqual(cut([["mi"], ["other\n", "extension"], ["ne\n"]]), [
    ["extension", "other"],
    ["function", "mine"],
  ]);
});

test("LineCutter: a line without end is cut, not kept", () => {
  const records = cut(Array.from({ length: 10 }, () => ["x".repeat(100_000)] as [string]));
  assert.equal(records.length, 3);
});

const LINE: TelemetryRecord = {
  ...{ category: "function", timeMs: 0, type: "function" },
  record: '{"a":1}',
};

test("encodeRecord: JSON logs are objects from 2022-12-13 on", () => {
  const record = (schema: "2022-07-01" | "2022-12-13", isJson: boolean): unknown =>
    JSON.parse(encodeRecord(LINE, schema, isJson)[0] ?? "").record;
  assert.deepEqual(record("2022-12-13", true), { a: 1 });
  assert.equal(record("2022-12-13", false), '{"a":1}');
  assert.equal(record("2022-07-01", true), '{"a":1}');
});

test("encodeRecord: the Logs API has an end for each call, and a fault for a dead runtime", () => {
  const event = (type: string, record: object, schema: "2020-08-15" | "2021-03-18"): unknown[] =>
    encodeRecord(recordOfEvent({ timeMs: 0, type, record: { ...record } }), schema, false).map(
      (line) => {
        const parsed = JSON.parse(line);
        return [parsed.type, parsed.record];
      },
    );
  const done = { requestId: "r", status: "success", metrics: {} };
  assert.deepEqual(event("platform.runtimeDone", done, "2020-08-15"), []);
  assert.deepEqual(event("platform.runtimeDone", done, "2021-03-18"), [
    ["platform.runtimeDone", { requestId: "r", status: "success" }],
  ]);
  assert.deepEqual(event("platform.initStart", {}, "2021-03-18"), []);
  const report = { requestId: "r", status: "error", errorType: "Runtime.ExitError", metrics: {} };
  assert.deepEqual(event("platform.report", report, "2020-08-15"), [
    ["platform.fault", "RequestId: r Process exited before completing request"],
    ["platform.end", { requestId: "r" }],
    ["platform.report", { requestId: "r", metrics: {} }],
  ]);
});
