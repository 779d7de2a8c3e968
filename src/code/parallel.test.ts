import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../base/mod.ts";
import { forEachParallel } from "./parallel.ts";

test("forEachParallel: handles every item once, never more than `width` at a time", async () => {
  let running = 0;
  let most = 0;
  const seen: number[] = [];
  await forEachParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    seen.push(item);
    running--;
  });
  assert.deepEqual(seen.toSorted(), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(most, 3);
  await forEachParallel([], 3, () => Promise.reject(new Error("No items")));
});

test("forEachParallel: a failure begins nothing more and waits for what was begun", async () => {
  const slow = deferred<void>();
  const begun: number[] = [];
  let slowEnded = false;
  const all = forEachParallel([0, 1, 2, 3], 2, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error("No");
    await slow.promise;
    slowEnded = true;
  });
  slow.resolve();
  await assert.rejects(all, { message: "No" });
  assert.ok(slowEnded);
  assert.deepEqual(begun, [0, 1]);
});
