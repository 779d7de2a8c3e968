import assert from "node:assert/strict";
import { test } from "node:test";
import { ALICE, BOB } from "../../../registry/testing.ts";
import { type Answer, type TestApi, testApi } from "../testing.ts";

const ARN = `arn:aws:lambda:us-east-1:${ALICE}:function:hello`;
const RECURSION = "/2024-08-31/functions/hello/recursion-config";
const RUNTIME = "/2021-07-20/functions/hello/runtime-management-config";
const SCALING = "/2025-11-30/functions/hello/function-scaling-config";
const PROVIDERS = "/2025-11-30/capacity-providers";
const PROVIDER_ARN = `arn:aws:lambda:us-east-1:${ALICE}:capacity-provider:pool`;
const INVALID = "InvalidParameterValueException";

function createFunction(api: TestApi, more: Record<string, unknown> = {}): Promise<Answer> {
  const body = {
    FunctionName: "hello",
    Runtime: "provided.al2023",
    Handler: "bootstrap",
    Role: `arn:aws:iam::${ALICE}:role/r`,
    Code: { ZipFile: "MQ==" },
    Publish: true,
    ...more,
  };
  return api.send("POST", "/2015-03-31/functions", { body });
}

function managed(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    CapacityProviderConfig: {
      LambdaManagedInstancesCapacityProviderConfig: { CapacityProviderArn: PROVIDER_ARN, ...more },
    },
  };
}

function createProvider(api: TestApi, more: Record<string, unknown> = {}): Promise<Answer> {
  const body = {
    CapacityProviderName: "pool",
    VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: [] },
    PermissionsConfig: { CapacityProviderOperatorRoleArn: `arn:aws:iam::${ALICE}:role/operator` },
    ...more,
  };
  return api.send("POST", PROVIDERS, { body });
}

function outcome({ status, code, json }: Answer): [number, string | undefined, string] {
  return [status, code, json?.message ?? json?.Message];
}

test("Recursion: Terminate unless told, kept, and checked", async () => {
  const api = testApi();
  await createFunction(api);
  assert.deepEqual((await api.send("GET", RECURSION)).json, { RecursiveLoop: "Terminate" });
  const put = (RecursiveLoop?: unknown) => api.send("PUT", RECURSION, { body: { RecursiveLoop } });
  assert.deepEqual((await put("Allow")).json, { RecursiveLoop: "Allow" });
  assert.deepEqual((await api.send("GET", RECURSION)).json, { RecursiveLoop: "Allow" });
  assert.match(
    outcome(await put("Never"))[2],
    /'Never' at 'recursiveLoop' .* \[Allow, Terminate\]/,
  );
  assert.match(outcome(await put())[2], /null at 'recursiveLoop' .* must not be null$/);
  const qualified = await api.send("GET", RECURSION.replace("hello", "hello%3A1"));
  assert.equal(qualified.code, INVALID);
  const none = await api.send("GET", RECURSION.replace("hello", "nobody"));
  assert.equal(none.code, "ResourceNotFoundException");
  assert.equal((await api.send("GET", RECURSION, { owner: BOB })).status, 404);
});

test("RuntimeManagement: Auto unless told, pinned to the runtime that is here", async () => {
  const api = testApi();
  const { json: created } = await createFunction(api);
  const current = created.RuntimeVersionConfig.RuntimeVersionArn;
  assert.match(current, /^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$/);
  const get = async (query = "") => (await api.send("GET", `${RUNTIME}${query}`)).json;
  const FunctionArn = `${ARN}:$LATEST`;
  assert.deepEqual(await get(), { UpdateRuntimeOn: "Auto", FunctionArn });
  const put = (body: Record<string, unknown>, query = "") =>
    api.send("PUT", `${RUNTIME}${query}`, { body });
  const pinned = { UpdateRuntimeOn: "Manual", RuntimeVersionArn: current };
  assert.deepEqual((await put(pinned, "?Qualifier=1")).json, {
    ...pinned,
    FunctionArn: `${ARN}:1`,
  });
  assert.deepEqual(await get("?Qualifier=1"), { ...pinned, FunctionArn: `${ARN}:1` });
  assert.deepEqual(await get(), { UpdateRuntimeOn: "Auto", FunctionArn });
  assert.equal((await put({ UpdateRuntimeOn: "FunctionUpdate" })).status, 200);
  assert.match(outcome(await put({ UpdateRuntimeOn: "Manual" }))[2], /^RuntimeVersionArn is requ/);
  const other = { UpdateRuntimeOn: "Manual", RuntimeVersionArn: `${current.slice(0, -1)}x` };
  assert.match(outcome(await put(other))[2], /is not available for provided.al2023/);
  assert.equal((await put({ ...pinned, UpdateRuntimeOn: "Auto" })).code, INVALID);
  assert.match(outcome(await put({ UpdateRuntimeOn: "Later" }))[2], /'Later' at 'updateRuntimeOn'/);
  assert.equal((await put({ UpdateRuntimeOn: "Manual", RuntimeVersionArn: "x" })).status, 400);
  assert.equal((await put({ UpdateRuntimeOn: "Auto" }, "?Qualifier=9")).status, 404);
});

test("CapacityProviders: created, shown, changed, listed, deleted", async () => {
  const api = testApi();
  const created = await createProvider(api, {
    CapacityProviderScalingConfig: { MaxVCpuCount: 8 },
    Tags: { a: "b" },
  });
  assert.equal(created.status, 202);
  const { LastModified, ...provider } = created.json.CapacityProvider;
  assert.match(LastModified, /^\d{4}-/);
  assert.deepEqual(provider, {
    CapacityProviderArn: PROVIDER_ARN,
    State: "Active",
    VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: [] },
    PermissionsConfig: { CapacityProviderOperatorRoleArn: `arn:aws:iam::${ALICE}:role/operator` },
    CapacityProviderScalingConfig: { MaxVCpuCount: 8 },
  });
  assert.equal((await createProvider(api)).code, "ResourceConflictException");
  const byArn = `${PROVIDERS}/${encodeURIComponent(PROVIDER_ARN)}`;
  assert.deepEqual((await api.send("GET", byArn)).json, created.json);
  const updated = await api.send("PUT", `${PROVIDERS}/pool`, {
    body: { CapacityProviderScalingConfig: { ScalingMode: "Manual" } },
  });
  assert.deepEqual(updated.json.CapacityProvider.CapacityProviderScalingConfig, {
    ScalingMode: "Manual",
  });
  const tags = `/2017-03-31/tags/${encodeURIComponent(PROVIDER_ARN)}`;
  await api.send("POST", tags, { body: { Tags: { c: "d" } } });
  await api.send("DELETE", `${tags}?tagKeys=a`);
  assert.deepEqual((await api.send("GET", tags)).json, { Tags: { c: "d" } });
  assert.equal((await api.send("GET", tags, { owner: BOB })).status, 403);
  await createProvider(api, { CapacityProviderName: "pool2" });
  const first = await api.send("GET", `${PROVIDERS}?MaxItems=1&State=Active`);
  assert.equal(first.json.CapacityProviders[0].CapacityProviderArn, PROVIDER_ARN);
  const second = await api.send("GET", `${PROVIDERS}?Marker=${first.json.NextMarker}`);
  assert.equal(second.json.CapacityProviders.length, 1);
  assert.equal(second.json.NextMarker, undefined);
  assert.deepEqual((await api.send("GET", `${PROVIDERS}?State=Failed`)).json.CapacityProviders, []);
  const gone = await api.send("DELETE", `${PROVIDERS}/pool`);
  assert.deepEqual([gone.status, gone.json.CapacityProvider.State], [202, "Deleting"]);
  assert.equal((await api.send("GET", `${PROVIDERS}/pool`)).status, 404);
});

test("CapacityProviders: one owner sees nothing of another's", async () => {
  const api = testApi();
  await createProvider(api);
  const asBob = (method: string, path: string) =>
    api.send(method, `${PROVIDERS}${path}`, { owner: BOB });
  assert.deepEqual((await asBob("GET", "")).json, { CapacityProviders: [] });
  for (const method of ["GET", "PUT", "DELETE"]) {
    assert.equal((await asBob(method, "/pool")).status, 404);
    assert.equal((await asBob(method, `/${encodeURIComponent(PROVIDER_ARN)}`)).status, 403);
  }
  const body = {
    FunctionName: "mine",
    Runtime: "provided.al2023",
    Handler: "b",
    Role: `arn:aws:iam::${BOB}:role/r`,
    Code: { ZipFile: "MQ==" },
    ...managed(),
  };
  const create = await api.send("POST", "/2015-03-31/functions", { owner: BOB, body });
  assert.match(outcome(create)[2], /^Capacity provider not found: /);
});

test("CapacityProviders: bad input", async () => {
  const api = testApi();
  const refused = async (more: Record<string, unknown>, message: RegExp): Promise<void> =>
    assert.match(outcome(await createProvider(api, more))[2], message);
  await refused({ CapacityProviderName: "a b" }, /'a b' at 'capacityProviderName'/);
  await refused({ VpcConfig: undefined }, /null at 'vpcConfig'/);
  await refused({ VpcConfig: { SubnetIds: [], SecurityGroupIds: [] } }, /'vpcConfig.subnetIds'/);
  await refused({ CapacityProviderScalingConfig: { MaxVCpuCount: 1 } }, /equal to 2$/);
  await refused({ InstanceRequirements: { Architectures: ["z80"] } }, /enum value set/);
  await refused(
    { InstanceRequirements: { AllowedInstanceTypes: ["a"], ExcludedInstanceTypes: ["b"] } },
    /cannot be given together/,
  );
  await refused({ KmsKeyArn: 1 }, /^NUMBER_VALUE at 'kmsKeyArn'/);
  assert.equal((await api.send("GET", `${PROVIDERS}?MaxItems=51`)).status, 400);
  assert.equal((await api.send("GET", `${PROVIDERS}?State=Gone`)).status, 400);
  assert.equal((await api.send("GET", `${PROVIDERS}/a%20b`)).status, 400);
  assert.equal((await api.send("GET", `${PROVIDERS}/none/function-versions`)).status, 404);
});

test("CapacityProviders: one in use is named by its versions and cannot be deleted", async () => {
  const api = testApi();
  const early = await createFunction(api, managed());
  assert.deepEqual(outcome(early), [400, INVALID, `Capacity provider not found: ${PROVIDER_ARN}`]);
  await createProvider(api);
  const created = await createFunction(api, managed({ PerExecutionEnvironmentMaxConcurrency: 4 }));
  assert.equal(created.status, 201);
  assert.deepEqual(
    created.json.CapacityProviderConfig,
    managed({ PerExecutionEnvironmentMaxConcurrency: 4 }).CapacityProviderConfig,
  );
  const used = await api.send("GET", `${PROVIDERS}/pool/function-versions`);
  assert.deepEqual(used.json, {
    CapacityProviderArn: PROVIDER_ARN,
    FunctionVersions: [
      { FunctionArn: `${ARN}:$LATEST`, State: "Active" },
      { FunctionArn: `${ARN}:1`, State: "Active" },
    ],
  });
  const inUse = await api.send("DELETE", `${PROVIDERS}/pool`);
  assert.deepEqual([inUse.status, inUse.code], [409, "ResourceConflictException"]);
  await api.send("DELETE", "/2015-03-31/functions/hello");
  assert.equal((await api.send("DELETE", `${PROVIDERS}/pool`)).status, 202);
});

test("CapacityProviders: a function without one never gets one", async () => {
  const api = testApi();
  await createProvider(api);
  await createFunction(api);
  const update = await api.send("PUT", "/2015-03-31/functions/hello/configuration", {
    body: managed(),
  });
  assert.match(outcome(update)[2], /^CapacityProviderConfig isn't supported for Lambda Default/);
  const scaling = await api.send("PUT", `${SCALING}?Qualifier=1`, { body: {} });
  assert.match(outcome(scaling)[2], /^FunctionScalingConfig isn't supported for Lambda Default/);
});

test("FunctionScalingConfig: kept for a version, its maximum applied", async () => {
  const api = testApi();
  await createProvider(api);
  await createFunction(api, managed());
  const get = async () => (await api.send("GET", `${SCALING}?Qualifier=1`)).json;
  assert.deepEqual(await get(), { FunctionArn: `${ARN}:1` });
  const put = (FunctionScalingConfig: unknown, query = "?Qualifier=1") =>
    api.send("PUT", `${SCALING}${query}`, { body: { FunctionScalingConfig } });
  const wanted = { MinExecutionEnvironments: 1, MaxExecutionEnvironments: 3 };
  const answer = await put(wanted);
  assert.deepEqual([answer.status, answer.json], [202, { FunctionState: "Active" }]);
  assert.deepEqual(await get(), {
    FunctionArn: `${ARN}:1`,
    AppliedFunctionScalingConfig: { MaxExecutionEnvironments: 3 },
    RequestedFunctionScalingConfig: wanted,
  });
  assert.equal((await api.registry.resolve(ALICE, "hello", "1")).environmentsMax, 3);
  const crossed = { MinExecutionEnvironments: 4, MaxExecutionEnvironments: 3 };
  assert.equal((await put(crossed)).code, INVALID);
  assert.match(outcome(await put({ MaxExecutionEnvironments: 15_001 }))[2], /equal to 15000$/);
  assert.match(outcome(await put({}, ""))[2], /null at 'qualifier'/);
  assert.match(outcome(await put({}, "?Qualifier=live"))[2], /'live' at 'qualifier'/);
  assert.equal((await put({}, "?Qualifier=%24LATEST.PUBLISHED")).status, 404);
  assert.equal((await put({}, "?Qualifier=7")).status, 404);
});
