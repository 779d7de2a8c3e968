import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkout, type Ended, HearthServer, runHearth } from "../support/hearth-process.ts";

/** The daily commands, as a user types them, against one server. */
let work: string;
let data: string;
let server: HearthServer;

before(async () => {
  work = await mkdtemp(join(tmpdir(), "hearth-cli-"));
  data = join(work, "data");
  server = await HearthServer.start(["--port", "0", "--data", data, "--warm", "nodejs24.x=1"]);
});

after(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

/** Runs a command against the server; fails loudly when it does not end with `code`. */
async function hearth(words: string[], code: number, input?: string): Promise<Ended> {
  const ended = await runHearth(words, {
    environment: { HEARTH_DATA: data },
    ...(input === undefined ? {} : { input }),
  });
  assert.equal(ended.code, code, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended;
}

async function write(name: string, text: string): Promise<string> {
  const path = join(work, name);
  await writeFile(path, text);
  return path;
}

const GREET = `export const handler = async (event) => {
  if (event.fail) throw new TypeError("as asked");
  console.log("greeting", event.name);
  return { hello: event.name };
};
`;

test("up: says one line on standard output and leaves what clients need", async () => {
  const url = await server.url;
  assert.equal(server.stdout, `hearth ready ${url}\n`);
  await server.says(/hearth deploy PATH/);
  const file = JSON.parse(await readFile(join(data, "server.json"), "utf8"));
  assert.deepEqual([file.url, file.pid], [url, server.pid]);
  assert.equal((await stat(join(data, "credentials.json"))).mode & 0o777, 0o600);
});

test("deploy, invoke, ls, logs, rm: a function's whole life", async () => {
  const path = await write("greet.mjs", GREET);
  const deployed = await hearth(["deploy", path, "--memory", "256", "--env", "MODE=first"], 0);
  assert.match(deployed.stdout, /^arn:aws:lambda:us-east-1:\d{12}:function:greet\n$/);
  assert.match(deployed.stderr, /Created greet: nodejs24\.x, greet\.handler/);
  const called = await hearth(["invoke", "greet", "--payload", '{"name":"Ada"}', "--tail"], 0);
  assert.equal(called.stdout, '{"hello":"Ada"}\n');
  assert.match(called.stderr, /START RequestId[\s\S]*greeting Ada[\s\S]*REPORT RequestId/);
  const listed = await hearth(["ls"], 0);
  assert.match(listed.stdout, /^NAME .*\ngreet +nodejs24\.x +greet\.handler +256 MB/);
  assert.match((await hearth(["logs", "greet"], 0)).stdout, /greeting Ada/);
  const removed = await hearth(["rm", "greet"], 0);
  assert.equal(removed.stdout, "");
  assert.match((await hearth(["invoke", "greet"], 1)).stderr, /not found.*\n`hearth ls` lists/i);
});

test("--json: every result is one JSON document on standard output", async () => {
  const path = await write("json.mjs", GREET);
  const json = async (words: string[]): Promise<Record<string, unknown>> =>
    JSON.parse((await hearth([...words, "--json"], 0)).stdout);
  const deployed = await json(["deploy", path]);
  assert.deepEqual([deployed.name, deployed.created], ["json", true]);
  const called = await json(["invoke", "json", "--payload", '{"name":"Bo"}', "--tail"]);
  assert.deepEqual(called.payload, { hello: "Bo" });
  assert.match(String(called.start), /^(warm|instance|pool|cold)$/);
  assert.match(String(called.log), /REPORT/);
  const functions = (await json(["ls"])) as unknown as { FunctionName: string }[];
  assert.ok(functions.some(({ FunctionName }) => FunctionName === "json"));
  assert.ok(Array.isArray((await json(["logs", "json"])).lines));
  assert.equal((await json(["env"])).AWS_ENDPOINT_URL, await server.url);
  assert.deepEqual(await json(["rm", "json"]), { deleted: ["json"] });
});

test("deploy: again updates code and settings", async () => {
  const path = await write("twice.mjs", GREET);
  await hearth(["deploy", path], 0);
  await writeFile(path, "export const run = async () => process.env.MODE;\n");
  const words = ["deploy", path, "--timeout", "9", "--env", "MODE=second"];
  assert.match((await hearth(words, 0)).stderr, /Updated twice: nodejs24\.x, twice\.run/);
  assert.equal((await hearth(["invoke", "twice"], 0)).stdout, '"second"\n');
  assert.match((await hearth(["ls"], 0)).stdout, /twice .* 9 s/);
});

test("deploy: folders of the demo are recognised, Python and custom runtimes too", async () => {
  const python = await hearth(["deploy", join(checkout, "demo/hello-python")], 0);
  assert.match(python.stderr, /python3\.\d+, lambda_function\.lambda_handler/);
  const called = await hearth(["invoke", "hello-python", "-p", '{"name":"Cy"}'], 0);
  assert.equal(JSON.parse(called.stdout).greeting, "Hello Cy from Python");
});

test("invoke: the payload comes from a file or standard input, and has to be JSON", async () => {
  await hearth(["deploy", await write("echo.cjs", "exports.handler = async (e) => e;\n")], 0);
  const file = await write("event.json", '{"from":"file"}');
  assert.equal((await hearth(["invoke", "echo", "-p", `@${file}`], 0)).stdout, '{"from":"file"}\n');
  assert.equal((await hearth(["invoke", "echo", "-p", "-"], 0, "[1]")).stdout, "[1]\n");
  assert.match((await hearth(["invoke", "echo", "-p", "{x}"], 1)).stderr, /not JSON\nQuote it/);
});

test("invoke: a function that fails is exit code 1 with its error as the result", async () => {
  await hearth(["deploy", await write("fails.mjs", GREET)], 0);
  const { stdout, stderr } = await hearth(["invoke", "fails", "-p", '{"fail":true}'], 1);
  assert.deepEqual(
    [JSON.parse(stdout).errorType, JSON.parse(stdout).errorMessage],
    ["TypeError", "as asked"],
  );
  assert.match(stderr, /The function failed \(Unhandled\)/);
});

test("account: another owner has a key and functions of their own", async () => {
  const created = JSON.parse((await hearth(["account", "create", "team-b"], 0)).stdout);
  assert.match(created.owner, /^\d{12}$/);
  const environment = {
    HEARTH_DATA: data,
    AWS_ACCESS_KEY_ID: created.accessKeyId,
    AWS_SECRET_ACCESS_KEY: created.secretAccessKey,
  };
  const theirs = await runHearth(["ls", "--json"], { environment });
  assert.deepEqual(JSON.parse(theirs.stdout), []);
  const refused = await runHearth(["account", "create", "team-c"], { environment });
  assert.equal(refused.code, 1);
  const accounts = await hearth(["account", "list"], 0);
  assert.match(accounts.stdout, new RegExp(`${created.owner} +team-b`));
  const wrong = { ...environment, AWS_SECRET_ACCESS_KEY: "wrong" };
  const { code, stderr } = await runHearth(["ls"], { environment: wrong });
  assert.equal(code, 1);
  assert.match(stderr, /does not accept the key .*\nUnset AWS_ACCESS_KEY_ID/);
});

test("env: a shell can evaluate it", async () => {
  const { stdout } = await hearth(["env"], 0);
  const script = `${stdout}printf %s "$AWS_ENDPOINT_URL|$AWS_REGION"`;
  const printed = execFileSync("sh", ["-c", script], { encoding: "utf8" });
  assert.equal(printed, `${await server.url}|us-east-1`);
});

test("doctor: lists what was probed, each gap with its fix", async () => {
  const { stdout } = await runHearth(["doctor", "--json"]);
  const { findings } = JSON.parse(stdout);
  assert.ok(findings.length > 3);
  for (const { topic, status, remedy } of findings) {
    assert.ok(status === "ok" || typeof remedy === "string", topic);
  }
});

test("runtime ls: says what is installed", async () => {
  const runtimes: { name: string; installed: boolean }[] = JSON.parse(
    (await hearth(["runtime", "ls", "--json"], 0)).stdout,
  );
  assert.equal(runtimes.find(({ name }) => name === "nodejs24.x")?.installed, true);
});
