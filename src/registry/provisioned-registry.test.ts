import assert from "node:assert/strict";
import { test } from "node:test";
import { ALICE, BOB, testRegistry } from "./testing.ts";

const CONFIGURATION = {
  runtime: "nodejs24.x",
  handler: "index.handler",
  role: "arn:aws:iam::111111111111:role/r",
} as const;

/** A registry with a function `f` of version 1, which alias `live` stands for. */
async function withAlias() {
  const { registry } = testRegistry();
  const zip = Buffer.from("f");
  await registry.create(ALICE, { name: "f", configuration: CONFIGURATION, zip });
  await registry.publishVersion(ALICE, "f");
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "1" });
  const { provisioned, concurrency } = registry;
  const held = async (): Promise<number> =>
    1000 - (await concurrency.accountSettings(ALICE)).unreservedConcurrency;
  return { registry, provisioned, held };
}

test("ProvisionedRegistry: a deleted alias takes its configuration along", async () => {
  const { registry, provisioned, held } = await withAlias();
  await provisioned.put(ALICE, "f", "live", 3);
  assert.equal(await held(), 3);
  await registry.aliases.delete(ALICE, "f", "live");
  assert.deepEqual((await provisioned.list(ALICE, "f")).items, []);
  assert.deepEqual(await provisioned.targets(ALICE, "f"), []);
  assert.equal(await held(), 0, "what it held of the account is free again");
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "1" });
  assert.equal(await provisioned.get(ALICE, "f", "live"), undefined);
  for await (const each of provisioned.functions()) assert.fail(`${each.name} is listed`);
});

test("ProvisionedRegistry: a deleted version does, and others keep theirs", async () => {
  const { registry, provisioned, held } = await withAlias();
  await registry.updateConfiguration(ALICE, "f", { description: "2" });
  await registry.publishVersion(ALICE, "f");
  await provisioned.put(ALICE, "f", "2", 5);
  await provisioned.put(ALICE, "f", "live", 3);
  await registry.delete(ALICE, "f", "2");
  const { items } = await provisioned.list(ALICE, "f");
  assert.deepEqual(
    items.map(({ qualifier }) => qualifier),
    ["live"],
  );
  assert.equal(await held(), 3);
});

test("ProvisionedRegistry: another owner's function of that name is another one", async () => {
  const { provisioned } = await withAlias();
  await provisioned.put(ALICE, "f", "live", 3);
  await assert.rejects(provisioned.list(BOB, "f"), { kind: "not_found" });
  await assert.rejects(provisioned.put(BOB, "f", "live", 1), { kind: "not_found" });
  assert.deepEqual(await provisioned.targets(BOB, "f"), []);
});
