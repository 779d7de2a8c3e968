import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { ALICE, BOB } from "../../../registry/testing.ts";
import { type TestApi, testApi } from "../testing.ts";

const CONFIGS = "/2020-04-22/code-signing-configs";
const FUNCTIONS = "/2020-06-30/functions";
const PROFILE = "arn:aws:signer:us-east-1:111111111111:/signing-profiles/release/0123456789";

async function newConfig(api: TestApi, more: object = {}, arns = [PROFILE]) {
  const body = { AllowedPublishers: { SigningProfileVersionArns: arns }, ...more };
  const { status, json } = await api.send("POST", `${CONFIGS}/`, { body });
  assert.equal(status, 201);
  return json.CodeSigningConfig;
}

function createFunction(api: TestApi, name: string, zip: string, more: object = {}) {
  const body = {
    FunctionName: name,
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: "arn:aws:iam::111111111111:role/r",
    Code: { ZipFile: Buffer.from(zip).toString("base64") },
    ...more,
  };
  return api.send("POST", "/2015-03-31/functions", { body });
}

test("code signing configurations: from creation to deletion", async () => {
  const api = testApi();
  const config = await newConfig(api, { Description: "d", Tags: { team: "a" } });
  assert.match(config.CodeSigningConfigId, /^csc-[a-z0-9]{17}$/);
  assert.deepEqual(config.CodeSigningPolicies, { UntrustedArtifactOnDeployment: "Warn" });
  const arn = config.CodeSigningConfigArn;
  const path = `${CONFIGS}/${encodeURIComponent(arn)}`;
  assert.deepEqual((await api.send("GET", path)).json.CodeSigningConfig, config);
  const policies = { CodeSigningPolicies: { UntrustedArtifactOnDeployment: "Enforce" } };
  const updated = (await api.send("PUT", path, { body: policies })).json.CodeSigningConfig;
  assert.deepEqual({ ...updated, LastModified: "" }, { ...config, ...policies, LastModified: "" });
  assert.deepEqual((await api.send("GET", CONFIGS)).json.CodeSigningConfigs, [updated]);
  assert.deepEqual((await api.send("GET", CONFIGS, { owner: BOB })).json.CodeSigningConfigs, []);
  const stranger = await api.send("GET", path, { owner: BOB });
  assert.deepEqual([stranger.status, stranger.code], [404, "ResourceNotFoundException"]);

  const tags = `/2017-03-31/tags/${encodeURIComponent(arn)}`;
  assert.deepEqual((await api.send("GET", tags)).json.Tags, { team: "a" });
  assert.equal((await api.send("POST", tags, { body: { Tags: { b: "2" } } })).status, 204);
  assert.equal((await api.send("DELETE", `${tags}?tagKeys=team`)).status, 204);
  assert.deepEqual((await api.send("GET", tags)).json.Tags, { b: "2" });
  assert.equal((await api.send("GET", tags, { owner: BOB })).code, "ResourceNotFoundException");

  assert.equal((await api.send("DELETE", path)).status, 204);
  assert.equal((await api.send("DELETE", path)).code, "ResourceNotFoundException");
});

for (const [what, body] of [
  ["no publishers", {}],
  ["an empty list", { AllowedPublishers: { SigningProfileVersionArns: [] } }],
  ["too many", { AllowedPublishers: { SigningProfileVersionArns: Array(21).fill(PROFILE) } }],
  ["no ARN", { AllowedPublishers: { SigningProfileVersionArns: ["release-profile"] } }],
  [
    "an unknown policy",
    {
      AllowedPublishers: { SigningProfileVersionArns: [PROFILE] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: "Maybe" },
    },
  ],
] as const) {
  test(`CreateCodeSigningConfig: ${what} is refused`, async () => {
    assert.equal((await testApi().send("POST", CONFIGS, { body })).code, "ValidationException");
  });
}

test("code signing of functions: attached, shown, listed, detached", async () => {
  const api = testApi();
  const { CodeSigningConfigArn: arn } = await newConfig(api);
  const path = `${FUNCTIONS}/f/code-signing-config`;
  const body = { CodeSigningConfigArn: arn };
  assert.equal((await api.send("PUT", path, { body })).code, "ResourceNotFoundException");
  assert.equal((await api.send("GET", path)).code, "ResourceNotFoundException");
  await createFunction(api, "f", "plain");
  assert.deepEqual((await api.send("GET", path)).json, {});
  const attached = { CodeSigningConfigArn: arn, FunctionName: "f" };
  assert.deepEqual((await api.send("PUT", path, { body })).json, attached);
  assert.deepEqual((await api.send("GET", path)).json, attached);
  const absent = { CodeSigningConfigArn: arn.replace(/.{5}$/, "00000") };
  const missing = await api.send("PUT", path, { body: absent });
  assert.deepEqual(
    [missing.status, missing.code, missing.json.Message],
    [
      404,
      "CodeSigningConfigNotFoundException",
      "The code signing configuration cannot be found. Check that the provided configuration is " +
        `not deleted: ${absent.CodeSigningConfigArn}.`,
    ],
  );
  const bad = await api.send("PUT", path, { body: { CodeSigningConfigArn: "csc" } });
  assert.equal(bad.code, "ValidationException");
  const functions = `${CONFIGS}/${encodeURIComponent(arn)}/functions`;
  const { FunctionArns } = (await api.send("GET", functions)).json;
  assert.deepEqual(FunctionArns, [`arn:aws:lambda:us-east-1:${ALICE}:function:f`]);
  const held = await api.send("DELETE", `${CONFIGS}/${encodeURIComponent(arn)}`);
  assert.deepEqual([held.status, held.code], [409, "ResourceConflictException"]);
  assert.equal((await api.send("DELETE", path)).status, 204);
  assert.deepEqual((await api.send("GET", functions)).json, { FunctionArns: [] });
});

test("code signing: refusals are AWS's exceptions, and the signer is shown", async () => {
  const api = testApi();
  const key = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" });
  const { profiles } = api.registry.codeSigning;
  const profile = await profiles.put(ALICE, "release", key.toString());
  const enforce = { CodeSigningPolicies: { UntrustedArtifactOnDeployment: "Enforce" } };
  const { CodeSigningConfigArn } = await newConfig(api, enforce, [profile.arn]);
  const create = (zip: string) => createFunction(api, "f", zip, { CodeSigningConfigArn });
  const untrusted = await create("plain");
  assert.deepEqual([untrusted.status, untrusted.code], [400, "CodeVerificationFailedException"]);
  assert.match(untrusted.json.Message, /^Lambda cannot deploy the function\./);
  const damaged = await create(`damaged by ${profile.arn}`);
  assert.deepEqual([damaged.status, damaged.code], [400, "InvalidCodeSignatureException"]);
  const { status, json } = await create(`signed by ${profile.arn}`);
  assert.equal(status, 201);
  assert.equal(json.SigningProfileVersionArn, profile.arn);
  assert.equal(json.SigningJobArn, `arn:aws:signer:us-east-1:${ALICE}:/signing-jobs/job-1`);
  const ZipFile = Buffer.from("plain").toString("base64");
  const code = "/2015-03-31/functions/f/code";
  const update = await api.send("PUT", code, { body: { ZipFile } });
  assert.equal(update.code, "CodeVerificationFailedException");
});
