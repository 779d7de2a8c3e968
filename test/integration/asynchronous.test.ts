import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  DeleteFunctionEventInvokeConfigCommand,
  GetFunctionEventInvokeConfigCommand,
  InvokeAsyncCommand,
  InvokeCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  paginateListFunctionEventInvokeConfigs,
  ResourceNotFoundException,
  UpdateFunctionEventInvokeConfigCommand,
} from "@aws-sdk/client-lambda";
import { eventually } from "../support/eventually.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

/** Asynchronous calls through the unchanged SDK. What a function did is read from its log. */

const hearth = await startHearth();
const lambda = hearth.lambda();
const SEEN = "console.log('seen ' + context.awsRequestId + ' ' + JSON.stringify(event));";

after(async () => {
  lambda.destroy();
  await hearth[Symbol.asyncDispose]();
});

async function send(FunctionName: string, event: unknown, Qualifier?: string): Promise<string> {
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName,
      InvocationType: "Event",
      Payload: JSON.stringify(event),
      ...(Qualifier === undefined ? {} : { Qualifier }),
    }),
  );
  assert.equal(answer.StatusCode, 202);
  assert.equal(answer.Payload?.length ?? 0, 0);
  return answer.$metadata.requestId ?? "";
}

/** What the function's `seen` lines say: request ids and events, in order. */
async function seen(name: string): Promise<{ requestId: string; event: never }[]> {
  const { text } = await hearth.admin("GET", `/_hearth/functions/${name}/logs?lines=1000`);
  return [...text.matchAll(/seen ([0-9a-f-]{36}) (.*)$/gm)].map(
    ([, requestId = "", json = ""]) => ({
      requestId,
      event: JSON.parse(json) as never,
    }),
  );
}

test("ASYNC-1: an event is acknowledged at once and runs under the same request id", async () => {
  await deploy(lambda, { name: "later", files: handlerFile(SEEN) });
  const requestId = await send("later", { n: 1 });
  await eventually(async () => {
    assert.deepEqual(await seen("later"), [{ requestId, event: { n: 1 } }]);
  });
  const answer = await lambda.send(
    new InvokeAsyncCommand({ FunctionName: "later", InvokeArgs: '{"n":2}' }),
  );
  assert.equal(answer.Status, 202);
  await eventually(async () => assert.equal((await seen("later")).length, 2));
});

test("ASYNC-3: destinations are called with AWS's record", async () => {
  await deploy(lambda, { name: "record", files: handlerFile(SEEN) });
  const body = "if (event.fail) throw new Error('no'); return { ok: event };";
  await deploy(lambda, { name: "source", files: handlerFile(body) });
  const arn = `arn:aws:lambda:${hearth.region}:${hearth.owner}:function`;
  const Destination = `${arn}:record`;
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: "source",
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnSuccess: { Destination }, OnFailure: { Destination } },
    }),
  );
  const succeeded = await send("source", { n: 1 });
  const failed = await send("source", { fail: true });
  await eventually(async () => assert.equal((await seen("record")).length, 2));
  // biome-ignore lint/suspicious/noExplicitAny: the record is looked into
  const records: any[] = (await seen("record")).map(({ event }) => event);
  const ofCall = (id: string) =>
    records.find(({ requestContext }) => requestContext.requestId === id);
  const { timestamp, ...success } = ofCall(succeeded);
  assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
  assert.deepEqual(success, {
    version: "1.0",
    requestContext: {
      requestId: succeeded,
      functionArn: `${arn}:source:$LATEST`,
      condition: "Success",
      approximateInvokeCount: 1,
    },
    requestPayload: { n: 1 },
    responseContext: { statusCode: 200, executedVersion: "$LATEST" },
    responsePayload: { ok: { n: 1 } },
  });
  const failure = ofCall(failed);
  assert.equal(failure.requestContext.condition, "RetriesExhausted");
  assert.equal(failure.responseContext.functionError, "Unhandled");
  assert.equal(failure.responsePayload.errorMessage, "no");
});

test("ASYNC-3: with a reservation of zero the failure destination hears at once", async () => {
  await deploy(lambda, { name: "zero", files: handlerFile(SEEN) });
  await deploy(lambda, { name: "zero-record", files: handlerFile(SEEN) });
  const FunctionName = "zero";
  await lambda.send(
    new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }),
  );
  const Destination = `arn:aws:lambda:${hearth.region}:${hearth.owner}:function:zero-record`;
  const DestinationConfig = { OnFailure: { Destination } };
  await lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, DestinationConfig }));
  await send(FunctionName, {});
  await eventually(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: the record is looked into
    const [first]: any[] = await seen("zero-record");
    assert.equal(first?.event.requestContext.condition, "ZeroReservedConcurrency");
  });
  assert.deepEqual(await seen("zero"), []);
});

test("ASYNC-4: settings of asynchronous calls from creation to deletion", async () => {
  const FunctionName = "settings";
  await deploy(lambda, { name: FunctionName, files: handlerFile(SEEN), more: { Publish: true } });
  const put = await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      ...{ FunctionName, Qualifier: "1", MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 60 },
    }),
  );
  assert.match(put.FunctionArn ?? "", /:function:settings:1$/);
  assert.ok(Math.abs((put.LastModified?.getTime() ?? 0) - Date.now()) < 60_000);
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 0 }),
  );
  const updated = await lambda.send(
    new UpdateFunctionEventInvokeConfigCommand({
      ...{ FunctionName, Qualifier: "1", MaximumEventAgeInSeconds: 120 },
    }),
  );
  assert.deepEqual([updated.MaximumRetryAttempts, updated.MaximumEventAgeInSeconds], [1, 120]);
  const arns: string[] = [];
  const paging = { client: lambda, pageSize: 1 };
  for await (const page of paginateListFunctionEventInvokeConfigs(paging, { FunctionName })) {
    for (const config of page.FunctionEventInvokeConfigs ?? []) arns.push(config.FunctionArn ?? "");
  }
  assert.deepEqual(
    arns.map((arn) => arn.split(":").at(-1)),
    ["$LATEST", "1"],
  );
  const named = { FunctionName, Qualifier: "1" };
  await lambda.send(new DeleteFunctionEventInvokeConfigCommand(named));
  await assert.rejects(
    lambda.send(new GetFunctionEventInvokeConfigCommand(named)),
    ResourceNotFoundException,
  );
});

test("OWN-1: an owner sends no events to another's function and sees none of its settings", async () => {
  await deploy(lambda, { name: "mine", files: handlerFile(SEEN) });
  const FunctionName = "mine";
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 0 }),
  );
  const theirs = hearth.lambda(await hearth.createOwner("other"));
  const arn = `arn:aws:lambda:${hearth.region}:${hearth.owner}:function:mine`;
  const refused = { name: /ResourceNotFoundException|AccessDeniedException/ };
  for (const name of [FunctionName, arn]) {
    const event = { FunctionName: name, InvocationType: "Event" } as const;
    await assert.rejects(theirs.send(new InvokeCommand(event)), refused);
    const get = new GetFunctionEventInvokeConfigCommand({ FunctionName: name });
    await assert.rejects(theirs.send(get), refused);
  }
  await deploy(theirs, { name: "spy", files: handlerFile(SEEN) });
  const DestinationConfig = { OnFailure: { Destination: arn } };
  const steal = new PutFunctionEventInvokeConfigCommand({ FunctionName: "spy", DestinationConfig });
  await assert.rejects(theirs.send(steal), { message: `The destination ARN ${arn} is invalid.` });
  assert.deepEqual(await seen("mine"), []);
  theirs.destroy();
});
