import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "./command.ts";
import { sinceMs } from "./durations.ts";

const NOW_MS = Date.UTC(2026, 0, 31, 12);

test("sinceMs: so long ago, or a moment", () => {
  assert.equal(sinceMs("90s", NOW_MS), NOW_MS - 90_000);
  assert.equal(sinceMs("10m", NOW_MS), NOW_MS - 600_000);
  assert.equal(sinceMs("2h", NOW_MS), NOW_MS - 7_200_000);
  assert.equal(sinceMs("1d", NOW_MS), NOW_MS - 86_400_000);
  assert.equal(sinceMs("2026-01-31T12:00:00Z", 0), NOW_MS);
});

test("sinceMs: anything else is wrong usage", () => {
  for (const text of ["", "10", "10 m", "-5m", "1w", "yesterday", "2026-13-99"]) {
    assert.throws(() => sinceMs(text, NOW_MS), UsageError, text);
  }
});
