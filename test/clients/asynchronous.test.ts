import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { type AwsCli, awsCli, withoutAwsCli } from "../support/aws-cli.ts";
import { eventually } from "../support/eventually.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";

/** Asynchronous calls through the AWS CLI and boto3 as Debian ships them, unchanged. */

const PYTHON = "/usr/bin/python3";
const withoutBoto3 =
  spawnSync(PYTHON, ["-c", "import boto3"]).status === 0 ? false : `${PYTHON} has no boto3`;

let hearth: TestHearth;
let home: string;
let aws: AwsCli;

before(async () => {
  hearth = await startHearth();
  home = await mkdtemp(join(tmpdir(), "hearth-async-"));
  aws = awsCli(hearth, home);
  const lambda = hearth.lambda();
  const files = handlerFile("console.log('ran ' + JSON.stringify(event));");
  for (const name of ["job", "failed"]) await deploy(lambda, { name, files });
  lambda.destroy();
});
after(async () => {
  await hearth[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

async function hasRun(text: string): Promise<void> {
  const logs = await hearth.admin("GET", "/_hearth/functions/job/logs?lines=1000");
  assert.ok(logs.text.includes(`ran ${text}`), logs.text);
}

test("ASYNC-1: AWS CLI: an event is accepted and runs", { skip: withoutAwsCli }, async () => {
  const invoked = await aws(
    ...["lambda", "invoke", "--function-name", "job", "--invocation-type", "Event"],
    ...["--cli-binary-format", "raw-in-base64-out", "--payload", '{"cli":1}', "out.json"],
  );
  assert.equal(invoked.error, "");
  assert.equal(invoked.json.StatusCode, 202);
  await eventually(() => hasRun('{"cli":1}'));
  const missing = await aws(
    ...["lambda", "invoke", "--function-name", "nobody", "--invocation-type", "Event", "out.json"],
  );
  assert.match(missing.error, /ResourceNotFoundException/);
});

test("ASYNC-4: AWS CLI: settings of asynchronous calls", { skip: withoutAwsCli }, async () => {
  const named = ["--function-name", "job"];
  const Destination = `arn:aws:lambda:${hearth.region}:${hearth.owner}:function:failed`;
  const put = await aws(
    ...["lambda", "put-function-event-invoke-config", ...named, "--maximum-retry-attempts", "0"],
    ...["--destination-config", JSON.stringify({ OnFailure: { Destination } })],
  );
  assert.equal(put.error, "");
  assert.deepEqual(put.json.DestinationConfig, { OnSuccess: {}, OnFailure: { Destination } });
  const updated = await aws(
    ...["lambda", "update-function-event-invoke-config", ...named],
    ...["--maximum-event-age-in-seconds", "60"],
  );
  assert.equal(updated.json.MaximumEventAgeInSeconds, 60);
  const got = await aws("lambda", "get-function-event-invoke-config", ...named);
  assert.deepEqual(got.json, updated.json);
  const listed = await aws("lambda", "list-function-event-invoke-configs", ...named);
  assert.deepEqual(listed.json, { FunctionEventInvokeConfigs: [got.json] });
  const queue = JSON.stringify({ OnFailure: { Destination: "arn:aws:sqs:us-east-1:1:q" } });
  const refused = await aws(
    ...["lambda", "update-function-event-invoke-config", ...named, "--destination-config", queue],
  );
  assert.match(refused.error, /\((ValidationException|InvalidParameterValueException)\)/);
  const deleted = await aws("lambda", "delete-function-event-invoke-config", ...named);
  assert.equal(deleted.error, "");
  const gone = await aws("lambda", "get-function-event-invoke-config", ...named);
  assert.match(gone.error, /The function arn:\S+:job:\$LATEST doesn't have an EventInvokeConfig$/);
});

const SCRIPT = `
import json, sys, boto3
client = boto3.client("lambda", endpoint_url=sys.argv[1])
event = client.invoke(FunctionName="job", InvocationType="Event", Payload='{"boto3":1}')
old = client.invoke_async(FunctionName="job", InvokeArgs=b'{"boto3":2}')
put = client.put_function_event_invoke_config(FunctionName="job", MaximumRetryAttempts=1)
pages = client.get_paginator("list_function_event_invoke_configs").paginate(FunctionName="job")
listed = [each["FunctionArn"] for page in pages for each in page["FunctionEventInvokeConfigs"]]
print(json.dumps({
    "statuses": [event["StatusCode"], old["Status"]],
    "body": event["Payload"].read().decode(),
    "modified": put["LastModified"].year,
    "listed": listed,
}))
`;

test("ASYNC-1: boto3: events and their settings", { skip: withoutBoto3 }, async () => {
  const { stdout } = await promisify(execFile)(PYTHON, ["-c", SCRIPT, hearth.url], {
    env: {
      PATH: "/usr/bin:/bin",
      AWS_ACCESS_KEY_ID: hearth.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: hearth.credentials.secretAccessKey,
      AWS_DEFAULT_REGION: hearth.region,
    },
  });
  assert.deepEqual(JSON.parse(stdout), {
    statuses: [202, 202],
    body: "",
    modified: new Date().getFullYear(),
    listed: [`arn:aws:lambda:${hearth.region}:${hearth.owner}:function:job:$LATEST`],
  });
  await eventually(() => hasRun('{"boto3":1}'));
  await eventually(() => hasRun('{"boto3":2}'));
});
