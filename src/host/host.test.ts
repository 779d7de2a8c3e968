import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Metrics, secureRandom, silentLog } from "../base/mod.ts";
import { ManualClock, settled } from "../base/testing.ts";
import type { FunctionVersion, InvokeResult } from "../model/mod.ts";
import { LogStore } from "../monitoring/mod.ts";
import { MemoryTableStore } from "../registry/testing.ts";
import type { Acquired } from "./acquire.ts";
import { Host } from "./host.ts";
import { ScriptedMachine, testVersion } from "./testing.ts";

interface TestHost extends AsyncDisposable {
  readonly host: Host;
  readonly clock: ManualClock;
  readonly machine: ScriptedMachine;
  readonly logs: LogStore;
  readonly acquired: Acquired[];
  call(version: FunctionVersion): Promise<InvokeResult>;
}

async function openHost(warm = 2): Promise<TestHost> {
  const directory = await mkdtemp(join(tmpdir(), "hearth-host-"));
  const clock = new ManualClock();
  const machine = new ScriptedMachine(clock);
  const logs = new LogStore({
    ...{ directory, clock, log: silentLog, random: secureRandom, table: new MemoryTableStore() },
    groupOf: async (_owner, name) => `/aws/lambda/${name}`,
  });
  const acquired: Acquired[] = [];
  const host = new Host({
    machine,
    logs,
    clock,
    log: silentLog,
    metrics: new Metrics(),
    warm: new Map([["nodejs24.x", warm]]),
    bootConcurrency: 4,
    environmentsMax: 100,
    keepAliveMs: 60_000,
    freezeAfterMs: 200,
    environmentAgeMsMax: 3_600_000,
  });
  host.start();
  await settled();
  const call = (version: FunctionVersion): Promise<InvokeResult> =>
    host.run({
      requestId: "request",
      version,
      invokedArn: version.arn,
      traceId: "Root=1",
      payload: Buffer.from("{}"),
      onAcquired: (found) => acquired.push(found),
    });
  return {
    host,
    clock,
    machine,
    logs,
    acquired,
    call,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await logs[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

test("P20-2: the pool returns to its target after each take", async () => {
  await using opened = await openHost(2);
  const { host, clock } = opened;
  assert.deepEqual(host.pools(), [{ runtime: "nodejs24.x", target: 2, ready: 2, booting: 0 }]);
  const { report } = await opened.call(testVersion());
  assert.equal(report.start, "pool");
  await clock.advance(100);
  assert.equal(host.pools()[0]?.ready, 2);
});

test("P20-4: an environment idle beyond its time is gone, and the next call gets a new one", async () => {
  await using opened = await openHost();
  const { clock, call } = opened;
  const first = await call(testVersion());
  await clock.advance(59_000);
  const second = await call(testVersion());
  assert.equal(second.report.environmentId, first.report.environmentId);
  await clock.advance(61_000);
  const third = await call(testVersion());
  assert.notEqual(third.report.environmentId, first.report.environmentId);
  assert.notEqual(third.report.instanceId, first.report.instanceId);
});

test("Host: an owner whose last environment has gone holds no instance any more", async () => {
  await using opened = await openHost();
  const version = testVersion();
  await opened.call(version);
  await opened.clock.advance(61_000);
  assert.deepEqual(opened.host.environments(version.owner), []);
  assert.equal(opened.host.environments().length, 2, "only the pool is left");
});

test("Host: an idle environment is frozen after the grace and thawed by its next call", async () => {
  await using opened = await openHost();
  await opened.call(testVersion());
  const environment = opened.acquired[0]?.environment;
  await opened.clock.advance(150);
  assert.equal(environment?.isFrozen, false);
  await opened.clock.advance(200);
  assert.equal(environment?.isFrozen, true);
  const { report } = await opened.call(testVersion());
  assert.equal(report.start, "warm");
  assert.equal(environment?.isFrozen, false);
});

test("Host: retiring a function ends its idle environments and leaves others'", async () => {
  await using opened = await openHost();
  const mine = testVersion({ name: "a" });
  const other = testVersion({ name: "b" });
  await opened.call(mine);
  await opened.call(other);
  opened.host.retire(mine.owner, "a", () => true);
  assert.equal(opened.acquired[0]?.environment.state, "ended");
  assert.equal(opened.acquired[1]?.environment.state, "idle");
});

test("Host: calls are written to the function's log in their order", async () => {
  await using opened = await openHost();
  const version = testVersion();
  await opened.call(version);
  await opened.call(version);
  const lines = (await opened.logs.tail(version.owner, "f", 3)).toString().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    ["START", "END", "REPORT", ""],
  );
});

test("Host: followers see a call's log while it goes on, until they leave", async () => {
  await using opened = await openHost();
  const version = testVersion();
  await opened.call(version);
  const channel = opened.machine.channels.at(0);
  assert.ok(channel);
  channel.autoAnswer = undefined;
  const left = new AbortController();
  const followed = opened.logs.follow(version.owner, "f", left.signal);
  const lines = followed[Symbol.asyncIterator]();
  const first = lines.next();
  await settled();
  const running = opened.call(version);
  assert.match(String((await first).value), /^START/);
  channel.calls[0]?.answer({ status: "succeeded", payload: Buffer.from("1") });
  await running;
  assert.match(String((await lines.next()).value), /^END/);
  left.abort();
});
