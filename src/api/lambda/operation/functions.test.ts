import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../../model/mod.ts";
import { BOB } from "../../../registry/testing.ts";
import { type Answer, type TestApi, testApi } from "../testing.ts";

const FUNCTIONS = "/2015-03-31/functions";
const ROLE = "arn:aws:iam::111111111111:role/service-role/r";
const ARN = "arn:aws:lambda:us-east-1:111111111111:function:hello";

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function create(api: TestApi, more: Record<string, unknown> = {}): Promise<Answer> {
  const body = {
    FunctionName: "hello",
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: ROLE,
    Code: { ZipFile: base64("code") },
    ...more,
  };
  return api.send("POST", FUNCTIONS, { body });
}

test("CreateFunction: answers 201 in AWS's shape", async () => {
  const api = testApi();
  const { status, json } = await create(api, {
    Description: "d",
    Environment: { Variables: { STAGE: "test" } },
    Tags: { team: "a" },
    VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
    TracingConfig: { Mode: "Active" },
    LoggingConfig: { LogFormat: "JSON" },
    SnapStart: { ApplyOn: "None" },
  });
  assert.equal(status, 201);
  const { LastModified, RevisionId, CodeSha256, RuntimeVersionConfig, ...rest } = json;
  assert.match(RuntimeVersionConfig.RuntimeVersionArn, /^arn:aws:lambda:us-east-1::runtime:/);
  assert.match(LastModified, /\+0000$/);
  assert.match(RevisionId, /^[0-9a-f-]{36}$/);
  assert.equal(CodeSha256.length, 44);
  assert.deepEqual(rest, {
    FunctionName: "hello",
    FunctionArn: ARN,
    Runtime: "nodejs24.x",
    Role: ROLE,
    Handler: "index.handler",
    CodeSize: 4,
    Description: "d",
    Timeout: 3,
    MemorySize: 128,
    Version: "$LATEST",
    Environment: { Variables: { STAGE: "test" } },
    TracingConfig: { Mode: "Active" },
    PackageType: "Zip",
    Architectures: ["x86_64"],
    EphemeralStorage: { Size: 512 },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    LoggingConfig: {
      LogFormat: "JSON",
      ApplicationLogLevel: "INFO",
      SystemLogLevel: "INFO",
      LogGroup: "/aws/lambda/hello",
    },
    VpcConfig: {
      SubnetIds: [],
      SecurityGroupIds: [],
      Ipv6AllowedForDualStack: false,
      VpcId: "",
    },
    State: "Active",
    LastUpdateStatus: "Successful",
  });
});

test("CreateFunction: an existing name is a conflict in AWS's words", async () => {
  const api = testApi();
  await create(api);
  const again = await create(api);
  assert.equal(again.status, 409);
  assert.equal(again.code, "ResourceConflictException");
  assert.deepEqual(again.json, { Type: "User", message: "Function already exist: hello" });
});

const one = "1 validation error detected: Value";
const must = "failed to satisfy constraint: Member must";

type Refused = (more: Record<string, unknown>, code: string, message: string) => Promise<void>;

function refusals(api: TestApi): Refused {
  return async (more, code, message) => {
    const answer = await create(api, more);
    assert.deepEqual([answer.status, answer.code, answer.json.message], [400, code, message]);
  };
}

test("CreateFunction: broken constraints are reported as AWS reports them", async () => {
  const refused = refusals(testApi());
  await refused(
    { MemorySize: 64 },
    "ValidationException",
    `${one} '64' at 'memorySize' ${must} have value greater than or equal to 128`,
  );
  await refused(
    { Role: "nobody" },
    "ValidationException",
    `${one} 'nobody' at 'role' ${must} satisfy regular expression pattern: ` +
      "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
  );
  await refused(
    { Role: undefined },
    "ValidationException",
    `${one} null at 'role' ${must} not be null`,
  );
  await refused(
    { Timeout: 901, EphemeralStorage: { Size: 1 } },
    "ValidationException",
    `2 validation errors detected: Value '901' at 'timeout' ${must} have value less than or equal ` +
      `to 900; Value '1' at 'ephemeralStorage.size' ${must} have value greater than or equal to 512`,
  );
  await refused(
    { Architectures: ["z80"] },
    "ValidationException",
    `${one} '[z80]' at 'architectures' ${must} satisfy constraint: ` +
      "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
  );
});

test("CreateFunction: what the model's constraints do not say is refused in AWS's words", async () => {
  const api = testApi();
  const refused = refusals(api);
  await refused(
    { FunctionName: "a".repeat(65) },
    "InvalidParameterValueException",
    `${one} '${"a".repeat(65)}' at 'functionName' ${must} have length less than or equal to 64`,
  );
  await refused(
    { Handler: undefined },
    "InvalidParameterValueException",
    "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
  );
  await refused(
    { Environment: { Variables: { "1A": "x" } } },
    "ValidationException",
    "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: " +
      "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: " +
      "[a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
  );
  await refused(
    { MemorySize: "big" },
    "SerializationException",
    "STRING_VALUE at 'memorySize' can not be converted to integer",
  );
  await refused(
    { Code: {} },
    "InvalidParameterValueException",
    "Please provide a source for function code.",
  );
  await refused(
    { Code: { ZipFile: "a*b" } },
    "SerializationException",
    "ZipFile is not valid base64",
  );
  await refused(
    { Code: { ZipFile: base64("broken") } },
    "InvalidParameterValueException",
    "Could not unzip uploaded file. Please check your file, then try to upload again.",
  );
  assert.deepEqual((await api.send("GET", `${FUNCTIONS}/`)).json, { Functions: [] });
});

test("CreateFunction: an unknown runtime is told the known ones", async () => {
  const { status, json } = await create(testApi(), { Runtime: "cobol" });
  assert.equal(status, 400);
  assert.match(
    json.message,
    /^Value cobol at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \[nodejs22\.x, .*\] or be a valid ARN$/,
  );
});

test("CreateFunction: what would silently not work is refused by name", async () => {
  const api = testApi();
  const unoffered: [Record<string, unknown>, RegExp][] = [
    [{ SnapStart: { ApplyOn: "PublishedVersions" } }, /^SnapStart\.ApplyOn PublishedVersions is/],
    [{ FileSystemConfigs: [{}] }, /^FileSystemConfigs is not/],
    [{ ImageConfig: { Command: ["x"] } }, /^ImageConfig is not/],
    [
      { Architectures: ["arm64"] },
      /^Architectures \[arm64\] is not offered by this version of Hearth/,
    ],
    [{ Code: { S3Bucket: "b", S3Key: "k" } }, /^Code from S3Bucket/],
    [{ Code: { ImageUri: "i" }, PackageType: "Image" }, /^PackageType Image is not/],
    [{ KMSKeyArn: "arn:aws:kms:us-east-1:1:key/k" }, /^KMSKeyArn is not/],
  ];
  for (const [more, message] of unoffered) {
    const answer = await create(api, more);
    assert.equal(answer.code, "InvalidParameterValueException");
    assert.match(answer.json.message, message);
  }
  const harmless = { Layers: [], FileSystemConfigs: [], ImageConfig: {}, KMSKeyArn: "" };
  assert.equal((await create(api, harmless)).status, 201);
});

test("CreateFunction: a body that is no JSON, or too large a zip", async () => {
  const api = testApi();
  const broken = await api.send("POST", FUNCTIONS, { body: Buffer.from("{") });
  assert.equal(broken.code, "InvalidRequestContentException");
  assert.match(broken.json.message, /^Could not parse request body into json: /);
  const zip = Buffer.alloc(limits.PACKAGE_ZIP_BYTES_MAX + 1).toString("base64");
  const large = await create(api, { Code: { ZipFile: zip } });
  assert.deepEqual(
    [large.status, large.code, large.json.message],
    [413, "RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes"],
  );
});

test("GetFunction: shows configuration, code location, tags and concurrency", async () => {
  const api = testApi();
  await create(api, { Tags: { a: "b" }, Publish: true });
  await api.send("PUT", "/2017-10-31/functions/hello/concurrency", {
    body: { ReservedConcurrentExecutions: 5 },
  });
  const { status, json } = await api.send("GET", `${FUNCTIONS}/hello`);
  assert.equal(status, 200);
  assert.equal(json.Configuration.FunctionArn, ARN);
  assert.equal(
    json.Code.Location,
    `http://127.0.0.1:4566/code/111111111111/${json.Configuration.CodeSha256}`,
  );
  assert.deepEqual(json.Tags, { a: "b" });
  assert.deepEqual(json.Concurrency, { ReservedConcurrentExecutions: 5 });
});

test("GetFunctionConfiguration: every way to name a function", async () => {
  const api = testApi();
  await create(api, { Publish: true });
  await api.send("POST", `${FUNCTIONS}/hello/aliases`, {
    body: { Name: "live", FunctionVersion: "1" },
  });
  const arnOf = async (name: string, query = ""): Promise<string> => {
    const target = `${FUNCTIONS}/${encodeURIComponent(name)}/configuration${query}`;
    const { json } = await api.send("GET", target);
    return `${json.FunctionArn} ${json.Version}`;
  };
  for (const name of ["hello", "function:hello", "111111111111:function:hello", ARN]) {
    assert.equal(await arnOf(name), `${ARN} $LATEST`);
    assert.equal(await arnOf(`${name}:1`), `${ARN}:1 1`);
    assert.equal(await arnOf(name, "?Qualifier=live"), `${ARN}:live 1`);
    assert.equal(await arnOf(`${name}:live`, "?Qualifier=live"), `${ARN}:live 1`);
    assert.equal(await arnOf(`${name}:$LATEST`), `${ARN}:$LATEST $LATEST`);
  }
});

test("GetFunctionConfiguration: names that lead nowhere, each with AWS's error", async () => {
  const api = testApi();
  await create(api);
  const refused = async (name: string, status: number, code: string, message: string | RegExp) => {
    const target = `${FUNCTIONS}/${name.split("?").map(encodeURIComponent).join("/configuration?")}`;
    const [path = ""] = target.split("/configuration");
    const query = name.split("?")[1];
    const answer = await api.send(
      "GET",
      `${path}/configuration${query === undefined ? "" : `?${query}`}`,
    );
    assert.deepEqual([answer.status, answer.code], [status, code]);
    const text = answer.json.Message ?? answer.json.message;
    if (typeof message === "string") assert.equal(text, message);
    else assert.match(text, message);
  };
  const notFound = "ResourceNotFoundException";
  await refused("nobody", 404, notFound, `Function not found: ${ARN.replace("hello", "nobody")}`);
  await refused("hello:7", 404, notFound, `Function not found: ${ARN}:7`);
  await refused("hello?Qualifier=no", 404, notFound, `Function not found: ${ARN}:no`);
  await refused(
    "hello:1?Qualifier=2",
    400,
    "InvalidParameterValueException",
    "The derived qualifier from the function name does not match the specified qualifier.",
  );
  await refused(
    ARN.replace("us-east-1", "eu-west-1"),
    404,
    notFound,
    "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
  );
  await refused(
    ARN.replace("111111111111", "222222222222"),
    403,
    "AccessDeniedException",
    /^User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:GetFunctionConfiguration on resource: arn:aws:lambda:us-east-1:222222222222:function:hello because no resource-based policy/,
  );
  await refused(
    "no spaces",
    400,
    "ValidationException",
    "1 validation error detected: Value 'no spaces' at 'functionName' failed to satisfy " +
      "constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?" +
      "([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?" +
      "([a-zA-Z0-9-_\\.]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
  );
  await refused("hello?Qualifier=%C3%A4", 400, "ValidationException", /'qualifier'/);
});

test("UpdateFunctionCode: replaces, publishes, tries, and minds the revision", async () => {
  const api = testApi();
  const { RevisionId, CodeSha256 } = (await create(api)).json;
  const update = (more: Record<string, unknown>): Promise<Answer> =>
    api.send("PUT", `${FUNCTIONS}/hello/code`, { body: { ZipFile: base64("next"), ...more } });
  const dry = await update({ DryRun: true });
  assert.equal(dry.status, 200);
  assert.notEqual(dry.json.CodeSha256, CodeSha256);
  const { json: now } = await api.send("GET", `${FUNCTIONS}/hello/configuration`);
  assert.equal(now.CodeSha256, CodeSha256);
  const published = await update({ RevisionId, Publish: true });
  assert.equal(published.json.FunctionArn, `${ARN}:1`);
  const late = await update({ RevisionId });
  assert.deepEqual([late.status, late.code], [412, "PreconditionFailedException"]);
});

test("UpdateFunctionConfiguration: changes what is given and nothing else", async () => {
  const api = testApi();
  await create(api, { Environment: { Variables: { KEEP: "1" } }, MemorySize: 256 });
  const body = { Timeout: 10, DeadLetterConfig: { TargetArn: "arn:aws:sqs:us-east-1:1:q" } };
  const { status, json } = await api.send("PUT", `${FUNCTIONS}/hello/configuration`, { body });
  assert.equal(status, 200);
  assert.deepEqual(
    [json.Timeout, json.MemorySize, json.Environment, json.DeadLetterConfig],
    [10, 256, { Variables: { KEEP: "1" } }, { TargetArn: "arn:aws:sqs:us-east-1:1:q" }],
  );
  const cleared = await api.send("PUT", `${FUNCTIONS}/hello/configuration`, {
    body: { Environment: { Variables: {} }, LoggingConfig: { LogGroup: "/my/group" } },
  });
  assert.equal(cleared.json.Environment, undefined);
  assert.deepEqual(cleared.json.LoggingConfig, { LogFormat: "Text", LogGroup: "/my/group" });
});

test("DeleteFunction: 204, then 404; versions one by one", async () => {
  const api = testApi();
  await create(api, { Publish: true });
  const path = `${FUNCTIONS}/hello`;
  assert.equal((await api.send("DELETE", `${path}?Qualifier=1`)).status, 204);
  const latest = await api.send("DELETE", `${path}?Qualifier=%24LATEST`);
  assert.equal(
    latest.json.message,
    "$LATEST version cannot be deleted without deleting the function.",
  );
  const gone = await api.send("DELETE", path);
  assert.deepEqual([gone.status, gone.text], [204, ""]);
  const missing = await api.send("DELETE", path);
  assert.deepEqual(
    [missing.status, missing.json],
    [404, { Type: "User", Message: `Function not found: ${ARN}` }],
  );
});

test("ListFunctions: pages, lists all versions, shows owners only their own", async () => {
  const api = testApi();
  for (const FunctionName of ["a", "b", "c"]) await create(api, { FunctionName, Publish: true });
  const first = await api.send("GET", `${FUNCTIONS}/?MaxItems=2`);
  assert.deepEqual(
    first.json.Functions.map((f: { FunctionName: string }) => f.FunctionName),
    ["a", "b"],
  );
  assert.equal(first.json.Functions[0].State, undefined, "lists leave the state out");
  const marker = encodeURIComponent(first.json.NextMarker);
  const second = await api.send("GET", `${FUNCTIONS}?MaxItems=2&Marker=${marker}`);
  assert.equal(second.json.Functions.length, 1);
  assert.equal(second.json.NextMarker, undefined);
  const all = await api.send("GET", `${FUNCTIONS}?FunctionVersion=ALL`);
  assert.deepEqual(
    all.json.Functions.map((f: { FunctionArn: string }) => f.FunctionArn.split(":").at(-1)),
    ["$LATEST", "1", "$LATEST", "1", "$LATEST", "1"],
  );
  assert.deepEqual((await api.send("GET", FUNCTIONS, { owner: BOB })).json, { Functions: [] });
  for (const query of ["MaxItems=0", "MaxItems=x", "FunctionVersion=SOME"]) {
    const { code } = await api.send("GET", `${FUNCTIONS}?${query}`);
    assert.equal(code, "ValidationException", query);
  }
});

test("ListFunctions: MasterRegion asks for replicas, of which there are none", async () => {
  const api = testApi();
  await create(api);
  const list = (query: string) => api.send("GET", `${FUNCTIONS}?MasterRegion=${query}`);
  assert.deepEqual((await list("us-east-1&FunctionVersion=ALL")).json, { Functions: [] });
  assert.equal((await list("ALL")).code, "InvalidParameterValueException");
  assert.equal((await list("moon&FunctionVersion=ALL")).code, "ValidationException");
});

test("Lambda API: other operations of AWS are unknown here, in AWS's shape", async () => {
  const api = testApi();
  for (const [method, path] of [
    ["PATCH", "/2015-03-31/event-source-mappings/"],
    ["PATCH", "/2021-10-31/functions/hello/url"],
    ["PUT", "/2014-11-13/functions/hello/invoke-async/"],
    ["PATCH", FUNCTIONS],
    ["GET", "/%zz"],
  ] as const) {
    const { status, code } = await api.send(method, path);
    assert.deepEqual([status, code], [404, "UnknownOperationException"], path);
  }
});
