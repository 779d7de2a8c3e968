import assert from "node:assert/strict";
import { test } from "node:test";
import { BOB } from "../../../registry/testing.ts";
import { type Answer, type SendOptions, type TestApi, testApi } from "../testing.ts";

const PATH = "/2021-10-31/functions/hello/url";
const MISSING = "The resource you requested does not exist.";

async function withFunction(): Promise<TestApi> {
  const api = testApi();
  await api.send("POST", "/2015-03-31/functions", {
    body: {
      FunctionName: "hello",
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: "arn:aws:iam::111111111111:role/r",
      Code: { ZipFile: "MQ==" },
      Publish: true,
    },
  });
  return api;
}

function refusal({ status, code, json }: Answer): [number, string | undefined, string] {
  return [status, code, json.message ?? json.Message];
}

test("FunctionUrlConfig: bad input gets AWS's errors", async () => {
  const api = await withFunction();
  const create = async (body: unknown, query = ""): Promise<Answer> =>
    api.send("POST", `${PATH}${query}`, { body });
  const invalid: readonly [unknown, RegExp][] = [
    [{}, /Value null at 'authType' failed to satisfy constraint: Member must not be null/],
    [{ AuthType: "OPEN" }, /at 'authType' .*enum value set: \[NONE, AWS_IAM\]/],
    [
      { AuthType: "NONE", InvokeMode: "UNKNOWN" },
      /Value 'UNKNOWN' at 'invokeMode' .*enum value set: \[RESPONSE_STREAM, BUFFERED\]/,
    ],
    [{ AuthType: "NONE", Cors: { MaxAge: 86_401 } }, /at 'cors\.maxAge'.*86400/],
    [{ AuthType: "NONE", Cors: { AllowMethods: ["OPTIONS"] } }, /at 'cors\.allowMethods'/],
    [{ AuthType: "NONE", Cors: { AllowOrigins: [""] } }, /at 'cors\.allowOrigins'/],
    [{ AuthType: "NONE", Cors: { AllowHeaders: Array(101).fill("a") } }, /at 'cors\.allowHeaders'/],
  ];
  for (const [body, message] of invalid) {
    const answer = await create(body);
    assert.deepEqual([answer.status, answer.code], [400, "ValidationException"]);
    assert.match(answer.json.message, message);
  }
  const mistyped = await create({ AuthType: "NONE", Cors: { AllowCredentials: "yes" } });
  assert.equal(mistyped.code, "SerializationException");
  for (const qualifier of ["1", "%24LATEST"]) {
    const answer = await create({ AuthType: "NONE" }, `?Qualifier=${qualifier}`);
    assert.deepEqual([answer.status, answer.code], [400, "ValidationException"]);
    assert.match(answer.json.message, /at 'qualifier' failed to satisfy constraint/);
  }
  assert.equal((await create({ AuthType: "NONE", Unknown: 1 })).status, 201, "ignored");
});

test("FunctionUrlConfig: what does not exist gets AWS's words", async () => {
  const api = await withFunction();
  const elsewhere = PATH.replace("hello", "nobody");
  const none = [404, "ResourceNotFoundException", "Function does not exist"];
  const missing = [404, "ResourceNotFoundException", MISSING];
  const body = { AuthType: "NONE" };
  assert.deepEqual(refusal(await api.send("POST", elsewhere, { body })), none);
  assert.deepEqual(refusal(await api.send("PUT", elsewhere, { body })), none);
  assert.deepEqual(refusal(await api.send("GET", `${elsewhere}s`)), none);
  assert.deepEqual(refusal(await api.send("POST", `${PATH}?Qualifier=live`, { body })), none);
  for (const [method, target] of [
    ["GET", elsewhere],
    ["GET", PATH],
    ["PUT", PATH],
    ["DELETE", PATH],
    ["GET", `${PATH}?Qualifier=live`],
  ] as const) {
    assert.deepEqual(refusal(await api.send(method, target)), missing, `${method} ${target}`);
  }
});

test("FunctionUrlConfig: owners and lists", async () => {
  const api = await withFunction();
  const made = await api.send("POST", PATH, { body: { AuthType: "AWS_IAM" } });
  assert.equal(made.json.LastModifiedTime, undefined);
  assert.match(
    made.json.FunctionUrl,
    /^http:\/\/[a-z0-9]{32}\.lambda-url\.us-east-1\.localhost:4566\/$/,
  );
  const bob: SendOptions = { owner: BOB };
  for (const method of ["GET", "PUT", "DELETE"]) {
    assert.equal((await api.send(method, PATH, bob)).status, 404);
  }
  const list = await api.send("GET", `${PATH}s`);
  assert.deepEqual(
    list.json.FunctionUrlConfigs.map((url: { FunctionUrl: string }) => url.FunctionUrl),
    [made.json.FunctionUrl],
  );
  assert.equal((await api.send("GET", `${PATH}s?MaxItems=51`)).code, "ValidationException");
  assert.equal((await api.send("DELETE", PATH)).status, 204);
  assert.deepEqual((await api.send("GET", `${PATH}s`)).json, { FunctionUrlConfigs: [] });
});
