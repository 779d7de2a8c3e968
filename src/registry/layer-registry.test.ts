import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError, type PlatformError } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import { CODE_GRACE_MS } from "./code-references.ts";
import type { FunctionRegistry } from "./function-registry.ts";
import { requireUnpackedSize } from "./layer.core.ts";
import { ALICE, BOB, MemoryTableStore, testRegistry } from "./testing.ts";

const CONFIGURATION = {
  runtime: "nodejs24.x",
  handler: "index.handler",
  role: "arn:aws:iam::111111111111:role/r",
} as const;
const arnOf = (name: string, version: number, owner: Owner = ALICE): string =>
  `arn:aws:lambda:us-east-1:${owner}:layer:${name}:${version}`;
const callerOf = (owner: Owner) => ({ owner, arn: `arn:aws:iam::${owner}:root` });

function publish(registry: FunctionRegistry, name: string, zip: string, owner = ALICE) {
  return registry.layers.publish(owner, name, { zip: Buffer.from(zip) });
}

function create(
  registry: FunctionRegistry,
  name: string,
  layers: readonly string[],
  owner = ALICE,
  zip = "code",
) {
  const configuration = { ...CONFIGURATION, layers };
  return registry.create(owner, { name, configuration, zip: Buffer.from(zip) });
}

function rejectsWith(promise: Promise<unknown>, kind: PlatformError["kind"], message?: RegExp) {
  return assert.rejects(
    promise,
    (error: unknown) =>
      isPlatformError(error, kind) && (message === undefined || message.test(error.message)),
  );
}

test("LayerRegistry: numbers go up and are not given again", async () => {
  const { registry } = testRegistry();
  const first = await publish(registry, "a", "one");
  assert.deepEqual([first.version, first.arn, first.description], [1, arnOf("a", 1), ""]);
  assert.equal(first.compatibleRuntimes, undefined);
  assert.equal((await publish(registry, "a", "two")).version, 2);
  await registry.layers.delete(ALICE, "a", 2);
  await registry.layers.delete(ALICE, "a", 1);
  await registry.layers.delete(ALICE, "a", 7);
  await registry.layers.delete(ALICE, "nothing", 1);
  assert.deepEqual((await registry.layers.list(ALICE)).items, []);
  assert.equal((await publish(registry, "a", "three")).version, 3);
  const parallel = await Promise.all([publish(registry, "a", "4"), publish(registry, "a", "5")]);
  assert.deepEqual(parallel.map(({ version }) => version).sort(), [4, 5]);
});

test("LayerRegistry: a publication that loses against another process is made again", async () => {
  const table = new MemoryTableStore();
  const here = testRegistry(table).registry;
  const there = testRegistry(table).registry;
  table.beforeCommit = async () => void (await publish(there, "a", "theirs"));
  assert.equal((await publish(here, "a", "ours")).version, 2);
});

test("LayerRegistry: owners do not see each other's layers", async () => {
  const { registry } = testRegistry();
  await publish(registry, "mine", "zip");
  assert.deepEqual((await registry.layers.list(BOB)).items, []);
  assert.deepEqual((await registry.layers.listVersions(BOB, "mine")).items, []);
  await rejectsWith(registry.layers.policy(BOB, "mine", 1), "not_found");
  await registry.layers.delete(BOB, "mine", 1);
  const { layers } = registry;
  await layers.get(callerOf(ALICE), ALICE, "mine", 1);
  const absent = /perform: lambda:GetLayerVersion on resource: .*:layer:none:1 because/;
  await rejectsWith(layers.get(callerOf(BOB), ALICE, "mine", 1), "forbidden");
  await rejectsWith(layers.get(callerOf(BOB), ALICE, "none", 1), "forbidden", absent);
  await rejectsWith(layers.get(callerOf(ALICE), ALICE, "none", 1), "not_found");
});

test("LAYER-3: a policy opens one version to one account, everybody or nobody", async () => {
  const { registry } = testRegistry();
  const { layers } = registry;
  await publish(registry, "a", "one");
  await publish(registry, "a", "two");
  const get = (version: number) => layers.get(callerOf(BOB), ALICE, "a", version);
  const organisation = { principal: "*", principalOrgId: "o-0123456789" };
  await layers.addPermission(ALICE, "a", 1, { statementId: "org", ...organisation });
  await rejectsWith(get(1), "forbidden");
  await layers.addPermission(ALICE, "a", 1, { statementId: "bob", principal: BOB });
  assert.equal((await get(1)).version, 1);
  await rejectsWith(get(2), "forbidden");
  await create(registry, "borrows", [arnOf("a", 1)], BOB);
  await rejectsWith(create(registry, "too", [arnOf("a", 2)], BOB), "forbidden");
  const known = (await layers.policy(ALICE, "a", 1)).revisionId;
  await rejectsWith(
    layers.addPermission(ALICE, "a", 1, { statementId: "bob", principal: "*" }),
    "already_exists",
    /^The statement id \(bob\) provided already exists\./,
  );
  await layers.removePermission(ALICE, "a", 1, "bob", known);
  await rejectsWith(get(1), "forbidden");
  await rejectsWith(
    layers.removePermission(ALICE, "a", 1, "org", known),
    "precondition_failed",
    /Call the GetLayerPolicy API/,
  );
  await rejectsWith(layers.removePermission(ALICE, "a", 1, "bob"), "not_found", /^Statement bob/);
  await layers.removePermission(ALICE, "a", 1, "org");
  await rejectsWith(layers.policy(ALICE, "a", 1), "not_found", /^No policy is associated/);
  await rejectsWith(layers.policy(ALICE, "a", 9), "not_found", /:a:9 does not exist\.$/);
  await layers.addPermission(ALICE, "a", 2, { statementId: "all", principal: "*" });
  assert.equal((await get(2)).version, 2);
});

test("LayerRegistry: lists the newest matching version of each layer, page by page", async () => {
  const { registry } = testRegistry();
  for (let n = 0; n < 105; n++) await publish(registry, `l${String(n).padStart(3, "0")}`, "zip");
  const zip = Buffer.from("zip");
  const compatible = { compatibleRuntimes: ["python3.11"] };
  await registry.layers.publish(ALICE, "l050", { zip, ...compatible });
  await publish(registry, "l050", "newest");
  const names: string[] = [];
  let marker: string | undefined;
  do {
    const page = await registry.layers.list(ALICE, {
      limit: 40,
      ...(marker === undefined ? {} : { marker }),
    });
    names.push(...page.items.map(({ name, version }) => `${name}:${version}`));
    marker = page.next;
  } while (marker !== undefined);
  assert.equal(names.length, 105);
  assert.deepEqual(names.slice(49, 52), ["l049:1", "l050:3", "l051:1"]);
  const filtered = await registry.layers.list(ALICE, { compatibleRuntime: "python3.11" });
  assert.deepEqual(
    filtered.items.map(({ arn }) => arn),
    [arnOf("l050", 2)],
  );
  assert.equal(filtered.next, undefined);
});

test("LayerRegistry: functions keep what they have of a deleted version", async () => {
  const { registry, code, clock } = testRegistry();
  await publish(registry, "a", "layer");
  await create(registry, "f", [arnOf("a", 1)]);
  await registry.publishVersion(ALICE, "f");
  await registry.layers.delete(ALICE, "a", 1);
  await rejectsWith(create(registry, "g", [arnOf("a", 1)]), "invalid", /does not exist\.$/);
  const isKept = async (): Promise<boolean> => {
    await clock.advance(2 * CODE_GRACE_MS);
    return [...code.packages.values()].some((zip) => zip.toString() === "layer");
  };
  assert.equal(await isKept(), true);
  await registry.updateConfiguration(ALICE, "f", { layers: [] });
  assert.equal(await isKept(), true, "version 1 has it still");
  await registry.delete(ALICE, "f", "1");
  assert.equal(await isKept(), false);
});

test("LAYER-2: a layer's package that several use goes with the last of them", async () => {
  const { registry, code, clock } = testRegistry();
  await publish(registry, "a", "same");
  await publish(registry, "b", "same");
  await registry.layers.addPermission(ALICE, "a", 1, { statementId: "all", principal: "*" });
  await create(registry, "f", [arnOf("a", 1), arnOf("b", 1)], ALICE, "same");
  await create(registry, "f", [arnOf("a", 1)], BOB, "same");
  await registry.layers.delete(ALICE, "a", 1);
  await registry.layers.delete(ALICE, "b", 1);
  await registry.delete(ALICE, "f");
  await clock.advance(2 * CODE_GRACE_MS);
  const ownersOf = () => [...code.packages.keys()].map((key) => key.split("/")[0]);
  assert.deepEqual(ownersOf().sort(), [ALICE, BOB], "Bob's function runs Alice's layer");
  await registry.delete(BOB, "f");
  await clock.advance(2 * CODE_GRACE_MS);
  assert.deepEqual(ownersOf(), []);
});

test("LayerRegistry: layers make a version that differs", async () => {
  const { registry } = testRegistry();
  await publish(registry, "a", "a");
  await publish(registry, "b", "b");
  await create(registry, "f", [arnOf("a", 1), arnOf("b", 1)]);
  const publishVersion = async () => (await registry.publishVersion(ALICE, "f")).version;
  assert.deepEqual([await publishVersion(), await publishVersion()], ["1", "1"]);
  await registry.updateConfiguration(ALICE, "f", { layers: [arnOf("b", 1), arnOf("a", 1)] });
  assert.equal(await publishVersion(), "2");
  await registry.updateConfiguration(ALICE, "f", { timeoutSeconds: 9 });
  const { configuration } = (await registry.get(ALICE, "f")).version;
  assert.deepEqual(
    configuration.layers.map(({ arn }) => arn),
    [arnOf("b", 1), arnOf("a", 1)],
  );
});

test("LayerRegistry: refuses what a function may not have", async () => {
  const { registry } = testRegistry();
  await publish(registry, "a", "a");
  const refused = (layers: readonly string[], message: RegExp) =>
    rejectsWith(create(registry, "f", layers), "invalid", message);
  await refused(
    Array.from({ length: 6 }, (_, n) => arnOf(`l${n}`, 1)),
    /^Cannot reference more than 5 layers\.$/,
  );
  await refused([arnOf("a", 1), arnOf("a", 1)], /^Two different versions of the same layer/);
  await refused([arnOf("a", 2)], /^Layer version \S+:a:2 does not exist\.$/);
  await refused([arnOf("a", 1).replace("us-east-1", "eu-west-1")], /expected to be in region us/);
  await refused(["nothing"], /is not the ARN of a layer version/);
  await create(registry, "f", []);
  const layers = [arnOf("a", 2)];
  await rejectsWith(registry.updateConfiguration(ALICE, "f", { layers }), "invalid");
});

test("LayerRegistry: a function and its layers have one bound in common", async () => {
  const { registry } = testRegistry();
  await publish(registry, "a", "a");
  const version = await create(registry, "f", [arnOf("a", 1)]);
  const [layer] = version.configuration.layers;
  assert.ok(layer);
  const withLayer = (unpackedBytes: number) => ({
    ...version,
    configuration: { ...version.configuration, layers: [{ ...layer, unpackedBytes }] },
  });
  const room = limits.PACKAGE_UNPACKED_BYTES_MAX - version.code.unpackedBytes;
  requireUnpackedSize(withLayer(room));
  assert.throws(() => requireUnpackedSize(withLayer(room + 1)), {
    message:
      "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. " +
      "The actual size is 262144001 bytes.",
  });
});

test("LayerRegistry: layers count in the owner's code size, also when counted anew", async () => {
  const table = new MemoryTableStore();
  const { registry } = testRegistry(table);
  const used = async (from: FunctionRegistry) =>
    (await from.concurrency.accountSettings(ALICE)).usage;
  assert.deepEqual(await used(registry), { functionCount: 0, codeBytes: 0 });
  await publish(registry, "a", "12345");
  await publish(registry, "a", "123");
  await create(registry, "f", [arnOf("a", 1)]);
  const expected = { functionCount: 1, codeBytes: 5 + 3 + "code".length };
  assert.deepEqual(await used(registry), expected);
  assert.deepEqual(await used(testRegistry(table).registry), expected);
  await registry.layers.delete(ALICE, "a", 1);
  assert.equal((await used(registry)).codeBytes, 3 + "code".length);
  await rejectsWith(publish(registry, "bad", "broken"), "invalid_package");
  assert.equal((await used(registry)).codeBytes, 3 + "code".length);
});

test("FunctionRegistry: a function with many versions and layers goes whole", async () => {
  const { registry, code, clock } = testRegistry();
  const names = ["a", "b", "c", "d", "e"];
  for (const name of names) await publish(registry, name, name);
  await create(
    registry,
    "f",
    names.map((name) => arnOf(name, 1)),
  );
  for (let n = 0; n < 150; n++) {
    const zip = Buffer.from(`code ${n}`);
    await registry.updateCode(ALICE, "f", { zip, publish: true });
  }
  for (const name of names) await registry.layers.delete(ALICE, name, 1);
  await registry.delete(ALICE, "f");
  await rejectsWith(registry.get(ALICE, "f"), "not_found");
  await clock.advance(2 * CODE_GRACE_MS);
  assert.equal(code.packages.size, 0);
  const { usage } = await registry.concurrency.accountSettings(ALICE);
  assert.deepEqual(usage, { functionCount: 0, codeBytes: 0 });
});
