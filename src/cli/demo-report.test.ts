import assert from "node:assert/strict";
import { test } from "node:test";
import { type DemoReport, percentile } from "./demo.ts";
import { reportText } from "./demo-report.ts";
import { Output } from "./output.ts";
import { CapturedStream } from "./testing.ts";

test("demo: percentiles are nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual([percentile(hundred, 0.5), percentile(hundred, 0.99)], [50, 99]);
  assert.deepEqual([percentile([7], 0.5), percentile([7], 0.99)], [7, 7]);
});

test("demo: the table says what ran, how it started and what was wrong", () => {
  const failure = { functionError: "Unhandled", errorType: "E", errorMessage: "m", wanted: "w" };
  const report: DemoReport = {
    isolation: "process",
    functions: [
      {
        name: "hello",
        runtime: "nodejs24.x",
        phases: [
          {
            name: "first",
            calls: 1,
            right: 1,
            errors: [],
            starts: { pool: 1 },
            p50Ms: 3.14,
            p99Ms: 3.14,
          },
          {
            name: "warm",
            calls: 9,
            right: 8,
            errors: ["busy"],
            starts: { pool: 1, warm: 8 },
            p50Ms: 1,
            p99Ms: 2,
          },
        ],
      },
    ],
    failing: { ...failure, right: true },
    timingOut: { ...failure, right: false },
    durationMs: 12_345,
    ok: false,
  };
  const stream = new CapturedStream();
  const output = new Output({ stdout: stream, stderr: stream, json: false, colours: false });
  assert.equal(
    reportText(report, output),
    `
FUNCTION  RUNTIME     CALLS       RIGHT  START           P50 MS  P99 MS
hello     nodejs24.x  first call  1/1    1 pool             3.1     3.1
                      one by one  8/9    8 warm, 1 pool     1.0     2.0

hello was refused: busy
A failing call answered E: m (as it should)
A slow call answered E: m (but wanted w)
Isolation in force: process
Some answers were wrong; see the table.
`,
  );
});
