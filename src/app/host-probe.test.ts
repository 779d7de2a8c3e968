import assert from "node:assert/strict";
import { test } from "node:test";
import { probeHost } from "./host-probe.ts";

test("probeHost: has a finding for each topic, and a remedy wherever something is missing", async () => {
  const { findings, canIsolate } = await probeHost();
  const topics = findings.map(({ topic }) => topic);
  for (const topic of ["bubblewrap", "python3", "process sandbox", "virtualisation", "snapshots"]) {
    assert.ok(topics.includes(topic), topic);
  }
  for (const { status, remedy, topic } of findings) {
    assert.equal(remedy !== undefined, status !== "ok", topic);
  }
  const sandbox = findings.find(({ topic }) => topic === "process sandbox");
  assert.equal(canIsolate, sandbox?.status === "ok");
});
