import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  CloudWatchClient,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  InvalidParameterValueException,
  ListMetricsCommand,
  PutMetricDataCommand,
} from "@aws-sdk/client-cloudwatch";
import { awsCli, noCli } from "../support/aws-command.ts";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestCredentials, type TestHearth } from "../support/hearth.ts";

/** Metrics of functions through the clients of CloudWatch, each in its own protocol. */

const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("cloudwatch_boto3.py", import.meta.url));
const hasBoto3 = spawnSync(PYTHON, ["-c", "import boto3"]).status === 0;
const run = promisify(execFile);

let hearth: TestHearth;

/** Three calls, one of which fails, of a function; one of them by its version. */
before(async () => {
  hearth = await startHearth();
  const lambda = hearth.lambda();
  const files = handlerFile("if (event.fail) throw new Error('wanted'); return 1;");
  await deploy(lambda, { name: "counted", files, more: { Publish: true } });
  await call(lambda, "counted");
  await call(lambda, "counted", { fail: true });
  await call(lambda, "counted", {}, "1");
  lambda.destroy();
});
after(() => hearth[Symbol.asyncDispose]());

function clientOf(credentials: TestCredentials = hearth.credentials): CloudWatchClient {
  const { url: endpoint, region } = hearth;
  return new CloudWatchClient({ endpoint, region, credentials, maxAttempts: 1 });
}

const FUNCTION = { Name: "FunctionName", Value: "counted" };
const spanNow = () => ({
  StartTime: new Date(Date.now() - 600_000),
  EndTime: new Date(Date.now() + 60_000),
});

function queryOf(Id: string, MetricName: string, Stat: string, ...Dimensions: object[]) {
  const Metric = { Namespace: "AWS/Lambda", MetricName, Dimensions: Dimensions as [] };
  return { Id, MetricStat: { Metric, Period: 3600, Stat } };
}

test("METRIC-1: SDK: a function's metrics by name, by version and for the account", async () => {
  const client = clientOf();
  const resource = { Name: "Resource", Value: "counted:1" };
  const { MetricDataResults = [] } = await client.send(
    new GetMetricDataCommand({
      ...spanNow(),
      MetricDataQueries: [
        queryOf("calls", "Invocations", "Sum", FUNCTION),
        queryOf("errors", "Errors", "Sum", FUNCTION),
        queryOf("ofVersion", "Invocations", "Sum", resource, FUNCTION),
        queryOf("ofAll", "Invocations", "Sum"),
        queryOf("duration", "Duration", "p99", FUNCTION),
        queryOf("beside", "ConcurrentExecutions", "Maximum", FUNCTION),
      ],
    }),
  );
  const sums = MetricDataResults.map(({ Id, Values = [] }) => [
    Id,
    Values.reduce((sum, value) => sum + value, 0),
  ]);
  const { duration, ...rest } = Object.fromEntries(sums);
  assert.deepEqual(rest, { calls: 3, errors: 1, ofVersion: 1, ofAll: 3, beside: 1 });
  assert.ok(duration > 0);
  const { Timestamps = [] } = MetricDataResults[0] ?? {};
  assert.ok(Timestamps.every((each) => each instanceof Date));
  client.destroy();
});

test("SDK: own metrics, packed or not; refusals by their names", async () => {
  const client = clientOf();
  const data = Array.from({ length: 500 }, (_, at) => ({ MetricName: "Big", Value: at }));
  await client.send(new PutMetricDataCommand({ Namespace: "Own", MetricData: data }));
  const { Datapoints = [] } = await client.send(
    new GetMetricStatisticsCommand({
      ...spanNow(),
      ...{ Namespace: "Own", MetricName: "Big", Period: 3600 },
      ...{ Statistics: ["SampleCount", "Maximum"], ExtendedStatistics: ["p50"] },
    }),
  );
  const [first] = Datapoints;
  assert.deepEqual([first?.SampleCount, first?.Maximum, first?.Unit], [500, 499, "None"]);
  assert.ok(Math.abs((first?.ExtendedStatistics?.p50 ?? 0) / 250 - 1) < 0.02);
  const reserved = { Namespace: "AWS/Own", MetricData: data };
  await assert.rejects(
    client.send(new PutMetricDataCommand(reserved)),
    InvalidParameterValueException,
  );
  const wrong = clientOf({ ...hearth.credentials, secretAccessKey: "wrong" });
  await assert.rejects(wrong.send(new ListMetricsCommand({})), {
    name: "InvalidSignatureException",
  });
  const stranger = clientOf(await hearth.createOwner("stranger"));
  assert.deepEqual((await stranger.send(new ListMetricsCommand({}))).Metrics, []);
  for (const each of [client, wrong, stranger]) each.destroy();
});

test("AWS CLI: get-metric-statistics and list-metrics", { skip: noCli }, async () => {
  await using aws = await awsCli(hearth);
  const { StartTime, EndTime } = spanNow();
  const statistics = await aws(
    ...["cloudwatch", "get-metric-statistics", "--namespace", "AWS/Lambda"],
    ...["--metric-name", "Invocations", "--dimensions", "Name=FunctionName,Value=counted"],
    ...["--start-time", StartTime.toISOString(), "--end-time", EndTime.toISOString()],
    ...["--period", "3600", "--statistics", "Sum"],
  );
  assert.equal(statistics.error, "");
  assert.equal(statistics.json.Label, "Invocations");
  assert.deepEqual(
    statistics.json.Datapoints.map((each: { Sum: number; Unit: string }) => [each.Sum, each.Unit]),
    [[3, "Count"]],
  );
  const listed = await aws("cloudwatch", "list-metrics", "--metric-name", "Errors");
  assert.deepEqual(
    listed.json.Metrics.map(({ Dimensions }: { Dimensions: { Name: string }[] }) =>
      Dimensions.map(({ Name }) => Name).join(" "),
    ).sort(),
    ["", "FunctionName", "FunctionName Resource"],
  );
  const wrong = await aws("cloudwatch", "list-metrics", "--namespace", ":bad");
  assert.match(wrong.error, /\(ValidationError\) when calling the ListMetrics operation: 1 val/);
});

test("boto3: metrics of functions and of its own", {
  skip: hasBoto3 ? false : `${PYTHON} has no boto3`,
}, async () => {
  const { stdout } = await run(PYTHON, [SCRIPT, hearth.url], {
    env: {
      PATH: "/usr/bin:/bin",
      AWS_ACCESS_KEY_ID: hearth.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: hearth.credentials.secretAccessKey,
      AWS_DEFAULT_REGION: hearth.region,
    },
  });
  const { orders, names, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, {
    sums: [3, 1],
    duration: true,
    statuses: ["Complete", "Complete", "Complete"],
    reserved: ["InvalidParameterValue", 400],
    combination: ["InvalidParameterCombination", 400],
    unknown: ["InvalidAction", 400],
  });
  const [{ ExtendedStatistics, ...figures }] = orders;
  assert.deepEqual(figures, { Sum: 7, SampleCount: 3, Maximum: 5, Unit: "Count" });
  assert.ok(Math.abs(ExtendedStatistics.p50 - 1) < 0.02);
  for (const name of ["Duration", "Errors", "Invocations", "Throttles"]) {
    assert.ok(names.includes(name), name);
  }
});

test("Prometheus: an owner's functions, and nobody else's", async () => {
  const mine = await hearth.admin("GET", "/_hearth/functions/metrics");
  assert.match(mine.text, /^hearth_function_invocations_total\{function="counted"\} 3$/m);
  assert.match(mine.text, /^hearth_function_errors_total\{function="counted"\} 1$/m);
  const credentials = await hearth.createOwner("other");
  const others = await hearth.admin("GET", "/_hearth/functions/metrics", { credentials });
  assert.equal(others.status, 200);
  assert.doesNotMatch(others.text, /counted/);
});
