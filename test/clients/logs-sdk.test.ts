import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogGroupsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  InvalidParameterException,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  paginateFilterLogEvents,
  ResourceNotFoundException,
} from "@aws-sdk/client-cloudwatch-logs";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestCredentials, type TestHearth } from "../support/hearth.ts";

function clientOf(hearth: TestHearth, credentials: TestCredentials = hearth.credentials) {
  const { url: endpoint, region } = hearth;
  return new CloudWatchLogsClient({ endpoint, region, credentials, maxAttempts: 1 });
}

const GROUP = { logGroupName: "/aws/lambda/shared" };

test("SDK: two functions share a group, other owners see none of it", async () => {
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  const logs = clientOf(hearth);
  const more = { LoggingConfig: { LogGroup: GROUP.logGroupName } };
  for (const name of ["one", "two"]) {
    const files = handlerFile(`console.log("from ${name}");`);
    await deploy(lambda, { name, files, more });
    await call(lambda, name);
  }
  const found: string[] = [];
  const wanted = { ...GROUP, filterPattern: "from", limit: 1 };
  for await (const page of paginateFilterLogEvents({ client: logs }, wanted)) {
    for (const { message = "" } of page.events ?? []) found.push(message.split("\t").at(-1) ?? "");
  }
  assert.deepEqual(found, ["from one", "from two"]);
  assert.match((await hearth.admin("GET", "/_hearth/functions/one/logs")).text, /from one/);
  assert.doesNotMatch((await hearth.admin("GET", "/_hearth/functions/one/logs")).text, /from two/);

  const stranger = clientOf(hearth, await hearth.createOwner("stranger"));
  const { logGroups } = await stranger.send(new DescribeLogGroupsCommand({}));
  assert.deepEqual(logGroups, []);
  await assert.rejects(stranger.send(new FilterLogEventsCommand(GROUP)), ResourceNotFoundException);
  for (const client of [lambda, logs, stranger]) client.destroy();
});

test("SDK: what a client puts is there after a restart, with the group's settings", async (t) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-logs-"));
  t.after(() => rm(dataDirectory, { recursive: true }));
  const own = { logGroupName: "own" };
  const stream = { ...own, logStreamName: "s" };
  const message = "put — ünïcode\nwith two lines";
  {
    await using hearth = await startHearth({ dataDirectory });
    const client = clientOf(hearth);
    await client.send(new CreateLogGroupCommand({ ...own, tags: { team: "a" } }));
    await client.send(new CreateLogStreamCommand(stream));
    await client.send(new PutRetentionPolicyCommand({ ...own, retentionInDays: 30 }));
    const logEvents = [{ timestamp: Date.now(), message }];
    await client.send(new PutLogEventsCommand({ ...stream, logEvents }));
    const wrong = new PutRetentionPolicyCommand({ ...own, retentionInDays: 31 });
    await assert.rejects(client.send(wrong), InvalidParameterException);
    client.destroy();
  }
  await using hearth = await startHearth({ dataDirectory });
  const client = clientOf(hearth);
  const { logGroups = [] } = await client.send(new DescribeLogGroupsCommand({}));
  assert.equal(logGroups[0]?.retentionInDays, 30);
  const page = await client.send(new GetLogEventsCommand({ ...stream, startFromHead: true }));
  assert.deepEqual(
    page.events?.map((event) => event.message),
    [message],
  );
  const next = { ...stream, startFromHead: true, nextToken: page.nextForwardToken };
  const end = await client.send(new GetLogEventsCommand(next));
  assert.deepEqual([end.events, end.nextForwardToken], [[], page.nextForwardToken]);
  client.destroy();
});
