import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  CreateFunctionCommand,
  LambdaClient,
  ListFunctionsCommand,
  PublishVersionCommand,
} from "@aws-sdk/client-lambda";
import { call, deploy, handlerFile, ROLE } from "../support/functions.ts";
import { zipOf } from "../support/hearth.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const ROUNDS = process.env.HEARTH_TEST_FULL === "1" ? 50 : 3;

interface Running {
  readonly process: ChildProcess;
  readonly lambda: LambdaClient;
}

async function up(data: string): Promise<Running> {
  const child = spawn(
    process.execPath,
    [MAIN, "up", "--port", "0", "--data", data, "--warm", "nodejs24.x=1"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const url = /hearth ready (\S+)/.exec(line.toString())?.[1];
  assert.ok(url, `ready line, got: ${line}`);
  const text = await readFile(join(data, "credentials.json"), "utf8");
  const { accessKeyId, secretAccessKey } = JSON.parse(text) as Record<string, string>;
  assert.ok(accessKeyId && secretAccessKey);
  const credentials = { accessKeyId, secretAccessKey };
  return {
    process: child,
    lambda: new LambdaClient({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1 }),
  };
}

async function stop(running: Running, signal: NodeJS.Signals): Promise<void> {
  running.lambda.destroy();
  running.process.kill(signal);
  await once(running.process, "exit");
}

/** Processes of any sandbox that belongs to this data directory. */
async function leftBehind(data: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(data)) found.push(`process ${pid}`);
  }
  const mounts = await readFile("/proc/mounts", "utf8");
  if (mounts.includes(data)) found.push("a mount");
  const loops = execFileSync("losetup", ["-a"], { encoding: "utf8" });
  if (loops.includes(data)) found.push("a loop device");
  const instances = await readdir(join(data, "instances")).catch(() => []);
  // What begins with a dot is the driver's own, for the next start.
  found.push(...instances.filter((name) => !name.startsWith(".")));
  return found;
}

test("DUR-1: kill -9 at any moment loses no function or version that was acknowledged", async () => {
  const data = await mkdtemp(join(tmpdir(), "hearth-kill-"));
  const acknowledged: string[] = [];
  const ZipFile = await zipOf(handlerFile("return 1;"));
  for (let round = 0; round < ROUNDS; round++) {
    const running = await up(data);
    const killAfter = 3 + Math.floor(Math.random() * 20);
    const creating = (async () => {
      for (let i = 0; ; i++) {
        const FunctionName = `f-${round}-${i}`;
        const Code = { ZipFile };
        const more = { Runtime: "nodejs24.x", Handler: "index.handler", Role: ROLE } as const;
        await running.lambda.send(new CreateFunctionCommand({ FunctionName, Code, ...more }));
        acknowledged.push(FunctionName);
        if (i === killAfter) running.process.kill("SIGKILL");
        await running.lambda.send(new PublishVersionCommand({ FunctionName }));
      }
    })();
    await assert.rejects(creating);
    if (running.process.exitCode === null && running.process.signalCode === null) {
      await once(running.process, "exit");
    }
  }
  const running = await up(data);
  const found = new Set<string>();
  for (let Marker: string | undefined; ; ) {
    const page = await running.lambda.send(new ListFunctionsCommand({ Marker }));
    for (const { FunctionName = "" } of page.Functions ?? []) found.add(FunctionName);
    Marker = page.NextMarker;
    if (Marker === undefined) break;
  }
  assert.deepEqual(
    acknowledged.filter((name) => !found.has(name)),
    [],
  );
  const last = acknowledged.at(-1) ?? "";
  assert.equal((await call(running.lambda, last)).value, 1, "and what is there runs");
  await stop(running, "SIGTERM");
  await rm(data, { recursive: true });
});

test("DUR-2: after kill -9 and a new start nothing of the old server is left", async () => {
  const data = await mkdtemp(join(tmpdir(), "hearth-left-"));
  const first = await up(data);
  await deploy(first.lambda, { name: "busy", files: handlerFile("while (true) {}") });
  const dying = call(first.lambda, "busy").catch(() => undefined);
  await call(first.lambda, "busy").catch(() => undefined);
  await stop(first, "SIGKILL");
  await dying;
  const second = await up(data);
  await stop(second, "SIGTERM");
  assert.deepEqual(await leftBehind(data), []);
  await rm(data, { recursive: true });
});

test("DUR-3: SIGTERM lets running calls end and brings everything back at the next start", async () => {
  const data = await mkdtemp(join(tmpdir(), "hearth-drain-"));
  const first = await up(data);
  await deploy(first.lambda, {
    name: "slow",
    files: handlerFile("await new Promise((r) => setTimeout(r, event.ms)); return 'whole';"),
  });
  await call(first.lambda, "slow", { ms: 0 });
  const running = call(first.lambda, "slow", { ms: 1000 });
  const accepted = call(first.lambda, "slow", { ms: 0 });
  await accepted;
  first.process.kill("SIGTERM");
  assert.equal((await running).value, "whole");
  first.lambda.destroy();
  if (first.process.exitCode === null) await once(first.process, "exit");
  assert.equal(first.process.exitCode, 0);
  assert.deepEqual(await leftBehind(data), []);
  const second = await up(data);
  assert.equal((await call(second.lambda, "slow", { ms: 0 })).value, "whole");
  await stop(second, "SIGTERM");
  await rm(data, { recursive: true });
});
