import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf, percentile, summarize } from "./statistics.ts";

test("percentile: the smallest value that the share does not exceed", () => {
  const sorted = Float64Array.from({ length: 100 }, (_, index) => index + 1);
  assert.equal(percentile(sorted, 0.5), 50);
  assert.equal(percentile(sorted, 0.99), 99);
  assert.equal(percentile(sorted.subarray(0, 1), 0.99), 1);
  assert.ok(Number.isNaN(percentile(new Float64Array(0), 0.5)));
});

test("summarize: joins and sorts its series by value", () => {
  const summary = summarize([Float64Array.of(100, 9), Float64Array.of(20)]);
  assert.deepEqual(summary, { count: 3, p50Ms: 20, p99Ms: 100 });
});

test("growthOf: 1 for linear, 0 for constant, 2 for quadratic cost", () => {
  const exponentOf = (cost: number): number =>
    growthOf("x", { size: 10, cost: 5 }, { size: 100, cost }).exponent;
  assert.equal(exponentOf(50), 1);
  assert.equal(exponentOf(5), 0);
  assert.equal(exponentOf(500), 2);
});
