import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { checkout, type Ended, HearthServer, runHearth } from "../support/hearth-process.ts";

let work: string;
let data: string;
let server: HearthServer;

before(async () => {
  work = await mkdtemp(join(tmpdir(), "hearth-cli-sidecars-"));
  data = join(work, "data");
  server = await HearthServer.start(["--port", "0", "--data", data, "--warm", "nodejs24.x=1"]);
  const file = join(work, "greet.mjs");
  await writeFile(file, "export const handler = async () => 'hello';");
  await hearth(["deploy", file, "--timeout", "30"], 0);
});

after(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

async function hearth(words: readonly string[], code: number): Promise<Ended> {
  const ended = await runHearth(words, { environment: { HEARTH_DATA: data } });
  assert.equal(ended.code, code, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended;
}

test("policy set, get, rm: what runs beside a function, and what that brings", async () => {
  const file = join(work, "policy.json");
  await writeFile(file, '{"sidecars": ["tracer"]}');
  for (const name of [["greet"], []]) {
    await hearth(["policy", "set", ...name, file], 0);
    const { stdout } = await hearth(["policy", "get", ...name], 0);
    assert.equal(JSON.parse(stdout).sidecars[0].name, "tracer");
  }
  const folder = join(work, "out");
  await hearth(["invoke", "greet", "--artifacts", folder], 0);
  assert.deepEqual(await readdir(folder), ["trace.json"]);
  await hearth(["policy", "rm", "greet"], 0);
  const gone = await hearth(["policy", "get", "greet"], 1);
  assert.match(gone.stderr, /Function greet has no policy/);
  await writeFile(file, '{"sidecars": [{"name": "tracer", "sample": 7}]}');
  const refused = await hearth(["policy", "set", "greet", file], 1);
  assert.match(refused.stderr, /sidecars\[0\]\.sample must be a number from 0 to 1/);
});

test("invoke --debug: says where a debugger finds the call", async () => {
  const words = [join(checkout, "src/cli/main.ts"), "invoke", "greet", "--debug"];
  const command = spawn(process.execPath, words, { env: { ...process.env, HEARTH_DATA: data } });
  const exited = once(command, "exit");
  const stdout = text(command.stdout);
  let said = "";
  const { promise, resolve } = Promise.withResolvers<string>();
  command.stderr.on("data", (chunk) => {
    said += chunk;
    const url = /ws:\/\/\S+\n/.exec(said)?.[0].trim();
    if (url !== undefined) resolve(url);
  });
  const url = await promise;
  assert.match(said, /greet waits for a debugger/);
  const socket = new WebSocket(url);
  await once(socket, "open");
  socket.send(JSON.stringify({ id: 1, method: "Runtime.runIfWaitingForDebugger" }));
  assert.deepEqual(await exited, [0, null]);
  socket.terminate();
  assert.equal(await stdout, '"hello"\n');
});
