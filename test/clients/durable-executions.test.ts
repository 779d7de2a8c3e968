import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  DurableExecutionAlreadyStartedException,
  GetDurableExecutionCommand,
  InvalidParameterValueException,
  type LambdaClient,
  ListDurableExecutionsByFunctionCommand,
  PublishVersionCommand,
  SendDurableExecutionCallbackFailureCommand,
  SendDurableExecutionCallbackHeartbeatCommand,
  SendDurableExecutionCallbackSuccessCommand,
  StopDurableExecutionCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import {
  callDurable,
  durableFiles,
  endedExecution,
  historyOf,
  historyUntil,
  typesOf,
} from "../support/durable-functions.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth, zipOf } from "../support/hearth.ts";

let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});

after(async () => {
  lambda.destroy();
  await hearth[Symbol.asyncDispose]();
});

async function deployDurable(name: string, body: string, ExecutionTimeout = 60): Promise<void> {
  const files = await durableFiles(body);
  const more = { Timeout: 30, MemorySize: 256, DurableConfig: { ExecutionTimeout } };
  await deploy(lambda, { name, files, more });
}

/** The callback that the execution waits for. */
async function callbackIdOf(arn: string): Promise<string> {
  const events = await historyUntil(lambda, arn, (all) => typesOf(all).includes("CallbackStarted"));
  const started = events.find(({ EventType }) => EventType === "CallbackStarted");
  return started?.CallbackStartedDetails?.CallbackId ?? "";
}

test("a durable function: steps run once, a wait suspends, the result comes back", async () => {
  await deployDurable(
    "steps",
    `
    const first = await context.step("first", async () => ({ at: event.n + 1, pid: process.pid }));
    await context.wait("nap", { seconds: 1 });
    const second = await context.step("second", async () => first.at * 2);
    return { first: first.at, second };
    `,
  );
  const answer = await callDurable(lambda, "steps", { event: { n: 1 } });
  assert.deepEqual([answer.status, answer.functionError], [200, undefined], JSON.stringify(answer));
  assert.deepEqual(answer.value, { first: 2, second: 4 });
  assert.match(answer.arn, /:function:steps:\$LATEST\/durable-execution\/[\w-]+\/[\w-]+$/);
  const events = await historyOf(lambda, answer.arn);
  assert.deepEqual(typesOf(events), [
    "ExecutionStarted",
    "StepStarted",
    "StepSucceeded",
    "WaitStarted",
    "InvocationCompleted",
    "WaitSucceeded",
    "StepStarted",
    "StepSucceeded",
    "InvocationCompleted",
    "ExecutionSucceeded",
  ]);
});

test("a durable function: parallel branches, map, child contexts and step retries", async () => {
  await deployDurable(
    "branches",
    `
    const both = await context.parallel("both", [
      async (child) => child.step("a", async () => "a"),
      async (child) => {
        await child.wait({ seconds: 1 });
        return child.step("b", async () => "b");
      },
    ]);
    const squares = await context.map("squares", [1, 2, 3], async (child, n) =>
      child.step(async () => n * n));
    const flaky = await context.step("flaky", async ({ attempt }) => {
      if (attempt < 2) throw new Error("attempt " + attempt);
      return attempt;
    }, { retryStrategy: (_, n) => ({ shouldRetry: n < 3, delay: { seconds: 1 } }) });
    const inner = await context.runInChildContext("inner", async (child) =>
      child.step("deep", async () => "x".repeat(300000)));
    return { both: both.getResults(), squares: squares.getResults(), flaky, deep: inner.length };
    `,
  );
  const { value, arn } = await callDurable(lambda, "branches");
  assert.deepEqual(value, { both: ["a", "b"], squares: [1, 4, 9], flaky: 2, deep: 300_000 });
  const events = await historyOf(lambda, arn);
  const [failed, ...others] = events.filter(({ EventType }) => EventType === "StepFailed");
  assert.equal(others.length, 0);
  assert.deepEqual(
    [failed?.Name, failed?.StepFailedDetails?.RetryDetails],
    ["flaky", { CurrentAttempt: 1, NextAttemptDelaySeconds: 1 }],
  );
  assert.equal(failed?.StepFailedDetails?.Error?.Payload?.ErrorMessage, "attempt 1");
});

test("a durable function: callbacks resume it, keep it alive, fail it and time out", async () => {
  await deployDurable(
    "callbacks",
    `
    try {
      const timeout = { seconds: event.seconds ?? 30 };
      const config = { timeout, heartbeatTimeout: { seconds: 20 } };
      return await context.waitForCallback("approval", async (id) => { console.log(id); }, config);
    } catch (error) {
      return { name: error.name, message: error.message, data: error.cause?.errorData };
    }
    `,
  );
  const start = async (event: object): Promise<string> => {
    const { arn, status } = await callDurable(lambda, "callbacks", { event, type: "Event" });
    assert.equal(status, 202);
    return arn;
  };
  const approved = await start({});
  const CallbackId = await callbackIdOf(approved);
  await lambda.send(new SendDurableExecutionCallbackHeartbeatCommand({ CallbackId }));
  const Result = Buffer.from('{"ok":true}');
  await lambda.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result }));
  assert.equal((await endedExecution(lambda, approved)).Result, JSON.stringify('{"ok":true}'));
  await assert.rejects(
    lambda.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result })),
    { name: "CallbackTimeoutException" },
  );

  const refused = await start({});
  const refusal = { ErrorMessage: "not today", ErrorType: "Refusal" };
  await lambda.send(
    new SendDurableExecutionCallbackFailureCommand({
      CallbackId: await callbackIdOf(refused),
      Error: refusal,
    }),
  );
  const { Result: caught = "{}" } = await endedExecution(lambda, refused);
  assert.equal(JSON.parse(caught).message, "not today");

  const late = await start({ seconds: 1 });
  const ended = await endedExecution(lambda, late);
  assert.match(JSON.parse(ended.Result ?? "{}").message, /timed out/);
  assert.ok(typesOf(await historyOf(lambda, late)).includes("CallbackTimedOut"));
});

test("a durable function: chained invokes of ordinary and durable functions", async () => {
  await deploy(lambda, { name: "double", files: handlerFile("return event.n * 2;") });
  await deploy(lambda, { name: "broken", files: handlerFile("throw new TypeError('no');") });
  await deployDurable(
    "child",
    'await context.wait({ seconds: 1 }); return "child of " + event.parent;',
  );
  await deployDurable(
    "parent",
    `
    const doubled = await context.invoke("ordinary", "double", { n: 21 });
    const child = await context.invoke("durable", "child:$LATEST", { parent: "me" });
    const failures = [];
    for (const target of ["broken", "missing", "child"]) {
      await context.invoke(target, target, {}).catch((error) => failures.push(error.message));
    }
    return { doubled, child, failures };
    `,
  );
  const { value, arn } = await callDurable(lambda, "parent");
  assert.deepEqual([value.doubled, value.child], [42, "child of me"]);
  assert.equal(value.failures[0], "no");
  assert.match(value.failures[1], /Function not found/);
  assert.match(value.failures[2], /unqualified ARN/);
  const types = typesOf(await historyOf(lambda, arn));
  assert.equal(types.filter((type) => type === "ChainedInvokeSucceeded").length, 2);
  assert.equal(types.filter((type) => type === "ChainedInvokeFailed").length, 3);
});

test("a durable function: errors, stop and the execution's own time-out end it", async () => {
  await deployDurable("fails", 'throw new RangeError("too much");');
  const failed = await callDurable(lambda, "fails");
  assert.equal(failed.functionError, "Unhandled");
  assert.deepEqual([failed.value.errorType, failed.value.errorMessage], ["RangeError", "too much"]);
  const described = await endedExecution(lambda, failed.arn);
  assert.deepEqual([described.Status, described.Error?.ErrorType], ["FAILED", "RangeError"]);

  await deployDurable("sleeps", "await context.wait({ seconds: 3600 });", 3600);
  const { arn } = await callDurable(lambda, "sleeps", { type: "Event", name: "nap" });
  await historyUntil(lambda, arn, (all) => typesOf(all).includes("InvocationCompleted"));
  const reason = { ErrorMessage: "enough", ErrorType: "Operator" };
  const stopped = await lambda.send(
    new StopDurableExecutionCommand({ DurableExecutionArn: arn, Error: reason }),
  );
  assert.ok(stopped.StopTimestamp instanceof Date);
  const after = await lambda.send(new GetDurableExecutionCommand({ DurableExecutionArn: arn }));
  assert.deepEqual([after.Status, after.Error, after.Result], ["STOPPED", reason, undefined]);
  assert.equal(after.DurableConfig?.ExecutionTimeout, 3600);
  const again = await lambda.send(new StopDurableExecutionCommand({ DurableExecutionArn: arn }));
  assert.deepEqual(again.StopTimestamp, stopped.StopTimestamp);

  await deployDurable("expires", "await context.wait({ seconds: 50 });", 1);
  const expired = await callDurable(lambda, "expires");
  assert.match(expired.value.errorMessage, /timed out after 1 seconds/);
  assert.equal((await endedExecution(lambda, expired.arn)).Status, "TIMED_OUT");
});

test("a durable function: names make starts idempotent, and calls need a qualifier", async () => {
  await deployDurable("named", 'return context.step(async () => event.n + "/" + process.pid);');
  const first = await callDurable(lambda, "named", { event: { n: 1 }, name: "order-1" });
  const second = await callDurable(lambda, "named", { event: { n: 1 }, name: "order-1" });
  assert.deepEqual([second.arn, second.value], [first.arn, first.value]);
  await assert.rejects(
    callDurable(lambda, "named", { event: { n: 2 }, name: "order-1" }),
    DurableExecutionAlreadyStartedException,
  );
  await assert.rejects(callDurable(lambda, "named", { qualifier: "" }), (error) => {
    assert.ok(error instanceof InvalidParameterValueException);
    return /unqualified ARN/.test(error.message);
  });
  const list = await lambda.send(
    new ListDurableExecutionsByFunctionCommand({
      FunctionName: "named",
      DurableExecutionName: "order-1",
      Statuses: ["SUCCEEDED"],
      StartedAfter: new Date(Date.now() - 60_000),
    }),
  );
  assert.deepEqual(
    list.DurableExecutions?.map(({ DurableExecutionArn, Status }) => [DurableExecutionArn, Status]),
    [[first.arn, "SUCCEEDED"]],
  );
});

test("a durable function: an execution stays with the version it started with", async () => {
  await deployDurable("pinned", 'await context.wait({ seconds: 1 }); return "old";');
  await lambda.send(new PublishVersionCommand({ FunctionName: "pinned" }));
  const running = callDurable(lambda, "pinned", { qualifier: "1" });
  const ZipFile = await zipOf(await durableFiles('return "new";'));
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: "pinned", ZipFile }));
  assert.equal((await running).value, "old");
  assert.equal((await callDurable(lambda, "pinned")).value, "new");
});

test("a durable function: state that outgrows the event is fetched page by page", async () => {
  await deployDurable(
    "large",
    `
    const texts = [];
    for (let n = 0; n < 7; n++) texts.push(await context.step(async () => "x".repeat(1000000)));
    await context.wait({ seconds: 1 });
    return texts.join("").length;
    `,
  );
  assert.equal((await callDurable(lambda, "large")).value, 7_000_000);
});

test("a durable function: another owner sees nothing of it and cannot touch it", async () => {
  const stranger = await hearth.createOwner("durable-stranger");
  const theirs = hearth.lambda(stranger);
  await deployDurable("private", "return context.waitForCallback(async () => {});");
  const { arn } = await callDurable(lambda, "private", { type: "Event", name: "mine" });
  const CallbackId = await callbackIdOf(arn);
  const DurableExecutionArn = arn;
  const denied = { name: "AccessDeniedException" };
  await assert.rejects(
    theirs.send(new GetDurableExecutionCommand({ DurableExecutionArn })),
    denied,
  );
  await assert.rejects(historyOf(theirs, arn), denied);
  await assert.rejects(
    theirs.send(new StopDurableExecutionCommand({ DurableExecutionArn })),
    denied,
  );
  await assert.rejects(
    theirs.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId })),
    { name: "ResourceNotFoundException" },
  );
  const forged = arn.replace(hearth.owner, stranger.owner);
  await assert.rejects(
    theirs.send(new GetDurableExecutionCommand({ DurableExecutionArn: forged })),
    { name: "ResourceNotFoundException" },
  );
  await lambda.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId }));
  assert.equal((await endedExecution(lambda, arn)).Status, "SUCCEEDED");
  theirs.destroy();
});

test("a durable function: a handler without the SDK fails at once and says why", async () => {
  const files = handlerFile("return 1;");
  const more = { DurableConfig: { ExecutionTimeout: 60, RetentionPeriodInDays: 1 } };
  await deploy(lambda, { name: "bare", files, more });
  const { value } = await callDurable(lambda, "bare");
  assert.equal(value.errorMessage, "Invalid Status in invocation output.");
});
