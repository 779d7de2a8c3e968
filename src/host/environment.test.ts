import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, settled } from "../base/testing.ts";
import type { SandboxExit } from "../sandbox/mod.ts";
import { plainBootKey } from "./boot-key.ts";
import type { LogPart } from "./call-log.ts";
import type { InitialiseRequest, InitialiseResult } from "./channel.ts";
import type { CompanionCall, Companions, ShutdownReason } from "./companions.ts";
import { Environment, type EnvironmentCall, type EnvironmentRun } from "./environment.ts";
import { failedOutcome } from "./outcome.ts";
import type { PlatformEvent } from "./platform-events.ts";
import { ScriptedChannel, ScriptedMachine, ScriptedSandbox, testVersion } from "./testing.ts";

const INITIALISE: InitialiseRequest = {
  handler: "index.handler",
  environment: {},
  functionName: "f",
  functionVersion: "$LATEST",
  memoryMiB: 128,
  logGroup: "",
  logStream: "",
  logFormat: "Text",
};

const CALL: EnvironmentCall = {
  requestId: "request-1",
  functionArn: "arn",
  traceId: "Root=1",
  payload: Buffer.from("{}"),
  start: "cold",
  initInsideCall: false,
};

function newEnvironment(
  channel: ScriptedChannel = new ScriptedChannel(),
  companions?: Companions,
): {
  environment: Environment;
  channel: ScriptedChannel;
  sandbox: ScriptedSandbox;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  const sandbox = new ScriptedSandbox("environment-1");
  const instance = new ScriptedMachine(clock).createInstance();
  const key = plainBootKey("nodejs24.x");
  const environment = new Environment("e", instance, key, sandbox, channel, clock);
  if (companions !== undefined) environment.join(companions);
  environment.assign(testVersion(), INITIALISE);
  return { environment, channel, sandbox, clock };
}

function logOf(run: EnvironmentRun): string {
  return run.report.log.toString();
}

/** A runtime that says when initialisation ends, and how. */
class SlowInitChannel extends ScriptedChannel {
  readonly initialised: PromiseWithResolvers<InitialiseResult> = Promise.withResolvers();
  override initialise(): Promise<{ ok: true }> {
    return this.initialised.promise as Promise<{ ok: true }>;
  }
}

test("Environment: a call's log is START, output, END and REPORT", async () => {
  const { environment, channel } = newEnvironment();
  channel.autoAnswer = undefined;
  const running = environment.run(CALL);
  environment.writeOutput(Buffer.from("hello"));
  channel.calls[0]?.answer({ status: "succeeded", payload: Buffer.from("1") });
  const run = await running;
  assert.match(
    logOf(run),
    /^START RequestId: request-1 Version: \$LATEST\nhello\nEND RequestId: request-1\nREPORT RequestId: request-1\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n$/,
  );
  assert.equal(environment.state, "idle");
  assert.doesNotMatch(logOf(await finishWarm(environment, channel)), /Init Duration/);
});

async function finishWarm(
  environment: Environment,
  channel: ScriptedChannel,
): Promise<EnvironmentRun> {
  const running = environment.run({ ...CALL, start: "warm" });
  channel.calls.at(-1)?.answer({ status: "succeeded", payload: Buffer.from("2") });
  return await running;
}

test("Environment: a call that exceeds its time is killed and says so", async () => {
  const { environment, channel, sandbox, clock } = newEnvironment();
  channel.autoAnswer = undefined;
  const running = environment.run(CALL);
  await clock.advance(2999);
  assert.equal(sandbox.isKilled, false);
  await clock.advance(1);
  const run = await running;
  assert.equal(run.outcome.status, "failed");
  assert.deepEqual(JSON.parse(run.outcome.payload.toString()), {
    errorType: "Sandbox.Timedout",
    errorMessage: "RequestId: request-1 Error: Task timed out after 3.00 seconds",
  });
  assert.match(logOf(run), /request-1 Task timed out after 3\.00 seconds\n/);
  assert.match(logOf(run), /Status: timeout\t\n$/);
  assert.equal(environment.state, "ended");
});

test("Environment: a process that ends inside a call gives Runtime.ExitError with its status", async () => {
  const { environment, channel, sandbox, clock } = newEnvironment();
  channel.autoAnswer = undefined;
  const running = environment.run(CALL);
  await settled();
  sandbox.exit({ code: 3, signal: null, outOfMemory: false });
  channel.close();
  await clock.advance(0);
  const { outcome } = await running;
  assert.deepEqual(JSON.parse(outcome.payload.toString()), {
    errorType: "Runtime.ExitError",
    errorMessage: "RequestId: request-1 Error: Runtime exited with error: exit status 3",
  });
});

test("Environment: a process killed for memory gives Runtime.OutOfMemory", async () => {
  const { environment, channel, sandbox } = newEnvironment();
  channel.autoAnswer = undefined;
  const running = environment.run(CALL);
  await settled();
  sandbox.exit({ code: null, signal: "SIGKILL", outOfMemory: true });
  channel.close();
  const { outcome } = await running;
  assert.equal(outcome.status === "failed" && outcome.errorType, "Runtime.OutOfMemory");
});

test("Environment: a failed initialisation is the outcome of the call that waited for it", async () => {
  const channel = new SlowInitChannel();
  channel.autoAnswer = undefined;
  const { environment, sandbox } = newEnvironment(channel);
  const running = environment.run(CALL);
  const outcome = failedOutcome("Runtime.ImportModuleError", "Cannot find module 'index'");
  channel.initialised.resolve({ ok: false, outcome });
  const run = await running;
  assert.equal(run.outcome, outcome);
  assert.equal(environment.state, "ended");
  assert.equal(sandbox.isKilled, true);
  assert.match(logOf(run), /Status: error\tError Type: Runtime\.ImportModuleError\t\n$/);
});

test("Environment: initialisation has 10 s of its own, which the call does not pay", async () => {
  const channel = new SlowInitChannel();
  const { environment, clock } = newEnvironment(channel);
  const answered = channel.invoke.bind(channel);
  channel.invoke = async (call) => {
    await channel.initialised.promise;
    return await answered(call);
  };
  const running = environment.run(CALL);
  await clock.advance(9000);
  channel.initialised.resolve({ ok: true });
  const run = await running;
  assert.equal(run.outcome.status, "succeeded");
  assert.equal(run.report.initDurationMs, 9000);
  assert.equal(run.report.durationMs, 0);
});

test("Environment: initialisation beyond 10 s gives the call back for another try", async () => {
  const channel = new SlowInitChannel();
  channel.invoke = async () => {
    await channel.initialised.promise;
    throw new Error("Channel closed");
  };
  const { environment, clock } = newEnvironment(channel);
  const running = environment.run(CALL);
  await clock.advance(10_000);
  channel.initialised.reject(new Error("killed"));
  const run = await running;
  assert.equal(run.initTimedOut, true);
  assert.equal(environment.state, "ended");
});

test("Environment: output beyond the bound of a call is dropped and counted", async () => {
  const { environment, channel } = newEnvironment();
  channel.autoAnswer = undefined;
  const running = environment.run(CALL);
  for (let i = 0; i < 20; i++) environment.writeOutput(Buffer.alloc(100 * 1024, "x"));
  channel.calls[0]?.answer({ status: "succeeded", payload: Buffer.from("1") });
  const run = await running;
  assert.ok(run.report.log.length < 1024 * 1024 + 2048);
  assert.match(logOf(run).slice(-400), /\d{6} bytes of output dropped/);
});

test("Environment: only an idle environment is frozen, and a call thaws it", async () => {
  const { environment, sandbox } = newEnvironment();
  await environment.run(CALL);
  environment.freeze();
  assert.equal(sandbox.isFrozen, true);
  await environment.run({ ...CALL, start: "warm" });
  assert.equal(sandbox.isFrozen, false);
});

/** Companions that do what a test says, and remember what they were told. */
class ScriptedCompanions implements Companions {
  readonly told: string[] = [];
  readonly started: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly readied: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly ended: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly runtimeExited: Promise<SandboxExit> = new Promise(() => {});
  settling: PromiseWithResolvers<void> | undefined;

  start(): Promise<void> {
    return this.started.promise;
  }
  ready(): Promise<void> {
    return this.readied.promise;
  }
  invoke(call: CompanionCall): void {
    this.told.push(`invoke ${call.requestId}`);
  }
  settled(): Promise<void> | undefined {
    return this.settling?.promise;
  }
  shutdown(reason: ShutdownReason): Promise<void> {
    this.told.push(`shutdown ${reason}`);
    for (const waiting of [this.started, this.readied]) waiting.reject(new Error("Ends"));
    this.settling?.resolve();
    return this.ended.promise;
  }
  observe({ type }: PlatformEvent): void {
    this.told.push(type);
  }
  observeLog({ source, bytes }: LogPart): void {
    if (source === "function") this.told.push(bytes.toString());
  }
}

function accompanied(): ReturnType<typeof newEnvironment> & { companions: ScriptedCompanions } {
  const companions = new ScriptedCompanions();
  for (const { promise } of [companions.started, companions.readied]) promise.catch(() => {});
  return { ...newEnvironment(new ScriptedChannel(), companions), companions };
}

test("Environment: companions start first, and a call begins when all are ready", async () => {
  const { environment, channel, companions } = accompanied();
  const running = environment.run(CALL);
  companions.started.resolve();
  await settled();
  assert.equal(channel.calls.length, 0);
  environment.writeOutput(Buffer.from("from init"));
  companions.readied.resolve();
  await running;
  assert.deepEqual(companions.told, [
    "platform.initStart",
    "platform.initRuntimeDone",
    "from init",
    "platform.initReport",
    "invoke request-1",
    "platform.start",
    "platform.runtimeDone",
    "platform.report",
  ]);
});

test("Environment: it is idle when its extensions are, and the answer does not wait", async () => {
  const { environment, companions } = accompanied();
  companions.started.resolve();
  companions.readied.resolve();
  companions.settling = Promise.withResolvers();
  const run = await environment.run(CALL);
  assert.equal(environment.state, "busy");
  companions.settling.resolve();
  await run.settled;
  assert.equal(environment.state, "idle");
});

test("Environment: extensions that take longer than the call may are told to end", async () => {
  const { environment, companions, sandbox, clock } = accompanied();
  companions.started.resolve();
  companions.readied.resolve();
  companions.settling = Promise.withResolvers();
  const run = await environment.run(CALL);
  await clock.advance(3000);
  await run.settled;
  assert.equal(environment.state, "ended");
  assert.equal(companions.told.at(-1), "shutdown timeout");
  assert.equal(sandbox.isKilled, false);
  companions.ended.resolve();
  await settled();
  assert.equal(sandbox.isKilled, true);
});

test("Environment: a failed extension is the outcome of the call, which does not wait for it", async () => {
  const { environment, channel, companions } = accompanied();
  companions.started.resolve();
  companions.readied.resolve();
  channel.autoAnswer = undefined;
  const running = environment.run(CALL);
  await settled();
  environment.companionFailed("Extension.Crash", "exit status 1");
  const { outcome } = await running;
  assert.deepEqual(JSON.parse(outcome.payload.toString()), {
    errorType: "Extension.Crash",
    errorMessage: "RequestId: request-1 Error: exit status 1",
  });
  assert.ok(companions.told.includes("shutdown failure"));
});

test("Environment: extensions that do not register count against initialisation's time", async () => {
  const { environment, companions, clock } = accompanied();
  const running = environment.run(CALL);
  await clock.advance(10_000);
  const { initTimedOut } = await running;
  assert.equal(initTimedOut, true);
  assert.equal(companions.told.at(-3), "shutdown failure");
});

test("Environment: one whose extension ends between calls is nobody's any more", async () => {
  const { environment, companions } = accompanied();
  companions.started.resolve();
  companions.readied.resolve();
  await environment.run(CALL);
  let isTold = false;
  environment.onEndedIdle = () => {
    isTold = true;
  };
  environment.companionFailed("Extension.Crash", "exit code 0");
  assert.deepEqual([environment.state, isTold], ["ended", true]);
});
