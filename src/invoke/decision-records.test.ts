import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/testing.ts";
import { type InvokeRequest, limits, ownerOf } from "../model/mod.ts";
import type { ResolvedFunction } from "../registry/mod.ts";
import { DecisionRecords } from "./decision-records.ts";

const ANN = ownerOf("000000000001");
const BOB = ownerOf("000000000002");

function request(owner: InvokeRequest["owner"], requestId: string): InvokeRequest {
  const payload = Buffer.from("{}");
  return { requestId, owner, functionName: "f", payload, traceId: "Root=1", receivedAt: 0 };
}

function begin(records: DecisionRecords, owner: InvokeRequest["owner"], requestId: string): void {
  const resolved = {
    version: { version: "7", configuration: { passthrough: {} } },
    invokedArn: "arn:f",
    alias: "live",
  };
  records.begin(request(owner, requestId), resolved as unknown as ResolvedFunction);
}

test("DecisionRecords: a record is its owner's and begins with what the name stood for", () => {
  const records = new DecisionRecords(new ManualClock());
  begin(records, ANN, "a");
  assert.deepEqual(records.get(ANN, "a"), {
    requestId: "a",
    owner: ANN,
    functionArn: "arn:f",
    receivedAt: "2026-01-01T00:00:00.000Z",
    decisions: [{ step: "resolve", choice: "7", atMs: 0, reason: "alias live" }],
    status: "running",
  });
  assert.equal(records.get(BOB, "a"), undefined);
});

test("DecisionRecords: one owner's load forgets its own oldest and nobody else's", () => {
  const records = new DecisionRecords(new ManualClock());
  begin(records, BOB, "kept");
  for (let i = 0; i <= limits.DECISION_RECORDS_PER_OWNER_MAX; i++) begin(records, ANN, `a${i}`);
  assert.equal(records.get(ANN, "a0"), undefined);
  assert.ok(records.get(ANN, "a1"));
  assert.ok(records.get(ANN, `a${limits.DECISION_RECORDS_PER_OWNER_MAX}`));
  assert.ok(records.get(BOB, "kept"));
});

test("DecisionRecords: all owners together keep no more than the limit", () => {
  const records = new DecisionRecords(new ManualClock());
  const owners = Array.from({ length: 8 }, (_, i) => ownerOf(String(100_000_000_000 + i)));
  for (const owner of owners) {
    for (let i = 0; i < limits.DECISION_RECORDS_PER_OWNER_MAX; i++) begin(records, owner, `r${i}`);
  }
  const kept = owners.filter((owner) => records.get(owner, "r1999") !== undefined).length;
  assert.equal(kept, limits.DECISION_RECORDS_MAX / limits.DECISION_RECORDS_PER_OWNER_MAX);
});

test("DecisionRecords: of several attempts under one id the newest is found", async () => {
  const clock = new ManualClock();
  const records = new DecisionRecords(clock);
  begin(records, ANN, "again");
  await clock.advance(1000);
  begin(records, ANN, "again");
  assert.equal(records.get(ANN, "again")?.receivedAt, "2026-01-01T00:00:01.000Z");
});
