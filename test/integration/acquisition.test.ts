import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from "@aws-sdk/client-lambda";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth, zipOf } from "../support/hearth.ts";

let hearth: TestHearth;

before(async () => {
  hearth = await startHearth({ flags: { warm: "nodejs24.x=2", "keep-alive": "1" } });
});
after(() => hearth[Symbol.asyncDispose]());

interface Pool {
  readonly runtime: string;
  readonly ready: number;
  readonly target: number;
}

async function pools(): Promise<Pool[]> {
  const { json } = await hearth.admin("GET", "/_hearth/pools");
  return (json as { pools: Pool[] }).pools;
}

async function poolFull(): Promise<void> {
  while ((await pools()).some(({ ready, target }) => ready < target)) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

test("P20-1: a warm call reaches user code within 100 ms, 95 times in 100", async () => {
  const lambda = hearth.lambda();
  await deploy(lambda, {
    name: "reached",
    files: handlerFile("return Date.now() - event.sentAt;"),
  });
  await call(lambda, "reached", { sentAt: Date.now() });
  const delays: number[] = [];
  for (let i = 0; i < 100; i++) {
    delays.push((await call(lambda, "reached", { sentAt: Date.now() })).value);
  }
  delays.sort((a, b) => a - b);
  assert.ok((delays[94] as number) < 100, `95th of 100: ${delays[94]} ms`);
});

test("P20-2: a first call takes from the pool, which then returns to its target", async () => {
  const lambda = hearth.lambda(await hearth.createOwner("first"));
  await deploy(lambda, { name: "first", files: handlerFile("return 1;") });
  await poolFull();
  const { headers } = await call(lambda, "first");
  assert.equal(headers["x-hearth-start"], "pool");
  await poolFull();
});

test("P21-1: staged calls say pool, warm, instance and cold", async () => {
  const owner = await hearth.createOwner("staged");
  const lambda = hearth.lambda(owner);
  for (const name of ["one", "two"])
    await deploy(lambda, { name, files: handlerFile("return 1;") });
  await poolFull();
  const starts: Array<string | undefined> = [];
  for (const name of ["one", "one", "two"]) {
    starts.push((await call(lambda, name)).headers["x-hearth-start"]);
  }
  await deploy(lambda, {
    name: "python",
    runtime: "python3.11",
    handler: "app.handler",
    files: { "app.py": "def handler(event, context):\n  return 1\n" },
    more: { MemorySize: 2048 },
  });
  starts.push((await call(lambda, "python")).headers["x-hearth-start"]);
  assert.deepEqual(starts, ["pool", "warm", "instance", "cold"]);
});

test("P20-3: owners never share an instance", async () => {
  const instances = new Map<string, string>();
  for (const name of ["ann", "bob", "cy"]) {
    const owner = await hearth.createOwner(name);
    const lambda = hearth.lambda(owner);
    await deploy(lambda, { name: "f", files: handlerFile("return 1;") });
    const answers = await Promise.all([1, 2, 3].map(() => call(lambda, "f")));
    for (const { headers } of answers) {
      const id = headers["x-hearth-instance"] ?? "";
      assert.equal(instances.get(id) ?? name, name);
      instances.set(id, name);
    }
  }
});

test("P20-4: after its idle time an environment is gone, the next call gets a new one", async () => {
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "idle", files: handlerFile("return 1;") });
  const first = await call(lambda, "idle");
  const id = first.headers["x-hearth-environment"];
  const present = async (): Promise<boolean> => {
    const { json } = await hearth.admin("GET", "/_hearth/environments");
    const { environments } = json as { environments: Array<{ environmentId: string }> };
    return environments.some(({ environmentId }) => environmentId === id);
  };
  while (await present()) await turn();
  const second = await call(lambda, "idle");
  assert.notEqual(second.headers["x-hearth-environment"], id);
});

test("P20-5: fifty calls of one function run at the same time", async () => {
  const lambda = hearth.lambda();
  await deploy(lambda, {
    name: "together",
    files: handlerFile(
      "const from = Date.now(); await new Promise((r) => setTimeout(r, event.until - from)); return [from, Date.now()];",
    ),
    more: { Timeout: 60 },
  });
  // All end at one time, late enough for a slow machine to have begun them all.
  const event = { until: Date.now() + 20_000 };
  const calls = Array.from({ length: 50 }, () => call(lambda, "together", event));
  const answers = await Promise.all(calls);
  const spans = answers.map(({ value }) => value as [number, number]);
  const lastBegin = Math.max(...spans.map(([from]) => from));
  const firstEnd = Math.min(...spans.map(([, to]) => to));
  assert.ok(lastBegin < firstEnd, "there was a moment at which all fifty ran");
  assert.equal(new Set(answers.map(({ headers }) => headers["x-hearth-environment"])).size, 50);
});

test("P20-6: a sibling over its memory or time does not disturb others in the instance", async () => {
  // Whatever the hog's end takes, its sibling is not idle for too long meanwhile.
  await using patient = await startHearth();
  const lambda = patient.lambda();
  await deploy(lambda, {
    name: "calm",
    files: handlerFile("global.n = (global.n ?? 0) + 1; return n;"),
  });
  await deploy(lambda, {
    name: "hog",
    files: handlerFile("const kept = []; while (true) kept.push(Buffer.alloc(1 << 20, 1));"),
    more: { Timeout: 20 },
  });
  const before = await call(lambda, "calm");
  const hog = await call(lambda, "hog");
  assert.equal(hog.headers["x-hearth-instance"], before.headers["x-hearth-instance"]);
  assert.equal(hog.value.errorType, "Runtime.OutOfMemory");
  const afterwards = await call(lambda, "calm");
  assert.equal(afterwards.headers["x-hearth-environment"], before.headers["x-hearth-environment"]);
  assert.equal(afterwards.value, 2);
});

test("P21-4: a call works when the code store is gone but the code is cached", async () => {
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "cached", files: handlerFile("return 'from cache';") });
  const packages = join(hearth.dataDirectory, "blobs");
  await rename(packages, `${packages}-gone`);
  try {
    assert.equal((await call(lambda, "cached")).value, "from cache");
  } finally {
    await rename(`${packages}-gone`, packages);
  }
});

test("Acquisition: new code is what the next call runs, and a call under way ends on the old", async () => {
  const lambda = hearth.lambda();
  await deploy(lambda, {
    name: "renewed",
    files: handlerFile("await new Promise((r) => setTimeout(r, event.ms ?? 0)); return 'old';"),
  });
  await call(lambda, "renewed");
  const underWay = call(lambda, "renewed", { ms: 1500 });
  await lambda.send(
    new UpdateFunctionCodeCommand({
      FunctionName: "renewed",
      ZipFile: await zipOf(handlerFile("return 'new';")),
    }),
  );
  await waitUntilFunctionUpdatedV2(
    { client: lambda, maxWaitTime: 30 },
    { FunctionName: "renewed" },
  );
  assert.equal((await call(lambda, "renewed")).value, "new");
  assert.equal((await underWay).value, "old");
});
