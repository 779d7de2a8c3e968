import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError, seededRandom } from "../base/mod.ts";
import { Reservations } from "./reservations.ts";
import { Resolver } from "./resolve.ts";
import { FunctionStore } from "./store.ts";
import { ALICE, MemoryTableStore, type TestRegistry, testRegistry } from "./testing.ts";

const ARN = "arn:aws:lambda:us-east-1:111111111111:function:f";

async function withFunctions(names: readonly string[]): Promise<TestRegistry> {
  const set = testRegistry();
  for (const name of names) {
    await set.registry.create(ALICE, {
      name,
      configuration: { runtime: "nodejs24.x", handler: "index.handler", role: "r" },
      zip: Buffer.from(name),
      publish: true,
    });
  }
  return set;
}

test("Resolver: answers a known name at once, without reading", async () => {
  const { registry, table } = await withFunctions(["f"]);
  const first = registry.resolve(ALICE, "f");
  assert.ok(first instanceof Promise);
  const resolved = await first;
  assert.equal(resolved.invokedArn, ARN);
  const { reads } = table;
  assert.equal(registry.resolve(ALICE, "f"), resolved);
  assert.equal(table.reads, reads);
});

test("Resolver: many first calls read once", async () => {
  const { registry, table } = await withFunctions(["f"]);
  await registry.resolve(ALICE, "f", "1");
  const before = table.reads;
  await registry.resolve(ALICE, "f");
  const once = table.reads - before;
  await registry.updateConfiguration(ALICE, "f", { timeoutSeconds: 4 });
  const start = table.reads;
  await Promise.all(Array.from({ length: 50 }, () => registry.resolve(ALICE, "f")));
  assert.equal(table.reads - start, once);
});

test("Resolver: names, versions and aliases lead where they should", async () => {
  const { registry } = await withFunctions(["f"]);
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "1" });
  const version = await registry.resolve(ALICE, "f", "1");
  assert.deepEqual([version.version.version, version.invokedArn], ["1", `${ARN}:1`]);
  const latest = await registry.resolve(ALICE, "f", "$LATEST");
  assert.deepEqual([latest.version.version, latest.invokedArn], ["$LATEST", `${ARN}:$LATEST`]);
  const alias = await registry.resolve(ALICE, "f", "live");
  assert.deepEqual([alias.version.version, alias.alias], ["1", "live"]);
  assert.equal(alias.invokedArn, `${ARN}:live`);
  for (const qualifier of ["2", "nobody", "01"]) {
    await assert.rejects(
      async () => registry.resolve(ALICE, "f", qualifier),
      (error: unknown) =>
        isPlatformError(error, "not_found") &&
        error.message === `Function not found: ${ARN}:${qualifier}`,
    );
  }
});

test("Resolver: sees every change as soon as it is acknowledged", async () => {
  const { registry } = await withFunctions(["f"]);
  const timeout = async (qualifier?: string): Promise<number> =>
    (await registry.resolve(ALICE, "f", qualifier)).version.configuration.timeoutSeconds;
  assert.equal(await timeout(), 3);
  await registry.updateConfiguration(ALICE, "f", { timeoutSeconds: 7 });
  assert.equal(await timeout(), 7);
  await registry.publishVersion(ALICE, "f");
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "1" });
  assert.equal(await timeout("live"), 3);
  await registry.aliases.update(ALICE, "f", "live", { functionVersion: "2" });
  assert.equal(await timeout("live"), 7);
  await registry.delete(ALICE, "f");
  await assert.rejects(timeout());
});

test("Resolver: an answer read before a change is not kept after it", async () => {
  const { registry } = await withFunctions(["f"]);
  for (let timeoutSeconds = 10; timeoutSeconds < 40; timeoutSeconds++) {
    const reading = registry.resolve(ALICE, "f");
    const [{ configuration }] = await Promise.all([
      registry.updateConfiguration(ALICE, "f", { timeoutSeconds }),
      reading,
    ]);
    const now = await registry.resolve(ALICE, "f");
    assert.equal(now.version.configuration.timeoutSeconds, configuration.timeoutSeconds);
  }
});

test("Resolver: a weighted alias divides calls by its weights", async () => {
  const { registry } = await withFunctions(["f"]);
  await registry.updateCode(ALICE, "f", { zip: Buffer.from("2"), publish: true });
  await registry.aliases.create(ALICE, "f", {
    name: "live",
    functionVersion: "1",
    weights: { 2: 0.25 },
  });
  let second = 0;
  for (let i = 0; i < 4000; i++) {
    const { version } = await registry.resolve(ALICE, "f", "live");
    if (version.version === "2") second++;
  }
  assert.ok(second > 900 && second < 1100, `${second} of 4000`);
});

test("Resolver: keeps no more answers than it may, and forgets the oldest first", async () => {
  const names = Array.from({ length: 10 }, (_, i) => `f${i}`);
  const { table } = await withFunctions(names);
  const resolver = new Resolver({
    store: new FunctionStore(table, "us-east-1"),
    reservations: new Reservations(table),
    weights: seededRandom(1),
    targetsMax: 4,
  });
  for (const name of names) await resolver.resolve(ALICE, name, undefined);
  for (const name of names.slice(-4)) {
    assert.ok(!(resolver.resolve(ALICE, name, undefined) instanceof Promise), name);
  }
  const forgotten = resolver.resolve(ALICE, "f0", undefined);
  assert.ok(forgotten instanceof Promise);
  await forgotten;
});

test("Resolver: a name without a function leaves nothing behind", async () => {
  const table = new MemoryTableStore();
  const { registry } = testRegistry(table);
  for (let i = 0; i < 3; i++) {
    const before = table.reads;
    await assert.rejects(async () => registry.resolve(ALICE, "nobody"));
    assert.ok(table.reads > before, "each time it looks again");
  }
});
