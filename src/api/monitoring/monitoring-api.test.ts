import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { cbor, tag } from "@smithy/core/cbor";
import { PlatformError, silentLog } from "../../base/mod.ts";
import { ManualClock } from "../../base/testing.ts";
import { FunctionMetrics, MetricStore } from "../../monitoring/mod.ts";
import { ALICE, BOB, MemoryTableStore } from "../../registry/testing.ts";
import { testRequest } from "../lambda/testing.ts";
import { createMonitoringApi } from "./monitoring-api.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered
  readonly json: any;
}

function testMonitoring() {
  const clock = new ManualClock();
  const metrics = new MetricStore({ table: new MemoryTableStore(), clock, log: silentLog });
  const api = createMonitoringApi({ metrics, clock });
  const send = async (
    path: string,
    headers: Record<string, string>,
    body: Buffer,
    owner = ALICE,
  ): Promise<Answer> => {
    const request = testRequest("POST", path, { body, headers, owner });
    const answer = await api
      .handle(request)
      .catch((error) => api.failure(error, request.requestId, headers));
    const bytes = Buffer.from(answer.body as Buffer | string);
    const json = bytes[0] === 0x7b ? JSON.parse(bytes.toString()) : undefined;
    return { status: answer.status, headers: answer.headers, body: bytes, json };
  };
  return {
    ...{ clock, metrics, api },
    json: (operation: string, input: unknown, owner = ALICE) =>
      send(
        "/",
        { "x-amz-target": `GraniteServiceVersion20100801.${operation}` },
        Buffer.from(typeof input === "string" ? input : JSON.stringify(input)),
        owner,
      ),
    query: (form: string) => send("/", {}, Buffer.from(form)),
    cbor: (operation: string, body: Uint8Array) =>
      send(
        `/service/GraniteServiceVersion20100801/operation/${operation}`,
        { "smithy-protocol": "rpc-v2-cbor" },
        Buffer.from(body),
      ),
    packed: (operation: string, body: Buffer) =>
      send(
        "/",
        {
          "x-amz-target": `GraniteServiceVersion20100801.${operation}`,
          "content-encoding": "gzip",
        },
        body,
      ),
    [Symbol.asyncDispose]: () => metrics[Symbol.asyncDispose](),
  };
}

const NOW_S = 1_767_225_600;
const SPAN = { StartTime: NOW_S - 600, EndTime: NOW_S + 600 };
const ORDERS = { Namespace: "Shop", MetricName: "Orders" };
const STATISTICS = { ...ORDERS, ...SPAN, Period: 60, Statistics: ["Sum"] };

test("CloudWatch: one value through all three protocols", async () => {
  await using opened = testMonitoring();
  const put = await opened.json("PutMetricData", {
    Namespace: "Shop",
    MetricData: [{ MetricName: "Orders", Value: 2.5 }],
  });
  assert.equal(put.status, 200);
  const wanted = `Namespace=Shop&MetricName=Orders&Period=60&Statistics.member.1=Sum`;
  const times = "StartTime=2025-12-31T23:50:00Z&EndTime=2026-01-01T00:10:00Z";
  const xml = await opened.query(`Action=GetMetricStatistics&${wanted}&${times}`);
  assert.match(
    xml.body.toString(),
    /<Datapoints><member><Timestamp>2026-01-01T00:00:00Z<\/Timestamp><Sum>2\.5<\/Sum><Unit>None</,
  );
  const { json } = await opened.json("GetMetricStatistics", STATISTICS);
  const point = { Timestamp: NOW_S, Sum: 2.5, Unit: "None" };
  assert.deepEqual(json, { Label: "Orders", Datapoints: [point] });
  const time = (value: number) => tag({ tag: 1, value });
  const input = { ...STATISTICS, StartTime: time(SPAN.StartTime), EndTime: time(SPAN.EndTime) };
  const answer = await opened.cbor("GetMetricStatistics", cbor.serialize(input));
  assert.equal(answer.headers["smithy-protocol"], "rpc-v2-cbor");
  const [found] = cbor.deserialize(answer.body).Datapoints;
  assert.deepEqual([found.Sum, found.Timestamp.tag, found.Timestamp.value], [2.5, 1, NOW_S]);
});

test("CloudWatch: errors in the words of each protocol, also those of the edge", async () => {
  await using opened = testMonitoring();
  const { json, headers } = await opened.json("GetMetricStatistics", { ...STATISTICS, Period: 7 });
  assert.equal(json.__type, "com.amazonaws.cloudwatch#InvalidParameterValueException");
  assert.equal(headers["x-amzn-query-error"], "InvalidParameterValue;Sender");
  const xml = await opened.query("Action=%3CNone%3E");
  assert.match(xml.body.toString(), /<Code>InvalidAction<\/Code>.*operation &#60;None&#62;/);
  const { body } = await opened.cbor("ListMetrics", Buffer.from([0xff]));
  assert.match(cbor.deserialize(body).__type, /#SerializationException$/);
  const refusal = new PlatformError({ kind: "unauthenticated", reason: "unknown_key" }, "No key");
  const shown = opened.api.failure(refusal, "r", { "x-amz-target": "x" });
  assert.match(String(shown.body), /UnrecognizedClientException/);
  assert.match(String(opened.api.failure(refusal, "r").body), /<Code>UnrecognizedClient/);
  assert.match(String(opened.api.failure(new Error("detail"), "r").body), /InternalServiceError/);
});

test("CloudWatch: GetMetricData in both orders and by page", async () => {
  await using opened = testMonitoring();
  const data = Array.from({ length: 10 }, (_, at) => ({
    MetricName: "Orders",
    Timestamp: NOW_S - at * 60,
    Value: at,
  }));
  await opened.json("PutMetricData", { Namespace: "Shop", MetricData: data });
  const stat = { Metric: ORDERS, Period: 60, Stat: "Maximum" };
  const queries = ["a", "b"].map((Id) => ({ Id, MetricStat: stat, Label: `label ${Id}` }));
  const get = async (more: object) =>
    (await opened.json("GetMetricData", { ...SPAN, MetricDataQueries: queries, ...more })).json;
  const down = (await get({})).MetricDataResults;
  assert.deepEqual(down[0].Values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([down[1].Label, down[1].StatusCode], ["label b", "Complete"]);
  const up = (await get({ ScanBy: "TimestampAscending" })).MetricDataResults;
  assert.deepEqual(up[0].Values.at(0), 9);
  const values: Record<string, number[]> = { a: [], b: [] };
  let pages = 0;
  for (let token: string | undefined, isFirst = true; isFirst || token; isFirst = false) {
    const page = await get({ MaxDatapoints: 6, ...(token ? { NextToken: token } : {}) });
    for (const { Id, Values } of page.MetricDataResults) values[Id]?.push(...Values);
    token = page.NextToken;
    pages++;
  }
  assert.deepEqual([values.a, values.b, pages], [down[0].Values, down[0].Values, 4]);
});

test("CloudWatch: ListMetrics by page, by dimension, by how recent", async () => {
  await using opened = testMonitoring();
  const many = (from: number) =>
    Array.from({ length: 300 }, (_, at) => ({
      MetricName: `m${from + at}`,
      Value: 1,
      Dimensions: [{ Name: "Shop", Value: at % 2 === 0 ? "a" : "b" }],
    }));
  await opened.json("PutMetricData", { Namespace: "Own", MetricData: many(0) });
  await opened.json("PutMetricData", { Namespace: "Own", MetricData: many(300) });
  const list = async (input: object, owner = ALICE) =>
    (await opened.json("ListMetrics", input, owner)).json;
  const first = await list({});
  assert.equal(first.Metrics.length, 500);
  assert.equal((await list({ NextToken: first.NextToken })).Metrics.length, 100);
  const ofA = await list({ Dimensions: [{ Name: "Shop", Value: "a" }] });
  assert.equal(ofA.Metrics.length, 300);
  assert.deepEqual((await list({ Dimensions: [{ Name: "None" }] })).Metrics, []);
  assert.deepEqual((await list({}, BOB)).Metrics, []);
  await opened.clock.advance(5 * 3600 * 1000);
  assert.equal((await list({ RecentlyActive: "PT3H" })).Metrics.length, 0);
  assert.equal((await list({ MetricName: "m7" })).Metrics.length, 1);
});

test("METRIC-1: CloudWatch: owners never see each other's figures", async () => {
  await using opened = testMonitoring();
  const functions = new FunctionMetrics(opened.metrics);
  functions.record({
    ...{ owner: ALICE, functionName: "f", executedVersion: "$LATEST", status: "succeeded" },
    ...{ durationMs: 1, concurrent: 1, atMs: NOW_S * 1000 },
  });
  const wanted = {
    ...{ ...SPAN, Namespace: "AWS/Lambda", MetricName: "Invocations", Period: 60 },
    ...{ Statistics: ["Sum"], Dimensions: [{ Name: "FunctionName", Value: "f" }] },
  };
  assert.equal((await opened.json("GetMetricStatistics", wanted)).json.Datapoints.length, 1);
  assert.deepEqual((await opened.json("GetMetricStatistics", wanted, BOB)).json.Datapoints, []);
});

const datum = (more: object) => ({
  Namespace: "Own",
  MetricData: [{ MetricName: "m", ...more }],
});
const stat = { Metric: ORDERS, Period: 60, Stat: "Sum" };
const query = (...queries: object[]) => ({ ...SPAN, MetricDataQueries: queries });
const day = 24 * 3600;
/** Operation, input, and what AWS says to it. */
const REFUSED: [string, unknown, string, RegExp][] = [
  ["Nothing", {}, "UnknownOperationException", /Nothing/],
  ["ListMetrics", "{", "SerializationException", /./],
  ["ListMetrics", [], "ValidationError", /Structure/],
  ["ListMetrics", { Namespace: 5 }, "ValidationError", /can not be converted to String/],
  ["ListMetrics", { Namespace: ":x" }, "ValidationError", /regular expression pattern/],
  ["ListMetrics", { RecentlyActive: "PT1H" }, "ValidationError", /enum value set: \[PT3H\]/],
  ["ListMetrics", { NextToken: "?" }, "InvalidParameterValueException", /NextToken/],
  ["ListMetrics", { Dimensions: [{}] }, "ValidationError", /dimensions\.1\.member\.name/],
  [
    "GetMetricStatistics",
    { ...STATISTICS, Namespace: null },
    "MissingRequiredParameterException",
    /Namespace/,
  ],
  ["GetMetricStatistics", { ...STATISTICS, Statistics: ["Median"] }, "ValidationError", /enum/],
  [
    "GetMetricStatistics",
    { ...STATISTICS, Statistics: undefined },
    "MissingRequiredParameterException",
    /At least one/,
  ],
  [
    "GetMetricStatistics",
    { ...STATISTICS, ExtendedStatistics: ["tm99"] },
    "InvalidParameterValueException",
    /tm99/,
  ],
  [
    "GetMetricStatistics",
    { ...STATISTICS, StartTime: "yesterday" },
    "ValidationError",
    /Timestamp/,
  ],
  ["GetMetricStatistics", { ...STATISTICS, StartTime: 1e300 }, "ValidationError", /Timestamp/],
  [
    "GetMetricStatistics",
    { ...STATISTICS, EndTime: 1 },
    "InvalidParameterCombinationException",
    /less than/,
  ],
  [
    "GetMetricStatistics",
    { ...STATISTICS, StartTime: 1 },
    "InvalidParameterCombinationException",
    /1440/,
  ],
  ["GetMetricStatistics", { ...STATISTICS, Period: 0 }, "ValidationError", /equal to 1/],
  ["GetMetricStatistics", { ...STATISTICS, Unit: "Apples" }, "ValidationError", /enum/],
  ["GetMetricData", {}, "MissingRequiredParameterException", /MetricDataQueries/],
  ["GetMetricData", query(), "ValidationError", /greater than or equal to 1/],
  ["GetMetricData", query({ Id: "A", MetricStat: stat }), "ValidationError", /regular/],
  ["GetMetricData", query({ Id: "a" }), "ValidationError", /metricStat.*not be null/],
  ["GetMetricData", query({ Id: "a", Expression: "1" }), "ValidationError", /expression/],
  [
    "GetMetricData",
    query({ Id: "a", MetricStat: stat }, { Id: "a", MetricStat: stat }),
    "ValidationError",
    /several/,
  ],
  [
    "GetMetricData",
    query({ Id: "a", MetricStat: { ...stat, Stat: "p500" } }),
    "ValidationError",
    /p500/,
  ],
  [
    "GetMetricData",
    { ...query({ Id: "a", MetricStat: stat }), NextToken: "x" },
    "InvalidNextToken",
    /token/,
  ],
  [
    "GetMetricData",
    { ...query({ Id: "a", MetricStat: stat }), MaxDatapoints: 0 },
    "ValidationError",
    /./,
  ],
  ["PutMetricData", { Namespace: "Own" }, "MissingRequiredParameterException", /MetricData/],
  [
    "PutMetricData",
    { Namespace: "AWS/X", MetricData: [] },
    "InvalidParameterValueException",
    /AWS\//,
  ],
  ["PutMetricData", datum({}), "MissingRequiredParameterException", /Exactly one/],
  ["PutMetricData", datum({ Value: "NaN" }), "ValidationError", /Double/],
  ["PutMetricData", datum({ Value: 1e300 }), "InvalidParameterValueException", /invalid/],
  [
    "PutMetricData",
    datum({ Value: 1, Values: [1] }),
    "InvalidParameterCombinationException",
    /one of/,
  ],
  [
    "PutMetricData",
    datum({ Values: [1, 2], Counts: [1] }),
    "InvalidParameterValueException",
    /same/,
  ],
  [
    "PutMetricData",
    datum({ Value: 1, Timestamp: NOW_S - 15 * day }),
    "InvalidParameterValueException",
    /two weeks/,
  ],
  [
    "PutMetricData",
    datum({ Value: 1, Timestamp: NOW_S + day }),
    "InvalidParameterValueException",
    /./,
  ],
  ["PutMetricData", datum({ StatisticValues: { Sum: 1 } }), "ValidationError", /sampleCount/],
  ["PutMetricData", datum({ Value: 1, Dimensions: "x" }), "ValidationError", /List/],
];

test("CloudWatch: bad input gets AWS's error", async () => {
  await using opened = testMonitoring();
  for (const [operation, input, shape, message] of REFUSED) {
    const { status, json } = await opened.json(operation, input);
    const shown = `${operation} ${JSON.stringify(input).slice(0, 200)}`;
    assert.equal(status, 400, shown);
    assert.equal(json.__type, `com.amazonaws.cloudwatch#${shape}`, shown);
    assert.match(json.message, message, shown);
  }
});

test("CloudWatch: a request that unpacks to too much is refused", async () => {
  await using opened = testMonitoring();
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 32));
  const { json } = await opened.packed("PutMetricData", bomb);
  assert.match(json.__type, /#SerializationException$/);
  const deep = Buffer.alloc(500_000, 0x81);
  const answer = await opened.cbor("ListMetrics", deep);
  assert.match(cbor.deserialize(answer.body).__type, /#SerializationException$/);
  const form = `Action=ListMetrics&${"a.".repeat(1000)}b=1`;
  assert.match((await opened.query(form)).body.toString(), /<Code>InvalidParameterValue</);
});
