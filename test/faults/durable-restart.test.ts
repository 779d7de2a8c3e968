import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  type Event,
  LambdaClient,
  SendDurableExecutionCallbackSuccessCommand,
} from "@aws-sdk/client-lambda";
import {
  callDurable,
  durableFiles,
  endedExecution,
  historyOf,
  historyUntil,
} from "../support/durable-functions.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { HearthServer } from "../support/hearth-process.ts";

interface Running extends AsyncDisposable {
  readonly server: HearthServer;
  readonly lambda: LambdaClient;
}

async function up(data: string): Promise<Running> {
  const words = ["--port", "0", "--data", data, "--warm", "nodejs24.x=1"];
  const server = await HearthServer.start(words);
  const text = await readFile(join(data, "credentials.json"), "utf8");
  const { accessKeyId = "", secretAccessKey = "" } = JSON.parse(text) as Record<string, string>;
  const credentials = { accessKeyId, secretAccessKey };
  const endpoint = await server.url;
  const lambda = new LambdaClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
  return {
    server,
    lambda,
    async [Symbol.asyncDispose]() {
      lambda.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function kill({ server, lambda }: Running): Promise<void> {
  lambda.destroy();
  server.signal("SIGKILL");
  await server.exited;
}

function succeeded(events: readonly Event[], name: string): Event[] {
  return events.filter(({ EventType, Name }) => EventType === "StepSucceeded" && Name === name);
}

const BODY = `
  const { randomUUID } = require("node:crypto");
  const first = await context.step("first", async () => randomUUID());
  const [answer, doubled] = await context.promise.all([
    context.waitForCallback("approval", async () => {}),
    context.invoke("chained", "slow-double", { n: 4 }),
    context.wait("nap", { seconds: 1 }),
  ]);
  const second = await context.step("second", async () => {
    if (event.slow) await new Promise((resolve) => setTimeout(resolve, 1000));
    return randomUUID();
  });
  return { first, answer, doubled, second };
`;

test("DUR-4: kill -9 loses no step, wait, callback or chained call of a durable execution", async () => {
  const data = await mkdtemp(join(tmpdir(), "hearth-durable-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(data, { recursive: true }) };
  const first = await up(data);
  const more = { Timeout: 30, DurableConfig: { ExecutionTimeout: 300 } };
  await deploy(first.lambda, { name: "flow", files: await durableFiles(BODY), more });
  const slow = "await new Promise((r) => setTimeout(r, 500)); return event.n * 2;";
  await deploy(first.lambda, { name: "slow-double", files: handlerFile(slow) });
  const call = { type: "Event", event: { slow: true }, name: "flow-1" } as const;
  const { arn } = await callDurable(first.lambda, "flow", call);

  // While it waits for everything at once.
  const before = await historyUntil(
    first.lambda,
    arn,
    (all) =>
      succeeded(all, "first").length === 1 &&
      all.some(({ EventType }) => EventType === "CallbackStarted") &&
      all.some(({ EventType }) => EventType === "ChainedInvokeStarted"),
  );
  await kill(first);
  const second = await up(data);
  const started = before.find(({ EventType }) => EventType === "CallbackStarted");
  const CallbackId = started?.CallbackStartedDetails?.CallbackId;
  const Result = Buffer.from("approved");
  await second.lambda.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result }));

  // In the middle of a step.
  await historyUntil(second.lambda, arn, (all) =>
    all.some(({ EventType, Name }) => EventType === "StepStarted" && Name === "second"),
  );
  await kill(second);
  await using third = await up(data);
  const ended = await endedExecution(third.lambda, arn);
  const events = await historyOf(third.lambda, arn);
  assert.equal(ended.Status, "SUCCEEDED", JSON.stringify(ended.Error));
  const result = JSON.parse(ended.Result ?? "{}");
  assert.deepEqual([result.answer, result.doubled], ["approved", 8]);
  const [once, ...again] = succeeded(events, "first");
  assert.equal(again.length, 0, "what had finished is not run again");
  assert.equal(once?.StepSucceededDetails?.Result?.Payload, JSON.stringify(result.first));
  assert.equal(succeeded(events, "second").length, 1);
  assert.deepEqual(
    events.map(({ EventId }) => EventId),
    events.map((_, index) => index + 1),
    "the history has no gaps",
  );
  const repeated = await callDurable(third.lambda, "flow", call);
  assert.equal(repeated.arn, arn, "and the name still stands for it");
});
