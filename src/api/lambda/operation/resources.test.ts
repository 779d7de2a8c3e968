import assert from "node:assert/strict";
import { test } from "node:test";
import { type TestApi, testApi } from "../testing.ts";

const FUNCTION = "/2015-03-31/functions/hello";
const ARN = "arn:aws:lambda:us-east-1:111111111111:function:hello";

async function withFunction(): Promise<TestApi> {
  const api = testApi();
  await api.send("POST", "/2015-03-31/functions", {
    body: {
      FunctionName: "hello",
      Runtime: "provided.al2023",
      Handler: "bootstrap",
      Role: "arn:aws:iam::111111111111:role/r",
      Code: { ZipFile: Buffer.from("1").toString("base64") },
    },
  });
  return api;
}

test("PublishVersion and ListVersionsByFunction: 201, then both versions", async () => {
  const api = await withFunction();
  const { status, json } = await api.send("POST", `${FUNCTION}/versions`, {
    body: { Description: "first" },
  });
  assert.deepEqual(
    [status, json.Version, json.FunctionArn, json.Description],
    [201, "1", `${ARN}:1`, "first"],
  );
  const wrong = await api.send("POST", `${FUNCTION}/versions`, { body: { CodeSha256: "x" } });
  assert.match(wrong.json.message, /^CodeSHA256 \(x\) is different from current CodeSHA256 in/);
  const list = await api.send("GET", `${FUNCTION}/versions`);
  assert.deepEqual(
    list.json.Versions.map((v: { FunctionArn: string }) => v.FunctionArn),
    [`${ARN}:$LATEST`, `${ARN}:1`],
  );
});

test("Aliases: created, read, changed, listed and deleted", async () => {
  const api = await withFunction();
  await api.send("POST", `${FUNCTION}/versions`);
  await api.send("PUT", `${FUNCTION}/code`, { body: { ZipFile: "Mg==", Publish: true } });
  const body = {
    Name: "live",
    FunctionVersion: "1",
    RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } },
  };
  const created = await api.send("POST", `${FUNCTION}/aliases`, { body });
  const { RevisionId, ...rest } = created.json;
  assert.equal(created.status, 201);
  assert.deepEqual(rest, { ...body, AliasArn: `${ARN}:live`, Description: "" });
  const again = await api.send("POST", `${FUNCTION}/aliases`, { body });
  assert.deepEqual([again.status, again.json.message], [409, `Alias already exists: ${ARN}:live`]);
  const updated = await api.send("PUT", `${FUNCTION}/aliases/live`, {
    body: { FunctionVersion: "2", RoutingConfig: {}, RevisionId },
  });
  assert.equal(updated.status, 200);
  assert.equal(updated.json.RoutingConfig, undefined);
  assert.deepEqual((await api.send("GET", `${FUNCTION}/aliases/live`)).json, updated.json);
  const list = await api.send("GET", `${FUNCTION}/aliases?FunctionVersion=2`);
  assert.deepEqual(list.json, { Aliases: [updated.json] });
  assert.equal((await api.send("DELETE", `${FUNCTION}/aliases/live`)).status, 204);
  const gone = await api.send("GET", `${FUNCTION}/aliases/live`);
  assert.deepEqual([gone.status, gone.json.Message], [404, `Cannot find alias arn: ${ARN}:live`]);
});

test("CreateAlias: constraints of name, version and weights", async () => {
  const api = await withFunction();
  const refused = async (more: Record<string, unknown>, message: RegExp): Promise<void> => {
    const body = { Name: "a", FunctionVersion: "$LATEST", ...more };
    const answer = await api.send("POST", `${FUNCTION}/aliases`, { body });
    assert.equal(answer.status, 400);
    assert.match(answer.json.message, message);
  };
  await refused(
    { Name: "12" },
    /'12' at 'name' .* pattern: \(\?!\^\[0-9\]\+\$\)\(\[a-zA-Z0-9-_\]\+\)$/,
  );
  await refused({ FunctionVersion: "live" }, /'live' at 'functionVersion'/);
  await refused(
    { RoutingConfig: { AdditionalVersionWeights: { 1: 2 } } },
    /'\{1=2\}' at 'routingConfig\.additionalVersionWeights' .* Map value must satisfy constraint: \[/,
  );
});

test("Aliases: versions of a weighted alias must be alike, weights name versions", async () => {
  const api = await withFunction();
  await api.send("POST", `${FUNCTION}/versions`);
  await api.send("PUT", `${FUNCTION}/configuration`, {
    body: { Role: "arn:aws:iam::111111111111:role/other" },
  });
  await api.send("POST", `${FUNCTION}/versions`);
  const create = (weights: Record<string, number>, FunctionVersion = "1") =>
    api.send("POST", `${FUNCTION}/aliases`, {
      body: {
        ...{ Name: "live", FunctionVersion },
        RoutingConfig: { AdditionalVersionWeights: weights },
      },
    });
  const roles = await create({ 2: 0.5 });
  assert.deepEqual([roles.status, roles.code], [400, "InvalidParameterValueException"]);
  assert.match(roles.json.message, /must have the same execution role$/);
  assert.match(
    (await create({ $LATEST: 0.5 })).json.message,
    /'\{\$LATEST=0\.5\}' at 'routingConfig\.additionalVersionWeights' .* Map keys must satisfy/,
  );
  assert.match(
    (await create({ 1: 0.5 }, "$LATEST")).json.message,
    /^\$LATEST is not supported for/,
  );
  assert.match((await create({ 2: 0.5, 3: 0.1 })).json.message, /cannot be greater than 1$/);
  assert.equal((await create({ 7: 0.5 })).code, "ResourceNotFoundException");
  const latest = await api.send("POST", `${FUNCTION}/versions`, {
    body: { PublishTo: "LATEST_PUBLISHED" },
  });
  assert.match(latest.json.message, /^PublishTo LATEST_PUBLISHED is not offered/);
});

test("Tags: added, listed and removed by ARN", async () => {
  const api = await withFunction();
  const path = `/2017-03-31/tags/${encodeURIComponent(ARN)}`;
  const tagged = await api.send("POST", path, { body: { Tags: { a: "1", b: "2", "c d": "3" } } });
  assert.deepEqual([tagged.status, tagged.text], [204, ""]);
  assert.equal((await api.send("DELETE", `${path}?tagKeys=a&tagKeys=c%20d`)).status, 204);
  assert.deepEqual((await api.send("GET", path)).json, { Tags: { b: "2" } });
  const none = await api.send("DELETE", path);
  assert.match(none.json.message, /Value null at 'tagKeys' .* must not be null$/);
  const version = await api.send("GET", `${path}%3A1`);
  assert.match(version.json.message, /^Tags on function aliases and versions are not supported/);
  const other = await api.send("GET", "/2017-03-31/tags/hello");
  assert.equal(other.code, "ValidationException");
});

test("Concurrency: put, get, delete, and refused beyond the account", async () => {
  const api = await withFunction();
  const put = (ReservedConcurrentExecutions: number) =>
    api.send("PUT", "/2017-10-31/functions/hello/concurrency", {
      body: { ReservedConcurrentExecutions },
    });
  const get = async (): Promise<unknown> =>
    (await api.send("GET", "/2019-09-30/functions/hello/concurrency")).json;
  assert.deepEqual(await get(), {});
  assert.deepEqual((await put(7)).json, { ReservedConcurrentExecutions: 7 });
  assert.deepEqual(await get(), { ReservedConcurrentExecutions: 7 });
  const tooMuch = await put(901);
  assert.deepEqual(
    [tooMuch.status, tooMuch.code, tooMuch.json.message],
    [
      400,
      "InvalidParameterValueException",
      "Specified ReservedConcurrentExecutions for function decreases account's " +
        "UnreservedConcurrentExecution below its minimum value of [100].",
    ],
  );
  const settings = await api.send("GET", "/2016-08-19/account-settings/");
  assert.deepEqual(settings.json, {
    AccountLimit: {
      TotalCodeSize: 80_530_636_800,
      CodeSizeUnzipped: 262_144_000,
      CodeSizeZipped: 52_428_800,
      ConcurrentExecutions: 1000,
      UnreservedConcurrentExecutions: 993,
    },
    AccountUsage: { TotalCodeSize: 1, FunctionCount: 1 },
  });
  const path = "/2017-10-31/functions/hello/concurrency";
  assert.equal((await api.send("DELETE", path)).status, 204);
  assert.deepEqual(await get(), {});
  const qualified = await api.send("PUT", "/2017-10-31/functions/hello%3A1/concurrency", {
    body: { ReservedConcurrentExecutions: 1 },
  });
  assert.match(qualified.json.message, /^This operation is permitted on Lambda functions only/);
});
