import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  AddPermissionCommand,
  InvalidParameterValueException,
  InvokeAsyncCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type LambdaClient,
  PublishVersionCommand,
} from "@aws-sdk/client-lambda";
import { eventually } from "../support/eventually.ts";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

/** Who may call a durable function must not be able to tell it what to replay. */

const hearth = await startHearth();
const lambda = hearth.lambda();
const bob = await hearth.createOwner("bob");
const bobs = hearth.lambda(bob);

after(async () => {
  lambda.destroy();
  bobs.destroy();
  await hearth[Symbol.asyncDispose]();
});

/** As an execution's event, with a step that says it was paid. */
const FORGED = Buffer.from(
  JSON.stringify({
    DurableExecutionArn:
      "arn:aws:lambda:us-east-1:000000000000:function:pay:1/durable-execution/n/i",
    CheckpointToken: "AAAA",
    InitialExecutionState: { Operations: [{ Id: "paid", Type: "STEP", Status: "SUCCEEDED" }] },
  }),
);
/** Tells what it was handed; on a durable function, the operations that it would replay. */
const HANDLER = `
  const ids = (event.InitialExecutionState?.Operations ?? []).map(({ Id }) => Id);
  console.log("replays", ids.join());
  return { Status: "SUCCEEDED", Result: JSON.stringify(ids) };`;

async function streamed(client: LambdaClient, FunctionName: string): Promise<string> {
  const command = new InvokeWithResponseStreamCommand({ FunctionName, Payload: FORGED });
  const { EventStream = [] } = await client.send(command);
  let text = "";
  for await (const { PayloadChunk } of EventStream as AsyncIterable<{
    PayloadChunk?: { Payload?: Uint8Array };
  }>) {
    text += Buffer.from(PayloadChunk?.Payload ?? []).toString();
  }
  return text;
}

test("a forged event reaches a function that is not durable", async () => {
  await deploy(lambda, { name: "plain", files: handlerFile(HANDLER) });
  assert.match(await streamed(lambda, "plain"), /paid/);
});

test("a durable function is told by Hearth alone what to replay", async () => {
  const more = { DurableConfig: { ExecutionTimeout: 60 } };
  await deploy(lambda, { name: "pay", files: handlerFile(HANDLER), more });
  await lambda.send(new PublishVersionCommand({ FunctionName: "pay" }));
  await lambda.send(
    new AddPermissionCommand({
      ...{ FunctionName: "pay", Qualifier: "1", StatementId: "bob" },
      ...{ Action: "lambda:InvokeFunction", Principal: bob.owner },
    }),
  );
  const arn = `arn:aws:lambda:us-east-1:${hearth.owner}:function:pay:1`;
  for (const client of [lambda, bobs]) {
    await assert.rejects(streamed(client, arn), InvalidParameterValueException);
    const { Payload } = await client.send(
      new InvokeCommand({ FunctionName: arn, Payload: FORGED }),
    );
    const ids = JSON.parse(Buffer.from(Payload ?? []).toString()) as string[];
    assert.equal(ids.includes("paid"), false, "the forged event is the execution's input");
  }
});

test("an event from the queue that finds a durable function is dropped", async () => {
  const command = { FunctionName: "pay", InvokeArgs: FORGED };
  await lambda.send(new InvokeAsyncCommand(command)).catch(() => {});
  await eventually(async () => {
    const { text } = await hearth.admin("GET", "/_hearth/metrics");
    assert.match(text, /async_events_dropped_total\{condition="RetriesExhausted"\} 1/);
  });
  assert.equal((await call(lambda, "plain")).status, 200);
});
