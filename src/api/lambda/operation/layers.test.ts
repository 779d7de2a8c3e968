import assert from "node:assert/strict";
import { test } from "node:test";
import { BOB } from "../../../registry/testing.ts";
import { type TestApi, testApi } from "../testing.ts";

const LAYERS = "/2018-10-31/layers";
const ARN = "arn:aws:lambda:us-east-1:111111111111:layer:tools";
const ZIP = Buffer.from("zip").toString("base64");

function publish(api: TestApi, name = "tools", more: object = {}) {
  const body = { Content: { ZipFile: ZIP }, ...more };
  return api.send("POST", `${LAYERS}/${name}/versions`, { body });
}

test("PublishLayerVersion: answers in AWS's shape", async () => {
  const api = testApi();
  const { status, json } = await publish(api, "tools", {
    Description: "d",
    LicenseInfo: "MIT",
    CompatibleRuntimes: ["python3.8", "nodejs24.x"],
    CompatibleArchitectures: ["x86_64"],
  });
  assert.equal(status, 201);
  assert.match(json.CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  assert.match(json.Content.Location, /^http:\/\/127\.0\.0\.1:4566\/code\/111111111111\//);
  const { CreatedDate: _, Content, ...rest } = json;
  assert.equal(Content.CodeSize, 3);
  assert.deepEqual(rest, {
    LayerArn: ARN,
    LayerVersionArn: `${ARN}:1`,
    Version: 1,
    Description: "d",
    LicenseInfo: "MIT",
    CompatibleRuntimes: ["python3.8", "nodejs24.x"],
    CompatibleArchitectures: ["x86_64"],
  });
  const bare = (await publish(api, encodeURIComponent(ARN), { CompatibleRuntimes: [] })).json;
  assert.equal(bare.Version, 2, "a layer may be named by its ARN");
  assert.deepEqual([bare.CompatibleRuntimes, bare.CompatibleArchitectures], [[], undefined]);
});

for (const [what, name, body, code, message] of [
  ["no content", "l", {}, "ValidationException", /'content' failed to satisfy constraint/],
  ["no zip", "l", { Content: {} }, "InvalidParameterValueException", /source for layer code/],
  [
    "an S3 object",
    "l",
    { Content: { S3Bucket: "b", S3Key: "k" } },
    "InvalidParameterValueException",
    /S3Bucket \(give ZipFile instead\) is not offered/,
  ],
  [
    "a broken zip",
    "l",
    { Content: { ZipFile: Buffer.from("broken").toString("base64") } },
    "InvalidParameterValueException",
    /^Could not unzip/,
  ],
  [
    "a strange runtime and architecture",
    "l",
    {
      Content: { ZipFile: ZIP },
      CompatibleRuntimes: ["cobol"],
      CompatibleArchitectures: ["vax"],
    },
    "ValidationException",
    /^2 validation errors detected: Value '\[cobol\]' at 'compatibleRuntimes'.*'\[vax\]' at 'compatibleArch/,
  ],
  ["a bad name", "a.b", {}, "ValidationException", /'layerName' failed to satisfy constraint/],
  ["a long name", "l".repeat(141), {}, "ValidationException", /less than or equal to 140/],
  ["mistyped members", "l", { Content: "zip" }, "SerializationException", /'content'/],
] as const) {
  test(`PublishLayerVersion: ${what} is refused`, async () => {
    const answer = await testApi().send("POST", `${LAYERS}/${name}/versions`, { body });
    assert.equal(answer.code, code);
    assert.match(answer.json.message, message);
  });
}

test("GetLayerVersion: what is not there and what cannot be", async () => {
  const api = testApi();
  await publish(api);
  const get = (path: string) => api.send("GET", `${LAYERS}${path}`);
  assert.equal((await get("/tools/versions/1")).json.Version, 1);
  const missing = await get("/tools/versions/2");
  assert.deepEqual(
    [missing.status, missing.code, missing.json.Message],
    [404, "ResourceNotFoundException", "The resource you requested does not exist."],
  );
  for (const number of ["0", "-1"]) {
    const answer = await get(`/tools/versions/${number}`);
    assert.deepEqual(
      [answer.status, answer.json.message],
      [400, "Layer Version Cannot be less than 1"],
    );
  }
  assert.equal((await get("/tools/versions/one")).code, "SerializationException");
  const byArn = (arn: string) => get(`?find=LayerVersion&Arn=${encodeURIComponent(arn)}`);
  assert.equal((await byArn(`${ARN}:1`)).json.LayerVersionArn, `${ARN}:1`);
  assert.equal((await byArn(ARN)).code, "ValidationException");
  assert.equal((await get("?find=LayerVersion")).code, "ValidationException");
  const elsewhere = `${ARN}:1`.replace("us-east-1", "eu-west-1");
  assert.equal((await byArn(elsewhere)).code, "ResourceNotFoundException");
  const deleted = await api.send("DELETE", `${LAYERS}/none/versions/9`);
  assert.deepEqual([deleted.status, deleted.text], [204, ""]);
});

test("ListLayers: bad filters and page sizes are refused", async () => {
  const api = testApi();
  await publish(api);
  const list = (query: string) => api.send("GET", `${LAYERS}${query}`);
  assert.equal((await list("")).json.Layers[0].LatestMatchingVersion.Version, 1);
  assert.deepEqual((await list("?CompatibleRuntime=ruby2.5")).json, { Layers: [] });
  for (const query of ["?CompatibleRuntime=x", "?CompatibleArchitecture=x", "?MaxItems=51"]) {
    assert.equal((await list(query)).code, "ValidationException", query);
  }
  assert.equal((await list("?Marker=nonsense")).code, "InvalidParameterValueException");
  const versions = await api.send("GET", `${LAYERS}/none/versions`);
  assert.deepEqual(versions.json, { LayerVersions: [] });
});

test("layers: operations that no policy opens are refused to others", async () => {
  const api = testApi();
  await publish(api);
  const named = encodeURIComponent(ARN);
  for (const [method, path, action] of [
    ["POST", "versions", "PublishLayerVersion"],
    ["GET", "versions", "ListLayerVersions"],
    ["DELETE", "versions/1", "DeleteLayerVersion"],
    ["GET", "versions/1/policy", "GetLayerVersionPolicy"],
    ["POST", "versions/1/policy", "AddLayerVersionPermission"],
    ["DELETE", "versions/1/policy/s", "RemoveLayerVersionPermission"],
  ] as const) {
    const answer = await api.send(method, `${LAYERS}/${named}/${path}`, { owner: BOB });
    assert.deepEqual([answer.status, answer.code], [403, "AccessDeniedException"], action);
    assert.ok(answer.json.Message.includes(`perform: lambda:${action} on resource: ${ARN}`));
  }
  const got = await api.send("GET", `${LAYERS}/${named}/versions/1`, { owner: BOB });
  assert.equal(got.code, "AccessDeniedException");
});

test("layer policies: AWS's words for what goes wrong", async () => {
  const api = testApi();
  await publish(api);
  const path = `${LAYERS}/tools/versions/1/policy`;
  const statement = { StatementId: "s1", Action: "lambda:GetLayerVersion", Principal: "*" };
  const add = (body: object, query = "", at = path) =>
    api.send("POST", `${at}${query}`, { body: { ...statement, ...body } });
  const { status, json } = await add({});
  assert.equal(status, 201);
  assert.deepEqual(JSON.parse(json.Statement), {
    Sid: "s1",
    Effect: "Allow",
    Principal: "*",
    Action: "lambda:GetLayerVersion",
    Resource: `${ARN}:1`,
  });
  assert.equal((await add({})).code, "ResourceConflictException");
  assert.equal((await add({ Action: "*" })).code, "ValidationException");
  assert.equal((await add({ Principal: "bob" })).code, "ValidationException");
  assert.equal((await add({ OrganizationId: "acme" })).code, "ValidationException");
  const outdated = await add({ StatementId: "s2" }, "?RevisionId=old");
  assert.deepEqual([outdated.status, outdated.code], [412, "PreconditionFailedException"]);
  const absent = await add({}, "", `${LAYERS}/tools/versions/2/policy`);
  assert.equal(absent.json.Message, `Layer version ${ARN}:2 does not exist.`);
  let added = 0;
  let full = await add({ StatementId: "f0" });
  while (full.status === 201) full = await add({ StatementId: `f${++added}`.padEnd(100, "x") });
  assert.equal(full.code, "PolicyLengthExceededException");
  const removed = await api.send("DELETE", `${path}/none`);
  assert.equal(removed.json.Message, "Statement none is not found in resource policy.");
  assert.equal((await api.send("DELETE", `${path}/s1`)).status, 204);
});
