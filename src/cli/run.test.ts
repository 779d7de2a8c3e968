import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "./command-table.ts";
import { runCommandLine } from "./run.ts";
import { CapturedStream, TemporaryTree } from "./testing.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function hearth(words: string[], environment: Record<string, string> = {}): Promise<Ran> {
  const stdout = new CapturedStream();
  const stderr = new CapturedStream();
  const code = await runCommandLine(words, { environment, stdout, stderr });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

test("command line: help lists every command, no words at all is wrong usage", async () => {
  const { code, stdout } = await hearth(["help"]);
  assert.equal(code, 0);
  for (const { name } of COMMANDS) assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  assert.equal((await hearth([])).code, 2);
});

for (const { name } of COMMANDS) {
  test(`command line: ${name} explains itself`, async () => {
    const asked = await hearth([...name.split(" "), "--help"]);
    assert.equal(asked.code, 0);
    assert.ok(asked.stdout.includes(`Usage: hearth ${name}`));
    assert.match(asked.stdout, new RegExp(`^  .*hearth ${name}\\b`, "m"), "has an example");
    assert.deepEqual(await hearth(["help", ...name.split(" ")]), asked);
    for (const line of asked.stdout.split("\n")) assert.ok(line.length <= 100, line);
  });
}

test("command line: an unknown command suggests what may be meant, on standard error", async () => {
  const typed = await hearth(["deplyo"]);
  assert.equal(typed.code, 2);
  assert.equal(typed.stdout, "");
  assert.match(typed.stderr, /Did you mean `deploy`\?/);
  assert.match((await hearth(["account"])).stderr, /`account create` or `account list`/);
  assert.doesNotMatch((await hearth(["xyzzy"])).stderr, /Did you mean/);
});

test("command line: a wrong flag or number of arguments is exit code 2 with the usage", async () => {
  for (const words of [["ls", "--nope"], ["invoke"], ["invoke", "a", "b"], ["ls", "extra"]]) {
    const { code, stdout, stderr } = await hearth(words);
    assert.equal(code, 2, words.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /error: .*\nSee `hearth (ls|invoke) --help`/);
  }
});

test("command line: without a server the message says how to start one", async () => {
  await using data = await TemporaryTree.with({});
  const { code, stdout, stderr } = await hearth(["ls", "--data", data.path]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /No server is running .*\nStart one with `hearth up`/);
});

test("command line: env prints one line for the shell, or JSON", async () => {
  await using data = await TemporaryTree.with({
    "server.json": JSON.stringify({ url: "http://127.0.0.1:4566", pid: process.pid }),
    "credentials.json": JSON.stringify({
      accessKeyId: "AKIAEXAMPLE",
      secretAccessKey: "a/b+c's",
      region: "us-east-1",
      owner: "000000000001",
    }),
  });
  const plain = await hearth(["env", "--data", data.path], { AWS_ACCESS_KEY_ID: "other" });
  assert.equal(
    plain.stdout,
    "export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=AKIAEXAMPLE " +
      "AWS_SECRET_ACCESS_KEY='a/b+c'\\''s' AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1\n",
  );
  const json = JSON.parse((await hearth(["env", "--json", "--data", data.path])).stdout);
  assert.equal(json.AWS_SECRET_ACCESS_KEY, "a/b+c's");
});

test("command line: --version prints the package's", async () => {
  assert.match((await hearth(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
});
