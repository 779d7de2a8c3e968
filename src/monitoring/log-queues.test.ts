import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../model/mod.ts";
import { LogQueues } from "./log-queues.ts";
import { event, targetOf } from "./testing.ts";

const burst = Array.from({ length: 100 }, () => event(1, "x".repeat(5000)));

test("LOG-3: one function holds no more than its bound, all together no more than theirs", () => {
  const queues = new LogQueues();
  for (let turn = 0; turn < 100; turn++) queues.add(targetOf("flood"), burst);
  assert.ok(queues.bytes <= limits.LOG_PENDING_BYTES_PER_FUNCTION_MAX, `${queues.bytes}`);
  for (let turn = 0; turn < 20; turn++) {
    for (let at = 0; at < 200; at++) queues.add(targetOf(`flood${at}`), burst);
  }
  assert.ok(queues.bytes <= limits.LOG_PENDING_BYTES_MAX, `${queues.bytes}`);
  const before = queues.bytes;
  queues.add(targetOf("quiet"), [event(1, "a line")]);
  assert.ok(queues.bytes > before, "there is room for a function that logs little");
});

test("LogQueues: events are taken in their order, in turns, with a note of what was dropped", () => {
  const queues = new LogQueues();
  for (let turn = 0; turn < 20; turn++)
    queues.add(targetOf("f"), [event(turn, `${turn}`), ...burst]);
  const [queue] = queues.ready();
  assert.ok(queue);
  const first = queues.take(queue, 1, 0);
  assert.deepEqual(
    first.map(({ events }) => events[0]?.message.toString()),
    ["0"],
  );
  const rest = queues.take(queue, Number.POSITIVE_INFINITY, 7);
  assert.equal(rest[0]?.events[0]?.message.toString(), "1");
  const note = rest.at(-1)?.events[0];
  assert.equal(note?.timestampMs, 7);
  assert.match(
    note?.message.toString() ?? "",
    /^\[hearth\] 1212 log events of \d+ bytes dropped: the function logs faster than/,
  );
  assert.ok(queues.isEmpty);
  assert.equal(queues.bytes, 0);
});
