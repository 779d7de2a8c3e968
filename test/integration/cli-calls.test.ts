import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { checkout, type Ended, HearthServer, runHearth } from "../support/hearth-process.ts";

/** Every way in which `hearth invoke` calls, and what `logs` and `stats` show of it. */
let work: string;
let data: string;
let server: HearthServer;

before(async () => {
  work = await mkdtemp(join(tmpdir(), "hearth-cli-calls-"));
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

async function deploy(name: string, code: string): Promise<void> {
  const path = join(work, `${name}.mjs`);
  await writeFile(path, code);
  await hearth(["deploy", path], 0);
}

const STREAMER = `export const handler = awslambda.streamifyResponse(async (event, stream) => {
  for (const word of event.words) stream.write(word);
  if (event.fail) throw new RangeError("in mid-stream");
  stream.end();
});
`;

/** Goes on for longer than the test would wait. */
const WAITER = `import { setTimeout } from "node:timers/promises";
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("first");
  await setTimeout(50_000);
  stream.end();
});
`;

test("invoke --stream: writes what comes; an error in mid-stream is told behind it", async () => {
  await deploy("streamer", STREAMER);
  const call = ["invoke", "streamer", "--stream", "-p"];
  const whole = await hearth([...call, '{"words":["one ","two"]}', "--tail"], 0);
  assert.equal(whole.stdout, "one two");
  assert.match(whole.stderr, /REPORT RequestId[\s\S]*ok, \w+ start/);
  const cut = await hearth([...call, '{"words":["begun"],"fail":true}'], 1);
  assert.equal(cut.stdout, "begun");
  assert.match(cut.stderr, /error: The function failed \(Unhandled\): .*in mid-stream/);
  const result = await json(...call, '{"words":["[1,","2]"]}');
  assert.deepEqual([result.payload, result.statusCode], [[1, 2], 200]);
});

test("invoke --stream: the first words come while the function goes on", async () => {
  const path = join(work, "waiter.mjs");
  await writeFile(path, WAITER);
  await hearth(["deploy", path, "--timeout", "60"], 0);
  const child = spawn(
    process.execPath,
    [`${checkout}src/cli/main.ts`, "invoke", "waiter", "--stream", "--data", data],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const [first] = await once(child.stdout, "data");
  assert.equal(String(first), "first");
  assert.equal(child.exitCode, null);
  child.kill();
  await once(child, "exit");
});

test("invoke --async: prints the request id at once; the call is made", async () => {
  await deploy("queued", "export const handler = async ({ n }) => console.log('ran', n);\n");
  const queued = await hearth(["invoke", "queued", "--async", "-p", '{"n":7}'], 0);
  const requestId = queued.stdout.trim();
  assert.match(requestId, /^[0-9a-f-]{36}$/);
  await eventually(async () => {
    const { stdout } = await hearth(["logs", "queued"], 0);
    assert.match(stdout, new RegExp(`${requestId}[\\s\\S]*ran 7`));
  });
  const { stderr } = await hearth(["invoke", "queued", "--async", "--tail"], 2);
  assert.match(stderr, /--async does not wait for the response: leave out --tail/);
});

test("invoke --sidecar --artifacts: what sidecars leave of a call lands in a folder", async () => {
  await deploy("profiled", "export const handler = async () => 'done';\n");
  const folder = join(work, "artifacts");
  const words = ["invoke", "profiled", "--sidecar", "tracer", "--artifacts", folder];
  const called = await hearth(words, 0);
  assert.equal(called.stdout, '"done"\n');
  const file = join(folder, "trace.json");
  assert.ok(called.stderr.includes(`${file} (tracer)\n`), called.stderr);
  assert.equal(typeof JSON.parse(await readFile(file, "utf8")), "object");
  const { artifacts } = await json(...words);
  assert.deepEqual([artifacts[0].file, artifacts[0].sidecar], [file, "tracer"]);
  const unknown = await hearth(["invoke", "profiled", "--sidecar", "nobody"], 1);
  assert.match(unknown.stderr, /nobody/);
});

const TALKER = `export const handler = async ({ words }) => {
  for (const word of words) console.log(word);
};
`;

test("logs --since --filter: events that match, also while following", async () => {
  await deploy("talker", TALKER);
  assert.deepEqual(await json("logs", "talker", "--since", "1h"), { events: [] });
  await hearth(["invoke", "talker", "-p", '{"words":["an apple","a pear","a plum"]}'], 0);
  await eventually(async () => {
    const { stdout } = await hearth(["logs", "talker", "--since", "10m"], 0);
    assert.match(stdout, /START[\s\S]*an apple[\s\S]*a pear[\s\S]*a plum[\s\S]*REPORT/);
  });
  const some = await hearth(["logs", "talker", "--filter", "?apple ?plum"], 0);
  assert.match(some.stdout, /^[^\n]*an apple\n[^\n]*a plum\n$/);
  const last = await hearth(["logs", "talker", "--filter", "INFO", "--lines", "1"], 0);
  assert.match(last.stdout, /^[^\n]*a plum\n$/);
  const { events } = await json("logs", "talker", "--filter", "pear");
  assert.equal(events.length, 1);
  assert.match(events[0].message, /a pear/);
  assert.equal((await hearth(["logs", "talker", "--since", "2100-01-01"], 0)).stdout, "");
  assert.match((await hearth(["logs", "talker", "--since", "soon"], 2)).stderr, /--since must be/);
  assert.match((await hearth(["logs", "talker", "--filter", "{"], 1)).stderr, /[Ff]ilter pattern/);
  const { stderr } = await hearth(["logs", "nobody", "--since", "1h"], 1);
  assert.match(stderr, /log group does not exist\.\n`hearth ls` lists/);
});

test("logs --follow --filter: what comes later is shown too, each event once", async () => {
  const words = ["logs", "talker", "--follow", "--filter", "pear", "--data", data];
  const child = spawn(process.execPath, [`${checkout}src/cli/main.ts`, ...words], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let seen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
  });
  await eventually(async () => assert.match(seen, /a pear\n$/));
  await hearth(["invoke", "talker", "-p", '{"words":["more apples","more pears"]}'], 0);
  await eventually(async () => assert.match(seen, /a pear\n.*more pears\n$/));
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal(seen.match(/\n/g)?.length, 2);
});

test("stats: calls, errors and durations of the last minutes", async () => {
  await deploy("counted", "export const handler = async (e) => { if (e.fail) throw e; };\n");
  await hearth(["invoke", "counted"], 0);
  await hearth(["invoke", "counted"], 0);
  await hearth(["invoke", "counted", "-p", '{"fail":true}'], 1);
  await eventually(async () => {
    const [counted] = await json("stats", "counted");
    assert.deepEqual([counted.invocations, counted.errors, counted.throttles], [3, 1, 0]);
    assert.ok(counted.p50Ms > 0 && counted.p50Ms <= counted.p99Ms, JSON.stringify(counted));
    assert.ok(counted.p99Ms <= counted.maxMs * 1.1, JSON.stringify(counted));
    assert.equal(counted.concurrency, 1);
  });
  const { stdout } = await hearth(["stats", "--since", "1h"], 0);
  assert.match(stdout, /^NAME +CALLS +ERRORS +THROTTLED +P50 +P99 +MAX +CONCURRENCY\n/);
  assert.match(stdout, /\ncounted +3 +1 +0 +[\d.]+ ms +[\d.]+ ms +[\d.]+ ms +1\n/);
  assert.match((await hearth(["stats", "nothing"], 1)).stderr, /There is no function nothing/);
  const words = ["stats", "counted", "--watch", "--data", data];
  const child = spawn(process.execPath, [`${checkout}src/cli/main.ts`, ...words], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.match(String((await once(child.stdout, "data"))[0]), /^NAME .*\ncounted +3 /);
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});
