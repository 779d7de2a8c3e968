import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { durableFiles } from "../support/durable-functions.ts";
import { eventually } from "../support/eventually.ts";
import { type Ended, HearthServer, runHearth } from "../support/hearth-process.ts";

/** `hearth durable`: executions of a function that AWS's published SDK makes durable. */
let work: string;
let data: string;
let server: HearthServer;

before(async () => {
  work = await mkdtemp(join(tmpdir(), "hearth-cli-durable-"));
  data = join(work, "data");
  server = await HearthServer.start(["--port", "0", "--data", data, "--warm", "nodejs24.x=1"]);
});

after(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

async function hearth(words: string[], code: number): Promise<Ended> {
  const ended = await runHearth(words, { environment: { HEARTH_DATA: data } });
  assert.equal(ended.code, code, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever a command printed
async function json(...words: string[]): Promise<any> {
  return JSON.parse((await hearth([...words, "--json"], 0)).stdout);
}

const APPROVAL = `
  const total = await context.step("price", async () => event.quantity * 20);
  const answer = await context.waitForCallback("approval", async () => {});
  return { total, answer };
`;

/** Starts an execution and waits until it waits. */
async function start(name: string): Promise<string> {
  const words = ["invoke", "order:$LATEST", "--async", "--execution", name, "-p", '{"quantity":3}'];
  assert.match((await json(...words)).durableExecutionArn, new RegExp(`/${name}/`));
  await eventually(async () => {
    assert.match((await hearth(["durable", "show", `order/${name}`], 0)).stdout, /CallbackStarted/);
  });
  return `order/${name}`;
}

test("durable: executions are listed, shown, answered and stopped", async () => {
  const code = join(work, "order");
  await mkdir(code);
  for (const [path, text] of Object.entries(await durableFiles(APPROVAL))) {
    await writeFile(join(code, path), text);
  }
  await hearth(["deploy", code, "--durable", "600", "--timeout", "30"], 0);
  assert.deepEqual((await json("deploy", code, "--durable", "600")).changed, []);

  const first = await start("order-1");
  const second = await start("order-2");
  const listed = await hearth(["durable", "ls", "order"], 0);
  assert.match(listed.stdout, /^EXECUTION +STATUS .*\norder\/order-2 +RUNNING .*\norder\/order-1 /);

  assert.match(
    (await hearth(["durable", "answer", first, "-p", '"yes"'], 0)).stderr,
    /^Answered approval\n/,
  );
  await eventually(async () => {
    const { stdout } = await hearth(["durable", "show", first], 0);
    assert.match(stdout, /\nSUCCEEDED \{"total":60,"answer":.*yes.*\}\n/);
    assert.match(stdout, /AFTER +EVENT +NAME +DETAIL\n *0\.000 s +ExecutionStarted/);
    assert.match(stdout, /StepSucceeded +price +60\n/);
  });
  assert.match(
    (await hearth(["durable", "answer", first], 1)).stderr,
    /waits for no such callback/,
  );

  await hearth(["durable", "stop", second, "--reason", "ordered twice"], 0);
  const { execution, events } = await json("durable", "show", second);
  assert.deepEqual([execution.Status, execution.Error.ErrorMessage], ["STOPPED", "ordered twice"]);
  assert.equal(events.at(-1).EventType, "ExecutionStopped");
  const stopped = await json("durable", "ls", "order", "--status", "stopped");
  assert.deepEqual(
    stopped.map((each: Record<string, unknown>) => each.DurableExecutionName),
    ["order-2"],
  );
  assert.equal(
    (await json("durable", "show", execution.DurableExecutionArn)).events.length,
    events.length,
  );
});

test("durable: what does not exist is said with where to look", async () => {
  const advice = /`hearth durable ls order` lists the executions/;
  assert.match((await hearth(["durable", "show", "order/none"], 1)).stderr, advice);
  assert.match((await hearth(["durable", "stop", "order"], 1)).stderr, advice);
  assert.match((await hearth(["durable", "ls", "nothing"], 1)).stderr, /`hearth ls` lists/);
  const { stderr } = await hearth(["durable", "ls", "order", "--status", "odd"], 2);
  assert.match(stderr, /--status must be running, succeeded/);
});
