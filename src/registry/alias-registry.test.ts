import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError, type PlatformError } from "../base/mod.ts";
import { ALICE, type TestRegistry, testRegistry } from "./testing.ts";

async function withTwoVersions(): Promise<TestRegistry> {
  const set = testRegistry();
  const configuration = {
    runtime: "python3.11",
    handler: "m.handler",
    role: "arn:aws:iam::111111111111:role/r",
  } as const;
  const zip = Buffer.from("1");
  await set.registry.create(ALICE, { name: "f", configuration, zip, publish: true });
  await set.registry.updateCode(ALICE, "f", { zip: Buffer.from("2"), publish: true });
  return set;
}

function rejectsWith(promise: Promise<unknown>, kind: PlatformError["kind"], message: RegExp) {
  return assert.rejects(
    promise,
    (error: unknown) => isPlatformError(error, kind) && message.test(error.message),
  );
}

test("AliasRegistry: creates, updates, lists and deletes", async () => {
  const { aliases } = (await withTwoVersions()).registry;
  const live = await aliases.create(ALICE, "f", { name: "live", functionVersion: "1" });
  assert.equal(live.arn, "arn:aws:lambda:us-east-1:111111111111:function:f:live");
  const { revisionId } = live;
  const moved = await aliases.update(ALICE, "f", "live", { functionVersion: "2", revisionId });
  assert.equal(moved.functionVersion, "2");
  await rejectsWith(
    aliases.update(ALICE, "f", "live", { description: "late", revisionId }),
    "precondition_failed",
    /Revision Id/,
  );
  await aliases.create(ALICE, "f", { name: "beta", functionVersion: "$LATEST" });
  const { items, next } = await aliases.list(ALICE, "f", { limit: 1 });
  assert.deepEqual(items, [await aliases.get(ALICE, "f", "beta")]);
  const rest = await aliases.list(ALICE, "f", next === undefined ? {} : { marker: next });
  assert.deepEqual(rest, { items: [moved] });
  assert.deepEqual((await aliases.list(ALICE, "f", { functionVersion: "1" })).items, []);
  await aliases.delete(ALICE, "f", "live");
  await aliases.delete(ALICE, "f", "live");
  await rejectsWith(aliases.get(ALICE, "f", "live"), "not_found", /^Cannot find alias arn: arn:/);
});

test("AliasRegistry: refuses targets and weights that AWS refuses", async () => {
  const { aliases } = (await withTwoVersions()).registry;
  const create = (functionVersion: string, weights: Record<string, number> = {}) =>
    aliases.create(ALICE, "f", { name: "a", functionVersion, weights });
  await rejectsWith(create("9"), "not_found", /^Function not found: arn:.*:f:9$/);
  await rejectsWith(create("1", { 9: 0.5 }), "not_found", /:f:9$/);
  await rejectsWith(create("1", { 1: 0.5 }), "invalid", /already included in routing/);
  await rejectsWith(create("$LATEST", { 1: 0.5 }), "invalid", /^\$LATEST is not supported/);
  await rejectsWith(create("1", { 2: 1.5 }), "invalid", /weight 1.5/);
  await rejectsWith(create("1", { 2: 0.1, 3: 0.1 }), "invalid", /cannot be greater than 1$/);
  await create("1");
  await rejectsWith(create("1"), "already_exists", /^Alias already exists: arn:/);
});

test("AliasRegistry: a version that an alias can run is not deleted", async () => {
  const { registry } = await withTwoVersions();
  await registry.aliases.create(ALICE, "f", {
    name: "live",
    functionVersion: "1",
    weights: { 2: 0.1 },
  });
  for (const version of ["1", "2"]) {
    await rejectsWith(
      registry.delete(ALICE, "f", version),
      "conflict",
      /^Unable to delete version because the following aliases reference it: \[live\]$/,
    );
  }
  await registry.delete(ALICE, "f");
  await rejectsWith(registry.aliases.get(ALICE, "f", "live"), "not_found", /^Function not found/);
});

test("AliasRegistry: an alias and the deletion of its version cannot both win", async () => {
  const { registry } = await withTwoVersions();
  const [created, deleted] = await Promise.allSettled([
    registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "1" }),
    registry.delete(ALICE, "f", "1"),
  ]);
  assert.notEqual(created.status, deleted.status);
});
