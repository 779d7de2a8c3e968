import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { handlerFile } from "../support/functions.ts";
import { startHearth, zipOf } from "../support/hearth.ts";

/** boto3 as Debian ships it, unchanged, against a live server. */

const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("lambda_boto3.py", import.meta.url));
const run = promisify(execFile);
const hasBoto3 = spawnSync(PYTHON, ["-c", "import boto3"]).status === 0;

test("boto3: a function's life and the errors on its way", {
  skip: hasBoto3 ? false : `${PYTHON} has no boto3`,
}, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "hearth-boto3-"));
  t.after(() => rm(home, { recursive: true }));
  await using hearth = await startHearth();
  const zip = join(home, "code.zip");
  await writeFile(zip, await zipOf(handlerFile("return { got: event };")));
  const { stdout } = await run(PYTHON, [SCRIPT, hearth.url, zip], {
    env: {
      PATH: "/usr/bin:/bin",
      HOME: home,
      AWS_ACCESS_KEY_ID: hearth.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: hearth.credentials.secretAccessKey,
      AWS_DEFAULT_REGION: hearth.region,
    },
  });
  const { no_json, memory_size, ...rest } = JSON.parse(stdout);
  const arn = (name: string): string =>
    `Function not found: arn:aws:lambda:${hearth.region}:${hearth.owner}:function:${name}`;
  assert.deepEqual(rest, {
    account: hearth.owner,
    payload: { got: { n: 1 } },
    status: 200,
    version: "1",
    memory: 256,
    names: ["boto"],
    layers: [],
    exists: ["ResourceConflictException", 409, "Function already exist: boto"],
    missing: ["ResourceNotFoundException", 404, arn("nobody")],
    deleted: ["ResourceNotFoundException", 404, arn("boto")],
  });
  assert.deepEqual(no_json.slice(0, 2), ["InvalidRequestContentException", 400]);
  assert.deepEqual(memory_size.slice(0, 2), ["ValidationException", 400]);
});
