import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Ended, HearthServer, runHearth } from "../support/hearth-process.ts";

const SLEEPER = `import { setTimeout } from "node:timers/promises";
export const handler = async (event) => {
  await setTimeout(event.ms);
  return "rested";
};
`;

/** A data directory of its own, gone when disposed. */
class DataDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<DataDirectory> {
    return new DataDirectory(await mkdtemp(join(tmpdir(), "hearth-up-")));
  }

  start(...words: string[]): Promise<HearthServer> {
    return HearthServer.start(["--port", "0", "--data", this.path, "--warm", "", ...words]);
  }

  run(...words: string[]): Promise<Ended> {
    return runHearth([...words, "--data", this.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** A call of a function that sleeps; resolves once it runs, with what becomes of it. */
async function callUnderWay(
  data: DataDirectory,
  server: HearthServer,
  ms: number,
): Promise<{ ended: Promise<Ended> }> {
  const path = join(data.path, "sleeper.mjs");
  await writeFile(path, SLEEPER);
  const deployed = await data.run("deploy", path, "--timeout", "60");
  assert.equal(deployed.code, 0, deployed.stderr);
  const ended = data.run("invoke", "sleeper", "-p", `{"ms":${ms}}`);
  const metrics = `${await server.url}/metrics`;
  const isBusy = /^hearth_environments\{state="busy"\} 1$/m;
  while (!isBusy.test(await (await fetch(metrics)).text())) await sleep(5);
  return { ended };
}

test("up: SIGTERM lets the call under way end, then the server is gone", async () => {
  await using data = await DataDirectory.create();
  await using server = await data.start();
  const call = await callUnderWay(data, server, 2_000);
  server.signal("SIGTERM");
  const { stdout, stderr } = await call.ended;
  assert.equal(stdout, '"rested"\n', stderr);
  assert.equal(await server.exited, 0, server.stderr);
  const after = await data.run("ls");
  assert.equal(after.code, 1);
  assert.match(after.stderr, /Start one with `hearth up`/);
});

test("up: a second signal stops at once, and the next start finds everything again", async () => {
  await using data = await DataDirectory.create();
  await using server = await data.start();
  const call = await callUnderWay(data, server, 50_000);
  server.signal("SIGINT");
  await server.says(/letting calls end/);
  server.signal("SIGINT");
  assert.equal(await server.exited, 130, server.stderr);
  assert.equal((await call.ended).code, 1);
  await using _again = await data.start();
  const rested = await data.run("invoke", "sleeper", "-p", '{"ms":1}');
  assert.equal(rested.stdout, '"rested"\n', rested.stderr);
});

test("up: a data directory serves one server at a time", async () => {
  await using data = await DataDirectory.create();
  await using server = await data.start();
  const second = await runHearth(["up", "--port", "0", "--data", data.path]);
  assert.equal(second.code, 1);
  assert.equal(second.stdout, "");
  assert.match(second.stderr, new RegExp(`process ${server.pid}\\b`));
});

test("up: a port that is taken is said, with another to try", async () => {
  await using data = await DataDirectory.create();
  await using other = await DataDirectory.create();
  await using server = await data.start();
  const port = new URL(await server.url).port;
  const second = await runHearth(["up", "--port", port, "--data", other.path, "--warm", ""]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /Cannot listen on 127\.0\.0\.1:\d+.*\nChoose another/);
});

test("up: no isolation has to be asked for by name and warns at every start", async () => {
  await using data = await DataDirectory.create();
  {
    await using server = await data.start("--isolation", "none");
    await server.says(/warning: --isolation none: functions run as you/);
    await server.says(/Isolation: none/);
  }
  await using again = await data.start("--isolation", "none");
  await again.says(/warning: --isolation none/);
});

test("up: wrong flags are exit code 2 and name the flag", async () => {
  for (const [flag, value, pattern] of [
    ["--port", "x", /--port is x, wanted a whole number/],
    ["--isolation", "some", /--isolation is some, wanted one of process, none/],
    ["--warm", "nodejs4=1", /Unknown runtime in --warm: nodejs4/],
  ] as const) {
    const { code, stdout, stderr } = await runHearth(["up", flag, value]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, pattern);
  }
});
