import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/mod.ts";
import { ManualClock } from "../base/testing.ts";
import { limits } from "../model/mod.ts";
import { ALICE, BOB, MemoryTableStore } from "../registry/testing.ts";
import { type CallFigures, FunctionMetrics, LAMBDA_NAMESPACE } from "./function-metrics.ts";
import { MetricPoint } from "./metric-point.core.ts";
import { byPeriod, figureOf } from "./metric-statistic.core.ts";
import { MetricStore, type MetricValue } from "./metric-store.ts";

const MINUTE = 60_000;
const DAY = 24 * 3600 * 1000;
const FUNCTION = [{ name: "FunctionName", value: "f" }];
const NAME = { owner: ALICE, namespace: LAMBDA_NAMESPACE, dimensions: FUNCTION };

function open(): { store: MetricStore; clock: ManualClock; table: MemoryTableStore } {
  const clock = new ManualClock();
  const table = new MemoryTableStore();
  return { store: new MetricStore({ table, clock, log: silentLog }), clock, table };
}

function callAt(atMs: number, more: Partial<CallFigures> = {}): CallFigures {
  return {
    ...{ owner: ALICE, functionName: "f", executedVersion: "$LATEST", status: "succeeded" },
    ...{ durationMs: 10, concurrent: 1, atMs, ...more },
  };
}

async function sumOf(store: MetricStore, metric: string, name = NAME): Promise<number> {
  const { points } = await store.read(name, metric, 0, Number.MAX_SAFE_INTEGER);
  return points.reduce((sum, { point }) => sum + point.sum, 0);
}

test("FunctionMetrics: calls count by function, by what was asked for, and for the account", async () => {
  const { store, clock } = open();
  const metrics = new FunctionMetrics(store);
  const now = clock.now();
  metrics.record(callAt(now));
  metrics.record(callAt(now, { status: "failed", qualifier: "live", executedVersion: "2" }));
  metrics.record(callAt(now, { status: "throttled", accountConcurrent: 7 }));
  metrics.record(callAt(now, { functionName: "g" }));
  assert.equal(await sumOf(store, "Invocations"), 2);
  assert.equal(await sumOf(store, "Errors"), 1);
  assert.equal(await sumOf(store, "Throttles"), 1);
  assert.equal(await sumOf(store, "Duration"), 20);
  assert.equal(await sumOf(store, "Invocations", { ...NAME, dimensions: [] }), 3);
  const live = [...FUNCTION, { name: "Resource", value: "f:live" }];
  assert.equal(await sumOf(store, "Errors", { ...NAME, dimensions: live }), 1);
  const executed = [{ name: "ExecutedVersion", value: "2" }, ...live];
  assert.equal(await sumOf(store, "Errors", { ...NAME, dimensions: executed }), 1);
  const account = await store.read({ ...NAME, dimensions: [] }, "ConcurrentExecutions", 0, now * 2);
  assert.equal(account.points[0]?.point.max, 7);
  assert.equal(account.unit, "Count");
  await store[Symbol.asyncDispose]();
});

test("FunctionMetrics: requests to a URL count by their status", async () => {
  const { store, clock } = open();
  const metrics = new FunctionMetrics(store);
  for (const status of [200, 404, 429, 502]) {
    const atMs = clock.now();
    metrics.recordUrl({ owner: ALICE, functionName: "f", status, latencyMs: 5, atMs });
  }
  const figures = ["UrlRequestCount", "Url4xxCount", "Url5xxCount", "UrlRequestLatency"];
  const sums = await Promise.all(figures.map((metric) => sumOf(store, metric)));
  assert.deepEqual(sums, [4, 2, 1, 20]);
  await store[Symbol.asyncDispose]();
});

test("METRIC-1: flushed figures survive a restart, and later ones add to them", async () => {
  const { store, clock, table } = open();
  new FunctionMetrics(store).record(callAt(clock.now()));
  await clock.advance(MINUTE);
  // The first store is not closed: as after kill -9.
  const again = new MetricStore({ table, clock, log: silentLog });
  assert.equal(await sumOf(again, "Invocations"), 1);
  new FunctionMetrics(again).record(callAt(clock.now() - MINUTE));
  assert.equal(await sumOf(again, "Invocations"), 2);
  await again[Symbol.asyncDispose]();
  assert.equal(await sumOf(new MetricStore({ table, clock, log: silentLog }), "Invocations"), 2);
});

test("MetricStore: what rests leaves memory and loses nothing when it goes on", async () => {
  const { store, clock } = open();
  const metrics = new FunctionMetrics(store);
  for (let hour = 0; hour < 5; hour++) {
    metrics.record(callAt(clock.now()));
    await clock.advance(hour % 2 === 0 ? 60 * MINUTE : 5 * MINUTE);
  }
  assert.equal(await sumOf(store, "Invocations"), 5);
  await store[Symbol.asyncDispose]();
});

test("MetricStore: old minutes become five minutes, then hours, then nothing", async () => {
  const { store, clock } = open();
  const metrics = new FunctionMetrics(store);
  const start = clock.now();
  for (let minute = 0; minute < 30; minute++) metrics.record(callAt(start + minute * MINUTE));
  await store.flush();
  const points = async (): Promise<number> =>
    (await store.read(NAME, "Duration", 0, Number.MAX_SAFE_INTEGER)).points.length;
  assert.equal(await points(), 30);
  await clock.advance(2 * DAY);
  assert.deepEqual([await points(), await sumOf(store, "Duration")], [6, 300]);
  await clock.advance(15 * DAY);
  assert.deepEqual([await points(), await sumOf(store, "Duration")], [1, 300]);
  await store.fold();
  assert.equal(await sumOf(store, "Duration"), 300);
  await clock.advance(80 * DAY);
  assert.equal(await points(), 0);
  assert.deepEqual(await store.list(ALICE), []);
  await store[Symbol.asyncDispose]();
});

test("METRIC-1: owners never see each other's metrics", async () => {
  const { store, clock } = open();
  const metrics = new FunctionMetrics(store);
  metrics.record(callAt(clock.now()));
  assert.equal(await sumOf(store, "Invocations", { ...NAME, owner: BOB }), 0);
  assert.deepEqual(await store.list(BOB), []);
  assert.doesNotMatch(metrics.prometheusText(BOB), /\{function/);
  assert.match(
    metrics.prometheusText(ALICE),
    /^hearth_function_invocations_total\{function="f"\} 1$/m,
  );
  metrics.forget(ALICE, "f");
  assert.doesNotMatch(metrics.prometheusText(ALICE), /\{function/);
  await store[Symbol.asyncDispose]();
});

test("METRIC-1: an owner with many metrics leaves room for another's", async () => {
  const { store, clock } = open();
  const metrics = new FunctionMetrics(store);
  for (let count = 0; count < 20_000; count++) {
    metrics.record(callAt(clock.now(), { functionName: `f${count}` }));
  }
  metrics.record(callAt(clock.now(), { owner: BOB, functionName: "own" }));
  const own = { owner: BOB, dimensions: [{ name: "FunctionName", value: "own" }] };
  assert.equal(await sumOf(store, "Invocations", { ...NAME, ...own }), 1);
  assert.match(metrics.prometheusText(BOB), /_invocations_total\{function="own"\} 1/);
  await store[Symbol.asyncDispose]();
});

test("MetricStore: a set has so many names and numbers and no more", async () => {
  const { store, clock } = open();
  const most = limits.METRIC_NAMES_PER_SET_MAX;
  const data = (count: number): MetricValue[] =>
    Array.from({ length: count }, (_, at) => ({
      ...{ metric: `m${at}`, dimensions: [], unit: "None", atMs: clock.now() },
      values: Array.from({ length: 150 }, (_, exponent) => [1.03 ** (exponent * 3 + at), 1]),
    }));
  await store.put(ALICE, "mine", data(most));
  await assert.rejects(store.put(ALICE, "mine", data(most + 1)), { kind: "quota" });
  for (let times = 0; times < 10; times++) {
    await clock.advance(MINUTE);
    await store.put(ALICE, "mine", data(most));
  }
  const name = { owner: ALICE, namespace: "mine", dimensions: [] };
  const { points } = await store.read(name, "m0", 0, Number.MAX_SAFE_INTEGER);
  assert.equal(points.length, 11);
  const last = points.at(-1)?.point;
  assert.equal(last?.count, 150);
  assert.equal(last?.percentile(50), undefined, "no room for its spread");
  await store[Symbol.asyncDispose]();
});

test("MetricStore: a failed write is tried again", async () => {
  const { store, clock, table } = open();
  new FunctionMetrics(store).record(callAt(clock.now()));
  table.beforeCommit = () => Promise.reject(new Error("disk full"));
  await assert.rejects(store.flush(), /disk full/);
  assert.equal(await sumOf(store, "Invocations"), 1);
  await store[Symbol.asyncDispose]();
});

test("MetricPoint: percentiles are within one per cent, also after merging and storing", () => {
  const point = new MetricPoint();
  const other = new MetricPoint();
  for (let value = 1; value <= 1000; value++) (value % 2 ? point : other).add(value, true);
  point.merge(MetricPoint.fromNumbers(JSON.parse(JSON.stringify(other.toNumbers()))));
  for (const percent of [1, 50, 90, 99, 99.9]) {
    const found = figureOf(`p${percent}`)?.(point) ?? Number.NaN;
    assert.ok(Math.abs(found / (percent * 10) - 1) < 0.011, `p${percent} = ${found}`);
  }
  assert.deepEqual([figureOf("p0")?.(point), figureOf("p100")?.(point)], [1, 1000]);
  assert.equal(figureOf("Average")?.(point), 500.5);
  assert.equal(figureOf("p101"), undefined);
  assert.equal(figureOf("Median"), undefined);
  point.addSummary({ count: 1, sum: 5, min: 5, max: 5 });
  assert.equal(figureOf("p50")?.(point), undefined);
  const signed = new MetricPoint();
  for (const value of [-5, 0, 5]) signed.add(value, true);
  assert.equal(figureOf("p50")?.(signed), 0);
});

test("byPeriod: periods are counted from the start", () => {
  const points = [0, 1, 4, 5].map((minute) => {
    const point = new MetricPoint();
    point.add(1, false);
    return { atMs: minute * MINUTE, point };
  });
  const merged = byPeriod(points, 0, 2 * MINUTE).map(({ atMs, point }) => [atMs, point.sum]);
  assert.deepEqual(merged, [
    [0, 2],
    [4 * MINUTE, 2],
  ]);
});

test("FunctionMetrics: recording costs a call next to nothing", () => {
  const { store, clock } = open();
  const metrics = new FunctionMetrics(store);
  const figures = callAt(clock.now(), { qualifier: "live", executedVersion: "2" });
  for (let turn = 0; turn < 10_000; turn++) metrics.record(figures);
  const from = performance.now();
  for (let turn = 0; turn < 10_000; turn++) metrics.record(figures);
  const eachUs = ((performance.now() - from) / 10_000) * 1000;
  assert.ok(eachUs < 50, `${eachUs} µs a call`);
  if (process.env.HEARTH_TEST_LOG === "info") process.stderr.write(`${eachUs} us\n`);
});
