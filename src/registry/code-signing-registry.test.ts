import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { isPlatformError, type PlatformError } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import type { UntrustedCode } from "./code-signing-registry.ts";
import type { CreateFunction, FunctionRegistry } from "./function-registry.ts";
import { ALICE, BOB, testRegistry } from "./testing.ts";

function newKey(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

function rejectsWith(promise: Promise<unknown>, kind: PlatformError["kind"], message?: RegExp) {
  return assert.rejects(
    promise,
    (error: unknown) =>
      isPlatformError(error, kind) && (message === undefined || message.test(error.message)),
  );
}

function request(name: string, zip: string, more: Partial<CreateFunction> = {}): CreateFunction {
  const role = "arn:aws:iam::111111111111:role/r";
  const configuration = { runtime: "nodejs24.x", handler: "index.handler", role } as const;
  return { name, configuration, zip: Buffer.from(zip), ...more };
}

/** An owner's profile and a configuration that allows it alone. */
async function signed(
  registry: FunctionRegistry,
  untrusted: "Warn" | "Enforce",
  owner: Owner = ALICE,
) {
  const profile = await registry.codeSigning.profiles.put(owner, "release", newKey());
  const allowedPublishers = [profile.arn];
  const config = await registry.codeSigning.create(owner, { allowedPublishers, untrusted });
  return { profile, config };
}

test("SigningProfiles: a new key makes a new version, the same key does not", async () => {
  const { registry } = testRegistry();
  const { profiles } = registry.codeSigning;
  const key = newKey();
  const first = await profiles.put(ALICE, "release", key);
  assert.match(
    first.arn,
    /^arn:aws:signer:us-east-1:111111111111:\/signing-profiles\/release\/[a-zA-Z0-9]{10}$/,
  );
  assert.deepEqual(await profiles.put(ALICE, "release", `${key}\n`), first);
  const second = await profiles.put(ALICE, "release", newKey());
  assert.notEqual(second.arn, first.arn);
  assert.deepEqual(await profiles.get(ALICE, "release"), second);
  assert.equal(await profiles.publicKeyOf(first.arn), first.publicKey);
  await rejectsWith(profiles.get(BOB, "release"), "not_found");
  await rejectsWith(profiles.delete(BOB, "release"), "not_found");
  await profiles.delete(ALICE, "release");
  assert.equal(await profiles.publicKeyOf(first.arn), undefined);
  assert.equal(await profiles.publicKeyOf("arn:aws:signer:nonsense"), undefined);
  await rejectsWith(profiles.put(ALICE, "no spaces", key), "invalid");
  await rejectsWith(profiles.put(ALICE, "release", "no key"), "invalid");
  for (let n = 0; n < limits.SIGNING_PROFILE_VERSIONS_MAX; n++) {
    await profiles.put(ALICE, "many", newKey());
  }
  await rejectsWith(profiles.put(ALICE, "many", newKey()), "quota");
});

test("CodeSigningRegistry: configurations are their owner's", async () => {
  const { registry } = testRegistry();
  const { codeSigning } = registry;
  const allowedPublishers = [
    "arn:aws:signer:us-east-1:111111111111:/signing-profiles/x/0123456789",
  ];
  const config = await codeSigning.create(
    ALICE,
    { allowedPublishers, description: "d" },
    { a: "1" },
  );
  assert.match(config.arn, /:111111111111:code-signing-config:csc-[a-z0-9]{17}$/);
  assert.equal(config.untrusted, "Warn");
  const updated = await codeSigning.update(ALICE, config.arn, { untrusted: "Enforce" });
  assert.deepEqual([updated.untrusted, updated.description], ["Enforce", "d"]);
  assert.deepEqual(await codeSigning.get(ALICE, config.arn), updated);
  await codeSigning.changeTags(ALICE, config.arn, { b: "2" }, ["a"]);
  assert.deepEqual((await codeSigning.get(ALICE, config.arn)).tags, { b: "2" });
  const message = /^The Lambda code signing configuration \S+ can not be found\.$/;
  await rejectsWith(codeSigning.get(BOB, config.arn), "not_found", message);
  await rejectsWith(codeSigning.update(BOB, config.arn, {}), "not_found");
  await rejectsWith(codeSigning.delete(BOB, config.arn), "not_found");
  await rejectsWith(codeSigning.changeTags(BOB, config.arn, {}), "not_found");
  assert.deepEqual((await codeSigning.list(BOB)).items, []);
  await registry.create(BOB, request("f", "code"));
  await rejectsWith(
    codeSigning.attach(BOB, "f", config.arn),
    "not_found",
    /^The code signing configuration cannot be found\. Check that/,
  );
  const forged = config.arn.replace(ALICE, BOB);
  await rejectsWith(codeSigning.get(ALICE, forged), "not_found");
  await codeSigning.delete(ALICE, config.arn);
  await rejectsWith(codeSigning.get(ALICE, config.arn), "not_found");
});

test("CodeSigningRegistry: one that functions have cannot be deleted", async () => {
  const { registry } = testRegistry();
  const { codeSigning } = registry;
  const { config } = await signed(registry, "Warn");
  for (const name of ["f", "g", "h"]) await registry.create(ALICE, request(name, "code"));
  for (const name of ["f", "h"]) await codeSigning.attach(ALICE, name, config.arn);
  const pages = [await codeSigning.functions(ALICE, config.arn, { limit: 1 })];
  pages.push(
    await codeSigning.functions(ALICE, config.arn, { limit: 1, marker: pages[0]?.next ?? "" }),
  );
  const names = pages.flatMap(({ items }) => items.map((arn) => arn.split(":").at(-1)));
  assert.deepEqual(names, ["f", "h"]);
  assert.equal(pages[1]?.next, undefined);
  await rejectsWith(codeSigning.delete(ALICE, config.arn), "conflict", /function:f$/);
  await codeSigning.detach(ALICE, "f");
  await codeSigning.detach(ALICE, "f");
  assert.equal(await codeSigning.ofFunction(ALICE, "f"), undefined);
  await registry.delete(ALICE, "h");
  await codeSigning.delete(ALICE, config.arn);
  await rejectsWith(codeSigning.attach(ALICE, "none", config.arn), "not_found");
});

test("CodeSigningRegistry: deletion and attachment at the same time leave nothing dangling", async () => {
  const { registry, table } = testRegistry();
  const { config } = await signed(registry, "Warn");
  await registry.create(ALICE, request("f", "code"));
  table.beforeCommit = () => registry.codeSigning.attach(ALICE, "f", config.arn);
  await rejectsWith(registry.codeSigning.delete(ALICE, config.arn), "conflict");
  assert.equal((await registry.codeSigning.ofFunction(ALICE, "f"))?.arn, config.arn);
});

test("CodeSigningRegistry: Enforce lets in what an allowed profile signed and nothing else", async () => {
  const { registry } = testRegistry();
  const { profile, config } = await signed(registry, "Enforce");
  const other = await registry.codeSigning.profiles.put(ALICE, "other", newKey());
  const codeSigningConfigArn = config.arn;
  const create = (name: string, zip: string) =>
    registry.create(ALICE, request(name, zip, { codeSigningConfigArn }));
  const untrusted = /^Lambda cannot deploy the function\. .* for f\.$/;
  await rejectsWith(create("f", "plain"), "code_signature", untrusted);
  await rejectsWith(create("f", `signed by ${other.arn}`), "code_signature", untrusted);
  await rejectsWith(create("f", "signed by arn:unknown"), "code_signature", untrusted);
  await rejectsWith(create("f", `damaged by ${profile.arn}`), "code_signature", /integrity check/);
  await rejectsWith(registry.get(ALICE, "f"), "not_found");
  const created = await create("f", `signed by ${profile.arn}`);
  assert.deepEqual(created.code.signing, {
    profileVersionArn: profile.arn,
    jobArn: "arn:aws:signer:us-east-1:111111111111:/signing-jobs/job-1",
  });
  const update = (zip: string, dryRun = false) =>
    registry.updateCode(ALICE, "f", { zip: Buffer.from(zip), dryRun });
  await rejectsWith(update("plain"), "code_signature");
  await rejectsWith(update("plain", true), "code_signature");
  await update(`signed by ${profile.arn} again`);
  await registry.codeSigning.profiles.delete(ALICE, "release");
  await rejectsWith(update(`signed by ${profile.arn}`), "code_signature", untrusted);
  await registry.codeSigning.detach(ALICE, "f");
  assert.equal((await update("plain")).code.signing, undefined);
});

test("CodeSigningRegistry: layers are looked at when a function is to have them", async () => {
  const { registry } = testRegistry();
  const { profile, config } = await signed(registry, "Enforce");
  const layer = async (name: string, zip: string) =>
    (await registry.layers.publish(ALICE, name, { zip: Buffer.from(zip) })).arn;
  const trusted = await layer("trusted", `signed by ${profile.arn}`);
  const plain = await layer("plain", "plain");
  const damaged = await layer("damaged", `damaged by ${profile.arn}`);
  await registry.create(ALICE, request("f", "code"));
  await registry.updateConfiguration(ALICE, "f", { layers: [plain] });
  await registry.codeSigning.attach(ALICE, "f", config.arn);
  await registry.updateConfiguration(ALICE, "f", { timeoutSeconds: 5 });
  const update = (layers: string[]) => registry.updateConfiguration(ALICE, "f", { layers });
  await rejectsWith(update([trusted, plain]), "code_signature", /configured to accept/);
  await rejectsWith(update([damaged]), "code_signature", /integrity/);
  const { configuration } = await update([trusted]);
  assert.equal(configuration.layers[0]?.signing?.profileVersionArn, profile.arn);
});

test("CodeSigningRegistry: Warn lets everything in but what is damaged, and tells", async () => {
  const { registry } = testRegistry();
  const { profile, config } = await signed(registry, "Warn");
  const told: UntrustedCode[] = [];
  using _ = registry.codeSigning.onUntrusted((untrusted) => told.push(untrusted));
  const codeSigningConfigArn = config.arn;
  await registry.create(ALICE, request("f", "plain", { codeSigningConfigArn }));
  assert.deepEqual(
    told.map(({ functionName, verdict }) => [functionName, verdict]),
    [["f", "unsigned"]],
  );
  const zip = Buffer.from(`damaged by ${profile.arn}`);
  await rejectsWith(registry.updateCode(ALICE, "f", { zip }), "code_signature", /even if/);
  await registry.updateCode(ALICE, "f", { zip: Buffer.from(`signed by ${profile.arn}`) });
  assert.equal(told.length, 1);
});

test("CodeSigningRegistry: a profile of another owner counts where it is allowed", async () => {
  const { registry } = testRegistry();
  const { profile } = await signed(registry, "Enforce", BOB);
  const allowedPublishers = [profile.arn];
  const config = await registry.codeSigning.create(ALICE, {
    allowedPublishers,
    untrusted: "Enforce",
  });
  const codeSigningConfigArn = config.arn;
  const zip = `signed by ${profile.arn}`;
  const { code } = await registry.create(ALICE, request("f", zip, { codeSigningConfigArn }));
  assert.equal(code.signing?.profileVersionArn, profile.arn);
});
