import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  DeleteFunctionCommand,
  GetFunctionCommand,
  ListFunctionsCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import { call, deploy, handlerFile } from "../support/functions.ts";
import {
  startHearth,
  type TestCredentials,
  type TestHearth,
  type TestOwner,
  zipOf,
} from "../support/hearth.ts";

let hearth: TestHearth;
let other: TestOwner;

before(async () => {
  hearth = await startHearth();
  other = await hearth.createOwner("other");
  await deploy(hearth.lambda(), { name: "private", files: handlerFile("return 'mine';") });
});
after(() => hearth[Symbol.asyncDispose]());

test("OWN-1: an owner cannot name, call, read, change or list another's function", async () => {
  const mine = hearth.lambda();
  const theirs = hearth.lambda(other);
  const arn = `arn:aws:lambda:us-east-1:${hearth.owner}:function:private`;
  assert.equal((await call(mine, arn)).value, "mine", "the owner itself can");
  for (const name of ["private", arn, `${hearth.owner}:function:private`]) {
    const refused = { name: /ResourceNotFoundException|AccessDeniedException/ };
    await assert.rejects(call(theirs, name), refused);
    await assert.rejects(theirs.send(new GetFunctionCommand({ FunctionName: name })), refused);
    await assert.rejects(theirs.send(new DeleteFunctionCommand({ FunctionName: name })), refused);
    const ZipFile = await zipOf(handlerFile("return 'theirs';"));
    const update = new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile });
    await assert.rejects(theirs.send(update), refused);
  }
  assert.deepEqual((await theirs.send(new ListFunctionsCommand({}))).Functions, []);
});

test("OWN-2: an owner sees neither the calls, the logs, the environments nor the accounts of others", async () => {
  const { requestId } = await call(hearth.lambda(), "private");
  const paths = [
    `/_hearth/invocations/${requestId}`,
    "/_hearth/functions/private/logs",
    "/_hearth/accounts",
  ];
  for (const path of paths) {
    assert.equal((await hearth.admin("GET", path)).status, 200);
    assert.match(
      String((await hearth.admin("GET", path, { credentials: other })).status),
      /^40[34]$/,
    );
  }
  const { json } = await hearth.admin("GET", "/_hearth/environments", { credentials: other });
  assert.deepEqual((json as { environments: unknown[] }).environments, []);
});

test("OWN-3: a function's own keys open its owner's functions and nobody else's", async () => {
  const theirs = hearth.lambda(other);
  await deploy(theirs, {
    name: "keys",
    files: handlerFile(
      "const e = process.env; return { accessKeyId: e.AWS_ACCESS_KEY_ID, secretAccessKey: e.AWS_SECRET_ACCESS_KEY, sessionToken: e.AWS_SESSION_TOKEN };",
    ),
  });
  const { value } = await call(theirs, "keys");
  const inside = hearth.lambda(value as TestCredentials);
  assert.deepEqual(
    (await inside.send(new ListFunctionsCommand({}))).Functions?.map((f) => f.FunctionName),
    ["keys"],
  );
  const forged = hearth.lambda({ ...value, sessionToken: `${value.sessionToken}x` });
  await assert.rejects(forged.send(new ListFunctionsCommand({})), /security token|signature/i);
});
