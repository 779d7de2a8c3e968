import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionPolicy, SidecarWish } from "../../model/mod.ts";
import { plainWish } from "../../registry/mod.ts";
import { type ChoiceFacts, chooseSidecars } from "./choice.ts";

function policy(...sidecars: readonly SidecarWish[]): FunctionPolicy {
  return { sidecars };
}

function choose(facts: Partial<ChoiceFacts>): readonly string[] {
  const { chosen } = chooseSidecars({
    ...{ functionPolicy: undefined, ownerPolicy: undefined, asked: [], lastFailed: false },
    ...{ draw: () => 0.5, plain: plainWish },
    ...facts,
  });
  return chosen.map(({ wish, reason }) => `${wish.name} ${wish.scope}: ${reason}`);
}

test("chooseSidecars: the function's wish replaces the owner's of the same name", () => {
  const ownerPolicy = policy(plainWish("tracer"), plainWish("logship"));
  const functionPolicy = policy({ ...plainWish("tracer"), scope: "function" });
  assert.deepEqual(choose({ ownerPolicy, functionPolicy }), [
    "tracer function: function policy",
    "logship request: owner policy",
  ]);
});

test("chooseSidecars: a call gets what it asks for, in the scope that a policy gives it", () => {
  const rare = { ...plainWish("tracer"), scope: "owner", sample: 0, when: "failure" } as const;
  assert.deepEqual(choose({ functionPolicy: policy(rare) }), []);
  assert.deepEqual(choose({ functionPolicy: policy(rare), asked: ["tracer", "profiler"] }), [
    "tracer owner: asked for by the call",
    "profiler request: asked for by the call",
  ]);
});

test("chooseSidecars: samples and failures decide, and what is skipped says why", () => {
  const sampled = (sample: number) => policy({ ...plainWish("tracer"), sample });
  assert.equal(choose({ functionPolicy: sampled(0.6) }).length, 1);
  assert.equal(choose({ functionPolicy: sampled(0.5) }).length, 0);
  const after = policy({ ...plainWish("tracer"), when: "failure" });
  assert.deepEqual(choose({ functionPolicy: after, lastFailed: true }), [
    "tracer request: function policy, after a failed run",
  ]);
  const { skipped } = chooseSidecars({
    ...{ functionPolicy: after, ownerPolicy: undefined, asked: [], lastFailed: false },
    ...{ draw: () => 0, plain: plainWish },
  });
  assert.deepEqual(skipped, [{ name: "tracer", reason: "the last run did not fail" }]);
});

test("chooseSidecars: those that a call must not be without come first", () => {
  const ownerPolicy = policy(plainWish("logship"), { ...plainWish("audit"), required: true });
  const functionPolicy = policy(plainWish("tracer"), plainWish("capture"));
  const names = choose({ ownerPolicy, functionPolicy, asked: ["capture"] });
  assert.deepEqual(
    names.map((line) => line.split(" ")[0]),
    ["audit", "capture", "logship", "tracer"],
  );
});
