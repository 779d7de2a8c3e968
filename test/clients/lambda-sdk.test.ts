import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  GetAccountSettingsCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  InvalidParameterValueException,
  InvalidRequestContentException,
  InvokeCommand,
  ListEventSourceMappingsCommand,
  ListTagsCommand,
  PreconditionFailedException,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  paginateListAliases,
  paginateListFunctions,
  paginateListVersionsByFunction,
  RequestTooLargeException,
  ResourceConflictException,
  ResourceNotFoundException,
  TagResourceCommand,
  TooManyRequestsException,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { call, deploy, handlerFile, ROLE } from "../support/functions.ts";
import { startHearth, zipOf } from "../support/hearth.ts";

/** The AWS SDK for JavaScript, unchanged, against a live server. */

const hearth = await startHearth();
const lambda = hearth.lambda();
const ECHO = handlerFile("return event;");

after(async () => {
  lambda.destroy();
  await hearth[Symbol.asyncDispose]();
});

async function collect<T, K extends string>(
  pages: AsyncIterable<{ [key in K]?: T[] | undefined }>,
  key: K,
): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...(page[key] ?? []));
  return all;
}

test("SDK: a function from creation to deletion", async () => {
  const FunctionName = "life";
  await deploy(lambda, { name: FunctionName, files: ECHO, more: { Tags: { stage: "test" } } });
  const answer = await call(lambda, FunctionName, { hello: "wörld" });
  assert.deepEqual([answer.status, answer.value], [200, { hello: "wörld" }]);
  assert.match(answer.headers["x-hearth-start"] ?? "", /^(pool|cold)$/);

  const got = await lambda.send(new GetFunctionCommand({ FunctionName }));
  assert.deepEqual(got.Tags, { stage: "test" });
  const download = await fetch(got.Code?.Location ?? "");
  assert.equal(download.status, 200);
  const zip = Buffer.from(await download.arrayBuffer());
  assert.ok(zip.equals(await zipOf(ECHO)), "Code.Location gives the package back");

  const RevisionId = got.Configuration?.RevisionId;
  const changed = await lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 7, RevisionId }),
  );
  assert.equal(changed.Timeout, 7);
  await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 10 }, { FunctionName });
  const ZipFile = await zipOf(handlerFile("return 'second';"));
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  assert.equal((await call(lambda, FunctionName)).value, "second");
  await assert.rejects(
    lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, RevisionId })),
    PreconditionFailedException,
  );

  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  await assert.rejects(call(lambda, FunctionName), (error: unknown) => {
    assert.ok(error instanceof ResourceNotFoundException);
    const arn = `arn:aws:lambda:${hearth.region}:${hearth.owner}:function:life`;
    assert.equal(error.message, `Function not found: ${arn}`);
    assert.equal(error.Type, "User");
    return true;
  });
});

test("SDK: versions and aliases", async () => {
  const FunctionName = "versioned";
  await deploy(lambda, { name: FunctionName, files: handlerFile("return 1;") });
  const first = await lambda.send(new PublishVersionCommand({ FunctionName, Description: "1st" }));
  assert.equal(first.Version, "1");
  await waitUntilPublishedVersionActive(
    { client: lambda, maxWaitTime: 10 },
    { FunctionName, Qualifier: "1" },
  );
  const ZipFile = await zipOf(handlerFile("return 2;"));
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, Publish: true }));
  await lambda.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  assert.equal((await call(lambda, FunctionName, {}, "live")).value, 1);
  const alias = await lambda.send(
    new UpdateAliasCommand({
      FunctionName,
      Name: "live",
      FunctionVersion: "2",
      RoutingConfig: { AdditionalVersionWeights: { 1: 0.1 } },
    }),
  );
  assert.deepEqual(alias.RoutingConfig?.AdditionalVersionWeights, { 1: 0.1 });
  await lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", RoutingConfig: {} }));
  assert.equal((await call(lambda, `${FunctionName}:live`)).value, 2);
  const executed = await lambda.send(new InvokeCommand({ FunctionName, Qualifier: "live" }));
  assert.equal(executed.ExecutedVersion, "2");
  await assert.rejects(
    lambda.send(new DeleteFunctionCommand({ FunctionName, Qualifier: "2" })),
    ResourceConflictException,
  );
  const versions = await collect(
    paginateListVersionsByFunction({ client: lambda, pageSize: 1 }, { FunctionName }),
    "Versions",
  );
  assert.deepEqual(
    versions.map(({ Version }) => Version),
    ["$LATEST", "1", "2"],
  );
  const aliases = await collect(
    paginateListAliases({ client: lambda }, { FunctionName }),
    "Aliases",
  );
  assert.equal(aliases.length, 1);
  await lambda.send(new DeleteAliasCommand({ FunctionName, Name: "live" }));
  await assert.rejects(
    lambda.send(new GetAliasCommand({ FunctionName, Name: "live" })),
    ResourceNotFoundException,
  );
});

test("SDK: lists, tags, concurrency and account settings", async () => {
  const names = ["list-a", "list-b", "list-c"];
  for (const name of names) await deploy(lambda, { name, files: ECHO });
  const listed = await collect(
    paginateListFunctions({ client: lambda, pageSize: 2 }, {}),
    "Functions",
  );
  const found = listed.map(({ FunctionName }) => FunctionName);
  for (const name of names) assert.ok(found.includes(name), name);

  const FunctionName = "list-a";
  const Resource = listed.find((listing) => listing.FunctionName === FunctionName)?.FunctionArn;
  await lambda.send(new TagResourceCommand({ Resource, Tags: { a: "1", "b c": "2" } }));
  await lambda.send(new UntagResourceCommand({ Resource, TagKeys: ["a"] }));
  assert.deepEqual((await lambda.send(new ListTagsCommand({ Resource }))).Tags, { "b c": "2" });

  const ReservedConcurrentExecutions = 0;
  await lambda.send(
    new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions }),
  );
  const reserved = await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }));
  assert.equal(reserved.ReservedConcurrentExecutions, 0);
  await assert.rejects(call(lambda, FunctionName), (error: unknown) => {
    assert.ok(error instanceof TooManyRequestsException);
    assert.equal(error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
    assert.match(error.retryAfterSeconds ?? "", /^\d+$/);
    return true;
  });
  await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  assert.equal((await call(lambda, FunctionName, 1)).value, 1);
  const settings = await lambda.send(new GetAccountSettingsCommand({}));
  assert.equal(settings.AccountLimit?.UnreservedConcurrentExecutions, 1000);
  assert.ok((settings.AccountUsage?.FunctionCount ?? 0) >= names.length);
});

test("SDK: refusals arrive as the SDK's own exceptions", async () => {
  const FunctionName = "refusals";
  await deploy(lambda, { name: FunctionName, files: ECHO });
  await assert.rejects(deploy(lambda, { name: FunctionName, files: ECHO }), (error: unknown) => {
    assert.ok(error instanceof ResourceConflictException);
    assert.equal(error.message, "Function already exist: refusals");
    return true;
  });
  await assert.rejects(
    lambda.send(
      new CreateFunctionCommand({
        FunctionName: "s3",
        Runtime: "nodejs24.x",
        Handler: "index.handler",
        Role: ROLE,
        Code: { S3Bucket: "bucket", S3Key: "key" },
      }),
    ),
    InvalidParameterValueException,
  );
  await assert.rejects(
    lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, MemorySize: 1 })),
    { name: "ValidationException", message: /at 'memorySize' failed to satisfy constraint/ },
  );
  const invoke = (more: object): Promise<unknown> =>
    lambda.send(new InvokeCommand({ FunctionName, ...more }));
  await assert.rejects(invoke({ Payload: Buffer.from("{") }), InvalidRequestContentException);
  const tooLarge = Buffer.alloc(6 * 1024 * 1024 + 1, "1");
  await assert.rejects(invoke({ Payload: tooLarge }), RequestTooLargeException);
  const tooLargeEvent = {
    InvocationType: "Event",
    Payload: tooLarge.subarray(5 * 1024 * 1024 - 1),
  };
  await assert.rejects(invoke(tooLargeEvent), {
    name: "RequestEntityTooLargeException",
    message:
      "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
  });
  const mappings = await lambda.send(new ListEventSourceMappingsCommand({}));
  assert.deepEqual(mappings.EventSourceMappings, []);
  const dry = await lambda.send(new InvokeCommand({ FunctionName, InvocationType: "DryRun" }));
  assert.equal(dry.StatusCode, 204);
});

test("SDK: STS says who the caller is, and names by ARN work", async () => {
  const { credentials, region, url } = hearth;
  const sts = new STSClient({ endpoint: url, region, credentials, maxAttempts: 1 });
  const identity = await sts.send(new GetCallerIdentityCommand({}));
  sts.destroy();
  assert.equal(identity.Account, hearth.owner);
  await deploy(lambda, { name: "by-arn", files: ECHO });
  const arn = `arn:aws:lambda:${region}:${identity.Account}:function:by-arn`;
  for (const FunctionName of [arn, `${identity.Account}:function:by-arn`, `${arn}:$LATEST`]) {
    const got = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    assert.equal(got.FunctionName, "by-arn");
  }
});
