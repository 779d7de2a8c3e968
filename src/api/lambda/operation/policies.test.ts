import assert from "node:assert/strict";
import { test } from "node:test";
import { ALICE, BOB } from "../../../registry/testing.ts";
import { type Answer, type TestApi, testApi } from "../testing.ts";

const FUNCTION = "/2015-03-31/functions/hello";
const ARN = `arn:aws:lambda:us-east-1:${ALICE}:function:hello`;
const FOREIGN = `/2015-03-31/functions/${encodeURIComponent(ARN)}`;
const BY_ARN = `/2026-07-09/resource-policy/${encodeURIComponent(ARN)}`;
const PERMISSION = { StatementId: "bob", Action: "lambda:InvokeFunction", Principal: BOB };

async function withFunction(): Promise<TestApi> {
  const api = testApi();
  const body = {
    FunctionName: "hello",
    Runtime: "provided.al2023",
    Handler: "bootstrap",
    Role: `arn:aws:iam::${ALICE}:role/r`,
    Code: { ZipFile: "MQ==" },
    Publish: true,
  };
  assert.equal((await api.send("POST", "/2015-03-31/functions", { body })).status, 201);
  const alias = { Name: "live", FunctionVersion: "1" };
  await api.send("POST", `${FUNCTION}/aliases`, { body: alias });
  return api;
}

function allow(api: TestApi, more: Record<string, unknown> = {}, query = ""): Promise<Answer> {
  return api.send("POST", `${FUNCTION}/policy${query}`, { body: { ...PERMISSION, ...more } });
}

test("AddPermission: renders the statement as AWS does", async () => {
  const api = await withFunction();
  const plain = await allow(api);
  assert.equal(plain.status, 201);
  assert.equal(
    plain.json.Statement,
    `{"Sid":"bob","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::${BOB}:root"},` +
      `"Action":"lambda:InvokeFunction","Resource":"${ARN}"}`,
  );
  const service = await allow(api, {
    StatementId: "s3",
    Principal: "s3.amazonaws.com",
    SourceArn: "arn:aws:s3:::bucket/*",
    SourceAccount: ALICE,
  });
  assert.equal(
    service.json.Statement,
    '{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},' +
      `"Action":"lambda:InvokeFunction","Resource":"${ARN}","Condition":{"StringEquals":` +
      `{"AWS:SourceAccount":"${ALICE}"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket/*"}}}`,
  );
  const url = await allow(api, {
    StatementId: "url",
    Action: "lambda:InvokeFunctionUrl",
    Principal: "*",
    FunctionUrlAuthType: "NONE",
  });
  assert.deepEqual(JSON.parse(url.json.Statement), {
    Sid: "url",
    Effect: "Allow",
    Principal: "*",
    Action: "lambda:InvokeFunctionUrl",
    Resource: ARN,
    Condition: { StringEquals: { "lambda:FunctionUrlAuthType": "NONE" } },
  });
  const { json } = await api.send("GET", `${FUNCTION}/policy`);
  const policy = JSON.parse(json.Policy);
  assert.deepEqual([policy.Version, policy.Id], ["2012-10-17", "default"]);
  assert.deepEqual(
    policy.Statement.map((statement: unknown) => JSON.stringify(statement)),
    [plain, service, url].map(({ json }) => json.Statement),
  );
});

test("AddPermission: bad input gets AWS's errors", async () => {
  const api = await withFunction();
  await allow(api);
  const refused = async (
    more: Record<string, unknown>,
    status: number,
    code: string,
    message: RegExp,
    query = "",
  ): Promise<void> => {
    const answer = await allow(api, { StatementId: "new", ...more }, query);
    assert.deepEqual([answer.status, answer.code], [status, code]);
    assert.match(answer.json.message ?? answer.json.Message, message);
  };
  const invalid = "InvalidParameterValueException";
  await refused(
    { StatementId: "bob" },
    409,
    "ResourceConflictException",
    /^The statement id \(bob\) provided already exists\. Please provide a new statement id, or/,
  );
  await refused({ StatementId: "a b" }, 400, "ValidationException", /'a b' at 'statementId'/);
  await refused({ Action: "s3:Get" }, 400, "ValidationException", /'s3:Get' at 'action'/);
  await refused({ Principal: undefined }, 400, "ValidationException", /null at 'principal'/);
  await refused({ Principal: "bob" }, 400, invalid, /^The provided principal was invalid\./);
  await refused({ SourceAccount: "1" }, 400, "ValidationException", /'1' at 'sourceAccount'/);
  await refused({ PrincipalOrgID: 1 }, 400, "SerializationException", /NUMBER_VALUE/);
  await refused({ FunctionUrlAuthType: "NONE" }, 400, invalid, /only supported for lambda:Invoke/);
  await refused({ RevisionId: "x" }, 412, "PreconditionFailedException", /^The Revision Id prov/);
  const latest = "?Qualifier=%24LATEST";
  await refused({}, 400, invalid, /^We currently do not support adding policies for \$LAT/, latest);
  const notFound = "ResourceNotFoundException";
  await refused({}, 404, notFound, /^Function not found: .*:hello:7$/, "?Qualifier=7");
  await refused({}, 404, notFound, /^Cannot find alias arn: .*:hello:x$/, "?Qualifier=x");
});

test("AddPermission: a policy may have 20 KB", async () => {
  const api = await withFunction();
  const EventSourceToken = "t".repeat(256);
  for (let i = 0; ; i++) {
    const answer = await allow(api, { StatementId: `s${i}`, EventSourceToken });
    if (answer.status === 201) continue;
    assert.deepEqual([answer.status, answer.code], [400, "PolicyLengthExceededException"]);
    assert.match(answer.json.message, /^The final policy size \(2\d{4}\) is bigger than the limit/);
    assert.ok(i > 35);
    return;
  }
});

test("GetPolicy and RemovePermission: revisions, unknown statements, and the empty policy", async () => {
  const api = await withFunction();
  const none = await api.send("GET", `${FUNCTION}/policy`);
  assert.deepEqual(
    [none.status, none.json.Message],
    [404, "The resource you requested does not exist."],
  );
  const remove = (id: string, query = "") => api.send("DELETE", `${FUNCTION}/policy/${id}${query}`);
  assert.match((await remove("bob")).json.Message, /^No policy is associated with the given/);
  const { RevisionId: functionRevision } = (await api.send("GET", `${FUNCTION}/configuration`))
    .json;
  assert.equal((await allow(api, { RevisionId: functionRevision })).status, 201);
  const { RevisionId } = (await api.send("GET", `${FUNCTION}/policy`)).json;
  assert.notEqual(RevisionId, functionRevision);
  assert.match((await remove("eve")).json.Message, /^Statement eve is not found in resource/);
  assert.equal((await remove("b%20b")).code, "ValidationException");
  const stale = await remove("bob", `?RevisionId=${functionRevision}`);
  assert.deepEqual([stale.status, stale.code], [412, "PreconditionFailedException"]);
  assert.equal((await remove("bob", `?RevisionId=${RevisionId}`)).status, 204);
  assert.equal((await api.send("GET", `${FUNCTION}/policy`)).status, 404);
  const missing = await api.send("GET", "/2015-03-31/functions/nobody/policy");
  assert.match(missing.json.Message, /^Function not found: /);
});

test("PutResourcePolicy: replaces the policy and gives it back", async () => {
  const api = await withFunction();
  await allow(api);
  const document = {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: BOB }, Action: "lambda:*", Resource: ARN },
      { Effect: "Deny", Principal: "*", Action: "lambda:DeleteFunction", Resource: "*" },
    ],
  };
  const put = (Policy: unknown, more = {}) =>
    api.send("PUT", BY_ARN, { body: { Policy: JSON.stringify(Policy), ...more } });
  const answer = await put(document);
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.json.Policy), document);
  assert.deepEqual((await api.send("GET", BY_ARN)).json, answer.json);
  assert.equal((await api.send("GET", FOREIGN, { owner: BOB })).status, 200);
  assert.equal((await api.send("DELETE", FOREIGN, { owner: BOB })).status, 403);
  assert.equal((await put(document, { RevisionId: "old" })).status, 412);
  assert.equal((await api.send("DELETE", `${BY_ARN}?RevisionId=old`)).status, 412);
  assert.equal((await api.send("DELETE", BY_ARN)).status, 204);
  assert.equal((await api.send("DELETE", BY_ARN)).status, 404);
  assert.equal((await api.send("GET", BY_ARN)).status, 404);
});

test("PutResourcePolicy: documents and names that are none are refused", async () => {
  const api = await withFunction();
  const statement = { Effect: "Allow", Principal: "*", Action: "*", Resource: ARN };
  const refused = async (Policy: unknown, message: RegExp): Promise<void> => {
    const text = typeof Policy === "string" ? Policy : JSON.stringify(Policy);
    const answer = await api.send("PUT", BY_ARN, { body: { Policy: text } });
    assert.deepEqual([answer.status, answer.code], [400, "InvalidParameterValueException"]);
    assert.match(answer.json.message, message);
  };
  await refused("{", /not valid JSON/);
  await refused([], /must be a JSON object/);
  await refused({ Statement: [] }, /must not be empty/);
  await refused({ Version: "2020-01-01", Statement: statement }, /Version must be/);
  await refused({ Statement: { ...statement, Effect: "Maybe" } }, /Effect must be/);
  await refused({ Statement: { ...statement, Principal: undefined } }, /Principal must be/);
  await refused({ Statement: { ...statement, NotAction: "*" } }, /NotAction is not offered/);
  await refused({ Statement: { ...statement, Action: [] } }, /Action must be/);
  await refused({ Statement: { ...statement, Condition: { Bool: { a: 1 } } } }, /Condition must/);
  await refused(
    {
      Statement: [
        { Sid: "a", ...statement },
        { Sid: "a", ...statement },
      ],
    },
    /unique/,
  );
  const large = { Statement: { ...statement, Resource: "r".repeat(50_000) } };
  const body = { Policy: JSON.stringify(large) };
  assert.equal((await api.send("PUT", BY_ARN, { body })).code, "PolicyLengthExceededException");
  const bare = await api.send("GET", "/2026-07-09/resource-policy/hello");
  assert.deepEqual([bare.status, bare.code], [400, "ValidationException"]);
  const untyped = await api.send("PUT", BY_ARN, { body: { Policy: {} } });
  assert.equal(untyped.code, "SerializationException");
});

test("OWN-4: another account is refused, allowed as far as a policy says, refused again", async () => {
  const api = await withFunction();
  const call = (method: string, path: string): Promise<Answer> =>
    api.send(method, `${FOREIGN}${path}`, {
      owner: BOB,
      ...(method === "POST" ? { body: {} } : {}),
    });
  const before = await call("POST", "/invocations");
  const unknown = await api.send("POST", `${FOREIGN}x/invocations`, { owner: BOB });
  assert.deepEqual([before.status, before.code], [403, "AccessDeniedException"]);
  assert.equal(unknown.text.replaceAll("hellox", "hello"), before.text);
  await allow(api);
  assert.equal((await call("POST", "/invocations")).status, 200);
  assert.equal(api.invoker.requests.at(-1)?.owner, ALICE);
  assert.equal((await call("GET", "")).status, 403, "another action");
  assert.equal((await call("POST", "%3Alive/invocations")).status, 403, "another qualifier");
  assert.equal((await call("POST", "/invocations?Qualifier=1")).status, 403);
  await api.send("DELETE", `${FUNCTION}/policy/bob`);
  assert.equal((await call("POST", "/invocations")).status, 403);
});

test("OWN-4: DryRun tells whether a call would be permitted", async () => {
  const api = await withFunction();
  const dryRun = () =>
    api.send("POST", `${FOREIGN}/invocations`, {
      owner: BOB,
      headers: { "x-amz-invocation-type": "DryRun" },
    });
  assert.equal((await dryRun()).status, 403);
  await allow(api);
  assert.equal((await dryRun()).status, 204);
});

test("OWN-4: what the policy of an alias allows opens that alias and nothing else", async () => {
  const api = await withFunction();
  await allow(api, { Action: "lambda:*" }, "?Qualifier=live");
  const send = (method: string, path: string, body?: unknown) =>
    api.send(method, `${FOREIGN}${path}`, { owner: BOB, body });
  assert.equal((await send("POST", "%3Alive/invocations")).status, 200);
  assert.equal((await send("POST", "/invocations?Qualifier=live")).status, 200);
  assert.equal((await send("GET", "/configuration?Qualifier=live")).status, 200);
  assert.equal((await send("POST", "/invocations")).status, 403);
  assert.equal((await send("POST", "%3A1/invocations")).status, 403);
  // These work on the whole function, whatever the qualifier.
  for (const path of ["/code?Qualifier=live", "%3Alive/code"]) {
    assert.equal((await send("PUT", path, { ZipFile: "Mg==" })).status, 403);
  }
  assert.equal((await send("GET", "%3Alive/aliases")).status, 403);
  await api.send("DELETE", `${FUNCTION}/aliases/live`);
  assert.equal((await send("POST", "%3Alive/invocations")).status, 403);
  const alias = { Name: "live", FunctionVersion: "1" };
  await api.send("POST", `${FUNCTION}/aliases`, { body: alias });
  const reborn = await send("POST", "%3Alive/invocations");
  assert.equal(reborn.status, 403, "a new alias of that name has no policy");
});

test("OWN-4: a function made anew does not inherit the policy of the old one", async () => {
  const api = await withFunction();
  await allow(api);
  await api.send("DELETE", FUNCTION);
  const body = {
    FunctionName: "hello",
    Runtime: "provided.al2023",
    Handler: "bootstrap",
    Role: `arn:aws:iam::${ALICE}:role/r`,
    Code: { ZipFile: "MQ==" },
  };
  await api.send("POST", "/2015-03-31/functions", { body });
  assert.equal((await api.send("POST", `${FOREIGN}/invocations`, { owner: BOB })).status, 403);
});

test("OWN-4: another account cannot give itself permission, nor name functions in bodies", async () => {
  const api = await withFunction();
  const body = PERMISSION;
  assert.equal((await api.send("POST", `${FOREIGN}/policy`, { owner: BOB, body })).status, 403);
  assert.equal((await api.send("GET", `${FOREIGN}/policy`, { owner: BOB })).status, 403);
  await allow(api, { Action: "*" });
  const created = await api.send("POST", "/2015-03-31/functions", {
    owner: BOB,
    body: {
      FunctionName: `${ARN}2`,
      Runtime: "provided.al2023",
      Handler: "b",
      Role: `arn:aws:iam::${BOB}:role/r`,
      Code: { ZipFile: "MQ==" },
    },
  });
  assert.equal(created.status, 403);
});
