import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, settled } from "../../base/testing.ts";
import { limits } from "../../model/mod.ts";
import type { Delivery } from "./delivery.ts";
import { Subscriber } from "./subscriber.ts";

/** A receiver that takes batches when the test lets it. */
class ScriptedDelivery implements Delivery {
  readonly batches: (readonly string[])[] = [];
  failures = 0;
  held: PromiseWithResolvers<void> | undefined;
  isClosed = false;

  async send(records: readonly string[]): Promise<void> {
    await this.held?.promise;
    if (this.failures-- > 0) throw new Error("Refused");
    this.batches.push(records);
  }
  close(): void {
    this.isClosed = true;
  }
}

const BUFFERING = { timeoutMs: 100, maxBytes: 1000, maxItems: 3 };

function newSubscriber(
  isFrozen: () => boolean = () => false,
  budget = { heldBytes: 0 },
): {
  subscriber: Subscriber;
  delivery: ScriptedDelivery;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  const delivery = new ScriptedDelivery();
  const subscriber = new Subscriber({
    schema: "2022-07-01",
    categories: new Set(["platform"]),
    buffering: BUFFERING,
    ...{ delivery, clock, budget, isFrozen },
  });
  return { subscriber, delivery, clock };
}

test("Subscriber: a batch goes out when its time, its items or its bytes are reached", async () => {
  const { subscriber, delivery, clock } = newSubscriber();
  subscriber.take("a");
  await clock.advance(99);
  assert.equal(delivery.batches.length, 0);
  await clock.advance(1);
  assert.deepEqual(delivery.batches, [["a"]]);
  for (const record of ["b", "c", "d"]) subscriber.take(record);
  await settled();
  assert.deepEqual(delivery.batches[1], ["b", "c", "d"]);
  subscriber.take("e".repeat(1000));
  await settled();
  assert.equal(delivery.batches[2]?.length, 1);
});

test("Subscriber: a batch that fails is tried again, in order", async () => {
  const { subscriber, delivery, clock } = newSubscriber();
  delivery.failures = 2;
  subscriber.take("a");
  await clock.advance(100);
  subscriber.take("b");
  await clock.advance(1000);
  assert.deepEqual(delivery.batches, [["a"], ["b"]]);
});

test("Subscriber: what a slow receiver has no room for is dropped, counted and told", async () => {
  const { subscriber, delivery, clock } = newSubscriber();
  delivery.held = Promise.withResolvers();
  for (let i = 0; i < 20; i++) subscriber.take(`record ${i}`);
  await settled();
  delivery.held.resolve();
  delivery.held = undefined;
  await settled();
  await clock.advance(1000);
  const received = delivery.batches.flat();
  const told = JSON.parse(received.at(-1) ?? "");
  assert.equal(told.type, "platform.logsDropped");
  assert.deepEqual(Object.keys(told.record), ["reason", "droppedRecords", "droppedBytes"]);
  assert.equal(received.length - 1 + told.record.droppedRecords, 20);
});

test("Subscriber: a receiver that is gone costs its records, not the others' patience", async () => {
  const { subscriber, delivery, clock } = newSubscriber();
  delivery.failures = Number.POSITIVE_INFINITY;
  subscriber.take("lost");
  const flushed = subscriber.flush();
  await settled();
  await clock.advance(10_000);
  await flushed;
  assert.equal(delivery.batches.length, 0);
  delivery.failures = 0;
  subscriber.take("found");
  await clock.advance(1000);
  assert.equal(delivery.batches[0]?.[0], "found");
  assert.equal(JSON.parse(delivery.batches[1]?.[0] ?? "").record.droppedRecords, 1);
});

test("Subscriber: nothing is sent to a frozen environment before it wakes", async () => {
  let isFrozen = true;
  const { subscriber, delivery, clock } = newSubscriber(() => isFrozen);
  subscriber.take("a");
  await clock.advance(5000);
  assert.equal(delivery.batches.length, 0);
  isFrozen = false;
  subscriber.wake();
  await settled();
  assert.deepEqual(delivery.batches, [["a"]]);
});

test("Subscriber: closed, it takes and sends nothing more", async () => {
  const { subscriber, delivery, clock } = newSubscriber();
  subscriber.take("a");
  subscriber.close();
  subscriber.take("b");
  await clock.advance(5000);
  assert.deepEqual([delivery.batches, delivery.isClosed], [[], true]);
});

test("Subscriber: all subscribers of an environment together hold no more than its budget", async () => {
  const budget = { heldBytes: limits.TELEMETRY_HELD_BYTES_MAX - 2 };
  const { subscriber, delivery, clock } = newSubscriber(() => false, budget);
  for (const record of ["a", "b", "c"]) subscriber.take(record);
  await clock.advance(100);
  assert.deepEqual(delivery.batches[0], ["a", "b"]);
  budget.heldBytes -= 1000;
  await clock.advance(100);
  assert.equal(JSON.parse(delivery.batches[1]?.[0] ?? "").record.droppedRecords, 1);
  assert.equal(budget.heldBytes, limits.TELEMETRY_HELD_BYTES_MAX - 1002);
});
