import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  CreateAliasCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  type GetProvisionedConcurrencyConfigCommandOutput,
  type LambdaClient,
  ListProvisionedConcurrencyConfigsCommand,
  ProvisionedConcurrencyConfigNotFoundException,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

const BODY = `
  if (event.hold) await new Promise((resolve) => setTimeout(resolve, event.hold));
  return {
    type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE, version: context.functionVersion,
  };`;

type Config = GetProvisionedConcurrencyConfigCommandOutput;

/** Asks until the configuration is as wanted; the test's time limit bounds it. */
async function until(
  lambda: LambdaClient,
  qualifier: string,
  isWanted: (config: Config) => boolean,
): Promise<Config> {
  while (true) {
    const command = { FunctionName: "f", Qualifier: qualifier };
    const config = await lambda.send(new GetProvisionedConcurrencyConfigCommand(command));
    if (isWanted(config)) return config;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function put(lambda: LambdaClient, qualifier: string, count: number): Promise<Config> {
  return lambda.send(
    new PutProvisionedConcurrencyConfigCommand({
      FunctionName: "f",
      Qualifier: qualifier,
      ProvisionedConcurrentExecutions: count,
    }),
  );
}

const isReady = (config: Config): boolean => config.Status === "READY";

test("CONC-1 provisioned environments are initialised before any call; more calls spill over", async () => {
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "f", files: handlerFile(BODY) });
  await lambda.send(new PublishVersionCommand({ FunctionName: "f" }));
  const accepted = await put(lambda, "1", 2);
  assert.equal(accepted.RequestedProvisionedConcurrentExecutions, 2);
  assert.match(String(accepted.Status), /^(IN_PROGRESS|READY)$/);
  const ready = await until(lambda, "1", (config) => {
    return isReady(config) && config.AvailableProvisionedConcurrentExecutions === 2;
  });
  assert.equal(ready.AllocatedProvisionedConcurrentExecutions, 2);

  const first = await call(lambda, "f", {}, "1");
  assert.equal(first.headers["x-hearth-start"], "warm");
  assert.equal(first.value.type, "provisioned-concurrency");
  const held = await Promise.all([1, 2, 3].map(() => call(lambda, "f", { hold: 300 }, "1")));
  const types = held.map(({ value }) => value.type).sort();
  assert.deepEqual(types, ["on-demand", "provisioned-concurrency", "provisioned-concurrency"]);
  // What spilled over waits behind what is provisioned.
  assert.equal((await call(lambda, "f", {}, "1")).value.type, "provisioned-concurrency");

  const deleted = { FunctionName: "f", Qualifier: "1" };
  await lambda.send(new DeleteProvisionedConcurrencyConfigCommand(deleted));
  await assert.rejects(
    lambda.send(new GetProvisionedConcurrencyConfigCommand(deleted)),
    ProvisionedConcurrencyConfigNotFoundException,
  );
});

test("CONC-1 an alias takes its provisioned environments along to another version", async () => {
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "f", files: handlerFile(BODY) });
  await lambda.send(new PublishVersionCommand({ FunctionName: "f" }));
  await lambda.send(
    new CreateAliasCommand({ FunctionName: "f", Name: "live", FunctionVersion: "1" }),
  );
  await put(lambda, "live", 1);
  await until(lambda, "live", isReady);
  const update = { FunctionName: "f", Description: "second" };
  await lambda.send(new UpdateFunctionConfigurationCommand(update));
  await lambda.send(new PublishVersionCommand({ FunctionName: "f" }));
  await lambda.send(
    new UpdateAliasCommand({ FunctionName: "f", Name: "live", FunctionVersion: "2" }),
  );
  await until(lambda, "live", isReady);
  const { value, headers } = await call(lambda, "f", {}, "live");
  assert.deepEqual([value.version, value.type], ["2", "provisioned-concurrency"]);
  assert.equal(headers["x-hearth-start"], "warm");
  const { ProvisionedConcurrencyConfigs: listed } = await lambda.send(
    new ListProvisionedConcurrencyConfigsCommand({ FunctionName: "f" }),
  );
  assert.equal(listed?.length, 1);
  assert.match(String(listed?.[0]?.FunctionArn), /:function:f:live$/);
});

test("CONC-1 a version that cannot be initialised is reported as FAILED", async () => {
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "f", files: { "index.js": "throw new Error('no');" } });
  await lambda.send(new PublishVersionCommand({ FunctionName: "f" }));
  await put(lambda, "1", 1);
  const failed = await until(lambda, "1", (config) => config.Status === "FAILED");
  assert.match(String(failed.StatusReason), /^FUNCTION_ERROR_INIT_FAILURE/);
});

test("CONC-1 provisioned concurrency survives a restart of the server", async (t) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-test-data-"));
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  {
    await using first = await startHearth({ dataDirectory });
    const lambda = first.lambda();
    await deploy(lambda, { name: "f", files: handlerFile(BODY) });
    await lambda.send(new PublishVersionCommand({ FunctionName: "f" }));
    await put(lambda, "1", 1);
  }
  await using second = await startHearth({ dataDirectory });
  await until(second.lambda(), "1", isReady);
  const { value } = await call(second.lambda(), "f", {}, "1");
  assert.equal(value.type, "provisioned-concurrency");
});

test("Provisioned concurrency: what AWS refuses is refused in its words", async () => {
  await using hearth = await startHearth({ flags: { warm: "" } });
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "f", files: handlerFile("") });
  await lambda.send(new PublishVersionCommand({ FunctionName: "f" }));
  await assert.rejects(put(lambda, "$LATEST", 1), {
    name: "InvalidParameterValueException",
    message: /cannot be applied to unpublished function versions/,
  });
  await assert.rejects(put(lambda, "7", 1), { name: "ResourceNotFoundException" });
  await assert.rejects(put(lambda, "none", 1), { name: "ResourceNotFoundException" });
  await assert.rejects(put(lambda, "1", 0), { name: "ValidationException" });
  await assert.rejects(put(lambda, "1", 901), {
    name: "InvalidParameterValueException",
    message: /below its minimum value of \[100\]/,
  });
  const reserve = { FunctionName: "f", ReservedConcurrentExecutions: 2 };
  await lambda.send(new PutFunctionConcurrencyCommand(reserve));
  await assert.rejects(put(lambda, "1", 3), {
    name: "InvalidParameterValueException",
    message: /greater than the reservedConcurrentExecution/,
  });
});
