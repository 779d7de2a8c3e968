import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { handlerFile, ROLE } from "../support/functions.ts";
import { startHearth, type TestHearth, zipOf } from "../support/hearth.ts";

/** The AWS CLI as Debian ships it, unchanged, against a live server. */

const AWS = "/usr/bin/aws";
const run = promisify(execFile);

interface CliResult {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the CLI printed
  readonly json: any;
  readonly error: string;
}

function cliOf(hearth: TestHearth, home: string) {
  const environment = {
    PATH: "/usr/bin:/bin",
    HOME: home,
    LC_ALL: "C.UTF-8",
    AWS_ACCESS_KEY_ID: hearth.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: hearth.credentials.secretAccessKey,
    AWS_DEFAULT_REGION: hearth.region,
    AWS_PAGER: "",
  };
  return async (...words: string[]): Promise<CliResult> => {
    const options = ["--endpoint-url", hearth.url, "--output", "json"];
    try {
      const { stdout } = await run(AWS, [...words, ...options], { env: environment, cwd: home });
      return { json: stdout === "" ? undefined : JSON.parse(stdout), error: "" };
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      if (stderr === undefined) throw error;
      return { json: undefined, error: stderr.trim() };
    }
  };
}

test("AWS CLI: deploys, waits, calls, reads, is refused and deletes", {
  skip: existsSync(AWS) ? false : `${AWS} is not installed`,
}, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "hearth-cli-"));
  t.after(() => rm(home, { recursive: true }));
  await using hearth = await startHearth();
  const aws = cliOf(hearth, home);
  const named = ["--function-name", "cli"];
  const files = handlerFile("console.log('seen'); return { got: event };");
  await writeFile(join(home, "code.zip"), await zipOf(files));
  const created = await aws(
    ...["lambda", "create-function", ...named, "--runtime", "nodejs24.x", "--role", ROLE],
    ...["--handler", "index.handler", "--zip-file", "fileb://code.zip"],
    ...["--environment", "Variables={GREETING=hello}"],
  );
  assert.equal(created.error, "");
  assert.equal(created.json.FunctionName, "cli");
  assert.equal((await aws("lambda", "wait", "function-active-v2", ...named)).error, "");

  await writeFile(join(home, "event.json"), '{"name":"Žofie"}');
  const invoked = await aws(
    ...["lambda", "invoke", ...named, "--payload", "fileb://event.json"],
    ...["--log-type", "Tail", "out.json"],
  );
  assert.equal(invoked.error, "");
  assert.equal(invoked.json.StatusCode, 200);
  assert.equal(invoked.json.ExecutedVersion, "$LATEST");
  assert.match(Buffer.from(invoked.json.LogResult, "base64").toString(), /^START RequestId: /);
  const out: unknown = JSON.parse(await readFile(join(home, "out.json"), "utf8"));
  assert.deepEqual(out, { got: { name: "Žofie" } });

  const { json } = await aws("lambda", "get-function", ...named);
  assert.deepEqual(json.Configuration.Environment, { Variables: { GREETING: "hello" } });
  const published = await aws("lambda", "publish-version", ...named);
  assert.equal(published.json.Version, "1");
  const list = await aws("lambda", "list-functions", "--query", "Functions[].FunctionName");
  assert.deepEqual(list.json, ["cli"]);
  const caller = await aws("sts", "get-caller-identity");
  assert.equal(caller.json.Account, hearth.owner);

  const missing = await aws("lambda", "get-function", "--function-name", "nobody");
  assert.match(
    missing.error,
    /\(ResourceNotFoundException\) when calling the GetFunction operation: Function not found: arn:aws:lambda:us-east-1:\d{12}:function:nobody$/,
  );
  assert.equal((await aws("lambda", "delete-function", ...named)).error, "");
});
