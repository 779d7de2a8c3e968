import assert from "node:assert/strict";
import { test } from "node:test";
import { fairShares } from "./fair-shares.core.ts";

const shares = (demands: Record<string, number>, room: number): Record<string, number> =>
  Object.fromEntries(fairShares(new Map(Object.entries(demands)), room));

test("fairShares: everybody gets what they want when there is enough", () => {
  assert.deepEqual(shares({ a: 1, b: 5 }, 6), { a: 1, b: 5 });
  assert.deepEqual(shares({}, 6), {});
});

test("fairShares: who wants much gets what the modest leave, in equal parts", () => {
  assert.deepEqual(shares({ greedy: 900, modest: 2, other: 30 }, 22), {
    modest: 2,
    other: 10,
    greedy: 10,
  });
});

test("fairShares: no more is given than there is", () => {
  for (let room = 0; room < 10; room++) {
    const given = Object.values(shares({ a: 4, b: 3, c: 900 }, room));
    assert.equal(
      given.reduce((sum, share) => sum + share, 0),
      room,
    );
  }
});
