import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  CodeSigningConfigNotFoundException,
  CodeVerificationFailedException,
  CreateCodeSigningConfigCommand,
  CreateFunctionCommand,
  DeleteCodeSigningConfigCommand,
  DeleteFunctionCodeSigningConfigCommand,
  GetFunctionCodeSigningConfigCommand,
  GetFunctionCommand,
  InvalidCodeSignatureException,
  ListTagsCommand,
  PublishLayerVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  paginateListFunctionsByCodeSigningConfig,
  ResourceConflictException,
  TagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { signPackage } from "../../src/code/mod.ts";
import { call, deploy, handlerFile, ROLE } from "../support/functions.ts";
import { startHearth, zipOf } from "../support/hearth.ts";
import { runHearth } from "../support/hearth-process.ts";

/** Code signing through the AWS SDK for JavaScript, unchanged, against a live server. */

const hearth = await startHearth();
const lambda = hearth.lambda();

after(async () => {
  lambda.destroy();
  await hearth[Symbol.asyncDispose]();
});

const keys = generateKeyPairSync("ed25519", {
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

async function register(name: string): Promise<string> {
  const body = { publicKey: keys.publicKey };
  const answer = await hearth.admin("PUT", `/_hearth/signing-profiles/${name}`, { body });
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as { arn: string }).arn;
}

async function newConfig(arn: string, policy: "Warn" | "Enforce") {
  const { CodeSigningConfig } = await lambda.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [arn] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: policy },
      Tags: { team: "a" },
    }),
  );
  return CodeSigningConfig?.CodeSigningConfigArn ?? "";
}

function sign(zip: Buffer, profileVersionArn: string): Promise<Buffer> {
  const { privateKey } = keys;
  return signPackage(zip, { profileVersionArn, privateKey, jobId: "j", nowMs: Date.now() });
}

test("SIGN-1: Enforce lets signed code and layers in, and nothing that was changed", async () => {
  const profile = await register("release");
  const CodeSigningConfigArn = await newConfig(profile, "Enforce");
  const FunctionName = "signed";
  const create = (ZipFile: Buffer): Promise<unknown> =>
    lambda.send(
      new CreateFunctionCommand({
        ...{ FunctionName, Runtime: "nodejs24.x", Handler: "index.handler", Role: ROLE },
        ...{ Code: { ZipFile }, CodeSigningConfigArn },
      }),
    );
  const files = handlerFile("return 'trusted';");
  const plain = await zipOf(files);
  await assert.rejects(create(plain), CodeVerificationFailedException);
  const signed = await sign(plain, profile);
  await create(signed);
  assert.equal((await call(lambda, FunctionName)).value, "trusted");
  const got = await lambda.send(new GetFunctionCommand({ FunctionName }));
  assert.equal(got.Configuration?.SigningProfileVersionArn, profile);
  assert.match(got.Configuration?.SigningJobArn ?? "", /:\/signing-jobs\/j$/);

  const download = await fetch(got.Code?.Location ?? "");
  const bytes = Buffer.from(await download.arrayBuffer());
  // The first file is stored first and its name stands in clear: one letter makes it another file.
  const altered = Buffer.from(
    bytes.toString("latin1").replaceAll("index.js", "index.ts"),
    "latin1",
  );
  const update = (ZipFile: Buffer): Promise<unknown> =>
    lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  await assert.rejects(update(altered), InvalidCodeSignatureException);
  await assert.rejects(update(plain), CodeVerificationFailedException);
  await update(bytes);

  const layerZip = await zipOf({ "f.txt": "layer" });
  const publish = async (ZipFile: Buffer): Promise<string> => {
    const Content = { ZipFile };
    const layer = await lambda.send(new PublishLayerVersionCommand({ LayerName: "l", Content }));
    return layer.LayerVersionArn ?? "";
  };
  const attach = (arn: string) =>
    lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Layers: [arn] }));
  const [bare, trusted] = [await publish(layerZip), await publish(await sign(layerZip, profile))];
  await assert.rejects(attach(bare), CodeVerificationFailedException);
  const { Layers } = await attach(trusted);
  assert.equal(Layers?.[0]?.SigningProfileVersionArn, profile);

  const gone = await hearth.admin("DELETE", "/_hearth/signing-profiles/release");
  assert.equal(gone.status, 204);
  await assert.rejects(update(bytes), CodeVerificationFailedException, "revoked");
  assert.equal((await call(lambda, FunctionName)).value, "trusted", "what runs goes on");
});

test("code signing: Warn accepts with a warning that the operator can count", async () => {
  const profile = await register("lenient");
  const arn = await newConfig(profile, "Warn");
  const FunctionName = "warned";
  await deploy(lambda, { name: FunctionName, files: handlerFile("return 1;") });
  const put = { FunctionName, CodeSigningConfigArn: arn };
  await lambda.send(new PutFunctionCodeSigningConfigCommand(put));
  const shown = await lambda.send(new GetFunctionCodeSigningConfigCommand({ FunctionName }));
  assert.equal(shown.CodeSigningConfigArn, arn);
  const ZipFile = await zipOf(handlerFile("return 2;"));
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  assert.equal((await call(lambda, FunctionName)).value, 2);
  const metrics = await (await fetch(`${hearth.url}/metrics`)).text();
  assert.match(metrics, /^hearth_signature_validation_errors 1$/m);

  const functions: string[] = [];
  const listed = { CodeSigningConfigArn: arn };
  for await (const page of paginateListFunctionsByCodeSigningConfig({ client: lambda }, listed)) {
    functions.push(...(page.FunctionArns ?? []));
  }
  assert.deepEqual(functions, [
    `arn:aws:lambda:${hearth.region}:${hearth.owner}:function:${FunctionName}`,
  ]);
  await assert.rejects(
    lambda.send(new DeleteCodeSigningConfigCommand(listed)),
    ResourceConflictException,
  );
  await lambda.send(new DeleteFunctionCodeSigningConfigCommand({ FunctionName }));
  await lambda.send(new DeleteCodeSigningConfigCommand(listed));
  await assert.rejects(
    lambda.send(new PutFunctionCodeSigningConfigCommand(put)),
    CodeSigningConfigNotFoundException,
  );
});

test("code signing: configurations have tags, profiles are their owner's", async () => {
  const profile = await register("tagged");
  const Resource = await newConfig(profile, "Warn");
  await lambda.send(new TagResourceCommand({ Resource, Tags: { stage: "test" } }));
  const { Tags } = await lambda.send(new ListTagsCommand({ Resource }));
  assert.deepEqual(Tags, { team: "a", stage: "test" });
  const stranger = await hearth.createOwner("stranger");
  const path = "/_hearth/signing-profiles/tagged";
  assert.equal((await hearth.admin("GET", path)).status, 200);
  assert.equal((await hearth.admin("GET", path, { credentials: stranger })).status, 404);
  assert.equal((await hearth.admin("DELETE", path, { credentials: stranger })).status, 404);
  const bad = await hearth.admin("PUT", path, { body: { publicKey: "none" } });
  assert.equal(bad.status, 400);
});

test("code signing: hearth deploy signs", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "hearth-sign-"));
  t.after(() => rm(directory, { recursive: true }));
  const key = join(directory, "key.pem");
  await writeFile(key, keys.privateKey);
  const source = join(directory, "by-cli.mjs");
  await writeFile(source, "export const handler = async () => 'by cli';");
  const profile = await register("cli");
  const environment = { HEARTH_DATA: hearth.dataDirectory };
  const words = ["deploy", source, "--sign", key, "--signing-profile"];
  const deployed = await runHearth([...words, "cli"], { environment });
  assert.equal(deployed.code, 0, deployed.stderr);
  const FunctionName = "by-cli";
  const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName }));
  assert.equal(Configuration?.SigningProfileVersionArn, profile);
  assert.equal((await call(lambda, FunctionName)).value, "by cli");

  const other = generateKeyPairSync("ed25519").privateKey;
  await writeFile(key, other.export({ type: "pkcs8", format: "pem" }));
  const refused = await runHearth([...words, "cli"], { environment });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is not the key of signing profile cli/);
  const alone = await runHearth(["deploy", source, "--sign", key], { environment });
  assert.equal(alone.code, 2);
});
