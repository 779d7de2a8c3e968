import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError } from "../base/mod.ts";
import type { Document, ListOptions } from "../engine/mod.ts";
import { PolicyRegistry } from "./policy-registry.ts";
import { POLICIES } from "./record.ts";
import { ALICE, BOB, MemoryTableStore, testRegistry } from "./testing.ts";

const CALL = {
  principal: { kind: "account", owner: BOB, arn: `arn:aws:iam::${BOB}:root` },
  action: "lambda:InvokeFunction",
} as const;
const PERMISSION = { statementId: "bob", action: "lambda:InvokeFunction", principal: BOB };

async function withFunction(table = new MemoryTableStore()) {
  const { registry } = testRegistry(table);
  const policies = new PolicyRegistry(registry.parts);
  const runtime = { runtime: "provided.al2023", handler: "bootstrap" } as const;
  const role = `arn:aws:iam::${ALICE}:role/r`;
  const configuration = { ...runtime, role, architecture: "x86_64" } as const;
  await registry.create(ALICE, { name: "f", configuration, zip: Buffer.from("1"), publish: true });
  return { registry, policies, table };
}

test("PolicyRegistry: asked again, it answers at once and without reading", async () => {
  const { policies, table } = await withFunction();
  await policies.addPermission(ALICE, "f", undefined, PERMISSION);
  assert.equal(await policies.allows(ALICE, "f", undefined, CALL), true);
  const { reads } = table;
  assert.equal(policies.allows(ALICE, "f", undefined, CALL), true);
  assert.equal(policies.allows(ALICE, "f", "1", CALL), false);
  assert.equal(table.reads, reads);
});

test("PolicyRegistry: what is changed counts from its acknowledgement on", async () => {
  const { registry, policies } = await withFunction();
  const allows = (qualifier?: string) => policies.allows(ALICE, "f", qualifier, CALL);
  assert.equal(await allows(), false);
  await policies.addPermission(ALICE, "f", undefined, PERMISSION);
  assert.equal(await allows(), true);
  await policies.removePermission(ALICE, "f", undefined, "bob");
  assert.equal(await allows(), false);
  await policies.addPermission(ALICE, "f", "1", PERMISSION);
  assert.equal(await allows("1"), true);
  await registry.delete(ALICE, "f", "1");
  assert.equal(await allows("1"), false);
});

/** Hands out what it read of policies only when told. */
class SlowTableStore extends MemoryTableStore {
  readonly released: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  override async list<T>(table: string, options?: ListOptions): Promise<Document<T>[]> {
    const found = await super.list<T>(table, options);
    if (table === POLICIES) await this.released.promise;
    return found;
  }
}

test("PolicyRegistry: a policy read before a change is not kept after it", async () => {
  const slow = new SlowTableStore();
  const { policies } = await withFunction(slow);
  const early = policies.allows(ALICE, "f", undefined, CALL);
  await policies.addPermission(ALICE, "f", undefined, PERMISSION);
  slow.released.resolve();
  assert.equal(await early, false);
  assert.equal(await policies.allows(ALICE, "f", undefined, CALL), true);
});

test("PolicyRegistry: policies go with their function and their alias", async () => {
  const { registry, policies, table } = await withFunction();
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "1" });
  for (const qualifier of [undefined, "1", "live"]) {
    await policies.addPermission(ALICE, "f", qualifier, PERMISSION);
  }
  await registry.aliases.delete(ALICE, "f", "live");
  assert.equal((await table.list(POLICIES)).length, 2);
  await registry.delete(ALICE, "f");
  assert.deepEqual(await table.list(POLICIES), []);
});

test("PolicyRegistry: statements added at the same time are all kept", async () => {
  const { policies } = await withFunction();
  const ids = Array.from({ length: 20 }, (_, i) => `s${i}`);
  await Promise.all(
    ids.map((statementId) =>
      policies.addPermission(ALICE, "f", undefined, { ...PERMISSION, statementId }),
    ),
  );
  const { document } = await policies.get(ALICE, "f");
  assert.deepEqual(document.Statement.map(({ Sid }) => Sid).sort(), ids.sort());
});

test("PolicyRegistry: owners and functions do not share policies", async () => {
  const { policies } = await withFunction();
  await policies.addPermission(ALICE, "f", undefined, PERMISSION);
  const self = { ...CALL.principal, owner: ALICE };
  assert.equal(await policies.allows(BOB, "f", undefined, { ...CALL, principal: self }), false);
  assert.equal(await policies.allows(ALICE, "g", undefined, CALL), false);
  await assert.rejects(policies.get(BOB, "f"), (error) => isPlatformError(error, "not_found"));
});
