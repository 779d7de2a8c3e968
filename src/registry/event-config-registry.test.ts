import assert from "node:assert/strict";
import { test } from "node:test";
import { EventConfigRegistry } from "./event-config-registry.ts";
import { ALICE, BOB, type TestRegistry, testRegistry } from "./testing.ts";

const ARN = "arn:aws:lambda:us-east-1:111111111111:function";

async function setUp(): Promise<TestRegistry & { readonly configs: EventConfigRegistry }> {
  const made = testRegistry();
  const configuration = {
    runtime: "nodejs24.x",
    handler: "index.handler",
    role: "arn:aws:iam::111111111111:role/r",
  } as const;
  for (const name of ["f", "g"]) {
    await made.registry.create(ALICE, { name, configuration, zip: Buffer.from(name) });
  }
  return { ...made, configs: new EventConfigRegistry(made.registry.parts) };
}

test("EventConfigRegistry: put replaces, update changes what it names", async () => {
  const { configs } = await setUp();
  const destinations = { onSuccess: `${ARN}:g` };
  await configs.put(ALICE, "f", undefined, { maximumRetryAttempts: 1, destinations });
  await configs.update(ALICE, "f", "$LATEST", { maximumEventAgeSeconds: 60 });
  const settings = { maximumRetryAttempts: 1, maximumEventAgeSeconds: 60 };
  assert.deepEqual(await configs.settings(ALICE, "f"), { ...settings, ...destinations });
  await configs.put(ALICE, "f", undefined, { maximumRetryAttempts: 0 });
  const { functionArn, ...rest } = await configs.get(ALICE, "f");
  assert.equal(functionArn, `${ARN}:f:$LATEST`);
  assert.deepEqual(rest, {
    ...{ qualifier: "$LATEST", lastModifiedMs: 1_767_225_600_000 },
    ...{ maximumRetryAttempts: 0, destinations: {} },
  });
});

test("EventConfigRegistry: a configuration is its qualifier's and goes with it", async () => {
  const { registry, configs } = await setUp();
  await registry.publishVersion(ALICE, "f");
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "1" });
  const change = { maximumRetryAttempts: 0 };
  for (const qualifier of ["1", "live", "$LATEST"]) {
    await configs.put(ALICE, "f", qualifier, change);
  }
  const first = await configs.list(ALICE, "f", { limit: 2 });
  const marker = first.next ?? "";
  const second = await configs.list(ALICE, "f", { limit: 2, marker });
  assert.deepEqual(
    [...first.items, ...second.items].map(({ qualifier }) => qualifier),
    ["$LATEST", "1", "live"],
  );
  assert.equal(second.next, undefined);
  await registry.aliases.delete(ALICE, "f", "live");
  await assert.rejects(configs.get(ALICE, "f", "live"), { kind: "not_found" });
  await configs.delete(ALICE, "f", "1");
  const missing = `The function ${ARN}:f:1 doesn't have an EventInvokeConfig`;
  await assert.rejects(configs.delete(ALICE, "f", "1"), { message: missing });
  await registry.delete(ALICE, "f");
  const defaults = { maximumRetryAttempts: 2, maximumEventAgeSeconds: 21_600 };
  assert.deepEqual(await configs.settings(ALICE, "f"), defaults);
});

test("EventConfigRegistry: unknown functions, qualifiers and destinations", async () => {
  const { configs } = await setUp();
  const change = { maximumRetryAttempts: 0 };
  const gone = { kind: "not_found", message: "The function doesn't exist." };
  await assert.rejects(configs.put(ALICE, "x", undefined, change), gone);
  await assert.rejects(configs.put(ALICE, "f", "live", change), gone);
  await assert.rejects(configs.put(BOB, "f", undefined, change), gone);
  await assert.rejects(configs.update(ALICE, "x", undefined, change), gone);
  await assert.rejects(configs.list(BOB, "f"), gone);
  await assert.rejects(configs.update(ALICE, "f", undefined, change), {
    message: `The function ${ARN}:f:$LATEST doesn't have an EventInvokeConfig`,
  });
  const refused = async (onFailure: string, message: RegExp): Promise<void> => {
    const destinations = { onFailure };
    await assert.rejects(configs.put(ALICE, "f", undefined, { destinations }), {
      kind: "invalid",
      message,
    });
  };
  await refused(`${ARN}:f`, /^You can't specify the function as a destination for itself\.$/);
  await refused(`${ARN}:x`, /^The destination ARN .*:x is invalid\.$/);
  await refused(`${ARN}:g:live`, /is invalid\.$/);
  await refused(`${ARN.replace("111111111111", BOB)}:g`, /is invalid\.$/);
  await refused(`${ARN.replace("us-east-1", "eu-west-1")}:g`, /is invalid\.$/);
  await refused("arn:aws:lambda:us-east-1:111111111111:layer:g", /is invalid\.$/);
  await refused("arn:aws:sqs:us-east-1:111111111111:q", /Hearth has no sqs: a destination must/);
  await refused("kafka://topic", /Hearth has no kafka/);
});
