import assert from "node:assert/strict";
import { test } from "node:test";
import type { Owner } from "../../model/mod.ts";
import { type TestLogs, targetOf, testLogs } from "../../monitoring/testing.ts";
import { BOB } from "../../registry/testing.ts";
import { testRequest } from "../lambda/testing.ts";
import { createLogsApi } from "./logs-api.ts";

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered
  readonly json: any;
}

type Send = (operation: string, body?: unknown, owner?: Owner) => Promise<Answer>;

function senderOf({ logs }: TestLogs): Send {
  const api = createLogsApi({ logs, region: "us-east-1" });
  return async (operation, body = {}, owner) => {
    const request = testRequest("POST", "/", {
      body,
      headers: { "x-amz-target": `Logs_20140328.${operation}` },
      ...(owner === undefined ? {} : { owner }),
    });
    const { status, body: answer } = await api
      .handle(request)
      .catch((error) => api.failure(error, request.requestId));
    const text = String(answer);
    return { status, json: text === "" ? undefined : JSON.parse(text) };
  };
}

const GROUP = { logGroupName: "own" };
const STREAM = { ...GROUP, logStreamName: "s" };

test("CloudWatch Logs: a group's life, with tags and retention", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  assert.deepEqual(await send("CreateLogGroup", { ...GROUP, tags: { a: "1" } }), {
    status: 200,
    json: undefined,
  });
  const again = await send("CreateLogGroup", GROUP);
  assert.equal(again.status, 400);
  assert.deepEqual(again.json, {
    __type: "ResourceAlreadyExistsException",
    message: "The specified log group already exists",
  });
  const resourceArn = "arn:aws:logs:us-east-1:111111111111:log-group:own";
  await send("TagResource", { resourceArn, tags: { b: "2" } });
  await send("UntagLogGroup", { ...GROUP, tags: ["a"] });
  assert.deepEqual((await send("ListTagsForResource", { resourceArn })).json, { tags: { b: "2" } });
  assert.deepEqual((await send("ListTagsLogGroup", GROUP)).json, { tags: { b: "2" } });
  await send("PutRetentionPolicy", { ...GROUP, retentionInDays: 14 });
  const [group] = (await send("DescribeLogGroups")).json.logGroups;
  assert.deepEqual(group, {
    ...{ logGroupName: "own", creationTime: opened.clock.now(), retentionInDays: 14 },
    ...{ metricFilterCount: 0, arn: `${resourceArn}:*`, storedBytes: 0 },
    ...{ logGroupClass: "STANDARD", logGroupArn: resourceArn },
  });
  await send("DeleteRetentionPolicy", GROUP);
  assert.equal((await send("DescribeLogGroups")).json.logGroups[0].retentionInDays, undefined);
  await send("DeleteLogGroup", GROUP);
  assert.deepEqual((await send("DescribeLogGroups")).json, { logGroups: [] });
});

test("CloudWatch Logs: groups come by page, prefix and pattern", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  for (const name of ["/a/one", "/a/two", "/b/One"]) {
    await send("CreateLogGroup", { logGroupName: name });
  }
  const names = async (body: unknown, operation = "DescribeLogGroups"): Promise<string[]> =>
    (await send(operation, body)).json.logGroups.map(
      ({ logGroupName }: { logGroupName: string }) => logGroupName,
    );
  assert.deepEqual(await names({ logGroupNamePrefix: "/a/" }), ["/a/one", "/a/two"]);
  assert.deepEqual(await names({ logGroupNamePattern: "ONE" }), ["/a/one", "/b/One"]);
  assert.deepEqual(await names({ logGroupNamePattern: "^/a/|One" }, "ListLogGroups"), [
    ...["/a/one", "/a/two", "/b/One"],
  ]);
  const first = (await send("DescribeLogGroups", { limit: 2 })).json;
  assert.equal(first.logGroups.length, 2);
  assert.deepEqual(await names({ limit: 2, nextToken: first.nextToken }), ["/b/One"]);
});

test("CloudWatch Logs: streams in order of name or of last event", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  const now = opened.clock.now();
  await send("CreateLogGroup", GROUP);
  for (const [at, logStreamName] of ["c", "a", "b"].entries()) {
    await send("CreateLogStream", { ...GROUP, logStreamName });
    const logEvents = [{ timestamp: now + at, message: logStreamName }];
    await send("PutLogEvents", { ...GROUP, logStreamName, logEvents });
  }
  await send("CreateLogStream", { ...GROUP, logStreamName: "empty" });
  const names = async (body: object): Promise<string> => {
    const { json } = await send("DescribeLogStreams", { ...GROUP, ...body });
    return json.logStreams.map((each: { logStreamName: string }) => each.logStreamName).join(" ");
  };
  assert.equal(await names({}), "a b c empty");
  assert.equal(await names({ descending: true }), "empty c b a");
  assert.equal(await names({ orderBy: "LastEventTime", descending: true }), "b a c empty");
  assert.equal(await names({ logStreamNamePrefix: "e" }), "empty");
  const page = (await send("DescribeLogStreams", { ...GROUP, limit: 3 })).json;
  assert.equal(await names({ limit: 3, nextToken: page.nextToken }), "empty");
  const [a] = page.logStreams;
  assert.deepEqual([a.firstEventTimestamp, a.lastEventTimestamp], [now + 1, now + 1]);
  assert.equal(
    page.logStreams[0].arn,
    "arn:aws:logs:us-east-1:111111111111:log-group:own:log-stream:a",
  );
  const exists = await send("CreateLogStream", { ...GROUP, logStreamName: "a" });
  assert.equal(exists.json.__type, "ResourceAlreadyExistsException");
  await send("DeleteLogStream", { ...GROUP, logStreamName: "a" });
  assert.equal(await names({}), "b c empty");
});

test("CloudWatch Logs: GetLogEvents gives the same token at an end", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  const now = opened.clock.now();
  await send("CreateLogGroup", GROUP);
  await send("CreateLogStream", STREAM);
  const empty = (await send("GetLogEvents", STREAM)).json;
  assert.deepEqual(empty.events, []);
  const logEvents = [1, 2, 3].map((n) => ({ timestamp: now + n, message: `m${n}` }));
  await send("PutLogEvents", { ...STREAM, logEvents });
  const get = async (body: object): Promise<[string, string, string]> => {
    const { json } = await send("GetLogEvents", { ...STREAM, ...body });
    const text = json.events.map(({ message }: { message: string }) => message).join(" ");
    return [text, json.nextForwardToken, json.nextBackwardToken];
  };
  assert.equal((await get({ nextToken: empty.nextForwardToken }))[0], "m1 m2 m3");
  const [head, forward, backward] = await get({ startFromHead: true, limit: 2 });
  assert.equal(head, "m1 m2");
  const [rest, end] = await get({ nextToken: forward });
  assert.equal(rest, "m3");
  assert.deepEqual((await get({ nextToken: end })).slice(0, 2), ["", end]);
  const [none, , start] = await get({ nextToken: backward });
  assert.deepEqual([none, start], ["", backward]);
  assert.equal((await get({ limit: 1 }))[0], "m3");
  assert.equal((await get({ startTime: now + 2, endTime: now + 3 }))[0], "m2");
  assert.match(forward, /^f\/\d{56}\/s$/);
});

test("CloudWatch Logs: FilterLogEvents over streams, by page", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  const { logs } = opened;
  for (let at = 0; at < 6; at++) {
    const message = Buffer.from(at % 2 === 0 ? `even ${at}` : JSON.stringify({ at }));
    logs.append(targetOf("f", { stream: `s${at % 3}` }), [{ timestampMs: at, message }]);
  }
  const group = {
    logGroupIdentifier: "arn:aws:logs:us-east-1:111111111111:log-group:/aws/lambda/f",
  };
  const filter = async (body: object): Promise<string> => {
    const { json } = await send("FilterLogEvents", { ...group, ...body });
    return json.events.map(({ message }: { message: string }) => message).join(" ");
  };
  assert.equal(await filter({ filterPattern: "even" }), "even 0 even 2 even 4");
  assert.equal(await filter({ filterPattern: "{ $.at > 2 }" }), '{"at":3} {"at":5}');
  assert.equal(
    await filter({ logStreamNames: ["s0", "s1"], filterPattern: "even" }),
    "even 0 even 4",
  );
  assert.equal(await filter({ logStreamNamePrefix: "s2" }), 'even 2 {"at":5}');
  assert.equal(await filter({ startTime: 1, endTime: 2 }), '{"at":1} even 2');
  const first = (await send("FilterLogEvents", { ...group, limit: 4 })).json;
  assert.equal(first.events.length, 4);
  assert.deepEqual(first.searchedLogStreams, []);
  const second = (await send("FilterLogEvents", { ...group, nextToken: first.nextToken })).json;
  assert.deepEqual([second.events.length, second.nextToken], [2, undefined]);
  const ids = new Set([...first.events, ...second.events].map(({ eventId }) => eventId));
  assert.equal(ids.size, 6);
});

test("CloudWatch Logs: PutLogEvents says which events it refused", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  const now = opened.clock.now();
  await send("CreateLogGroup", GROUP);
  await send("CreateLogStream", STREAM);
  const put = async (...times: number[]): Promise<Answer> =>
    await send("PutLogEvents", {
      ...STREAM,
      logEvents: times.map((timestamp) => ({ timestamp, message: "m" })),
    });
  const day = 24 * 3600 * 1000;
  assert.equal((await put(now)).json.rejectedLogEventsInfo, undefined);
  const mixed = (await put(now, now + day / 4)).json.rejectedLogEventsInfo;
  assert.deepEqual(mixed, { tooNewLogEventStartIndex: 1 });
  const old = (await put(now - 15 * day)).json.rejectedLogEventsInfo;
  assert.deepEqual(old, { tooOldLogEventEndIndex: 1 });
  await send("PutRetentionPolicy", { ...GROUP, retentionInDays: 1 });
  const expired = (await put(now - 2 * day)).json.rejectedLogEventsInfo;
  assert.deepEqual(expired, { expiredLogEventEndIndex: 1 });
  assert.match((await put(2, 1)).json.message, /chronological order/);
});

test("LOG-4: CloudWatch Logs: owners never see each other's groups", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  await send("CreateLogGroup", GROUP);
  await send("CreateLogStream", STREAM);
  const now = opened.clock.now();
  await send("PutLogEvents", { ...STREAM, logEvents: [{ timestamp: now, message: "secret" }] });
  assert.deepEqual((await send("DescribeLogGroups", {}, BOB)).json.logGroups, []);
  assert.deepEqual((await send("ListLogGroups", {}, BOB)).json.logGroups, []);
  const resourceArn = "arn:aws:logs:us-east-1:111111111111:log-group:own";
  const attempts: [string, object][] = [
    ["DescribeLogStreams", GROUP],
    ["GetLogEvents", STREAM],
    ["FilterLogEvents", GROUP],
    ["PutLogEvents", { ...STREAM, logEvents: [{ timestamp: now, message: "m" }] }],
    ["CreateLogStream", { ...GROUP, logStreamName: "t" }],
    ["DeleteLogStream", STREAM],
    ["DeleteLogGroup", GROUP],
    ["PutRetentionPolicy", { ...GROUP, retentionInDays: 1 }],
    ["DeleteRetentionPolicy", GROUP],
    ["TagLogGroup", { ...GROUP, tags: { a: "1" } }],
    ["UntagLogGroup", { ...GROUP, tags: ["a"] }],
    ["ListTagsLogGroup", GROUP],
  ];
  for (const [operation, body] of attempts) {
    const { json } = await send(operation, body, BOB);
    assert.equal(json.__type, "ResourceNotFoundException", operation);
  }
  for (const [operation, body] of [
    ["FilterLogEvents", { logGroupIdentifier: resourceArn }],
    ["ListTagsForResource", { resourceArn }],
    ["TagResource", { resourceArn, tags: { a: "1" } }],
    ["UntagResource", { resourceArn, tagKeys: ["a"] }],
  ] as const) {
    const { json } = await send(operation, body, BOB);
    assert.equal(json.__type, "InvalidParameterException", operation);
  }
  assert.equal((await send("FilterLogEvents", GROUP)).json.events[0].message, "secret");
});

/** Operation, input, and what AWS says to it. */
const REFUSED: [string, unknown, string, RegExp][] = [
  ["Nothing", {}, "UnknownOperationException", /Logs_20140328\.Nothing/],
  ["CreateLogGroup", {}, "InvalidParameterException", /at 'logGroupName'.*must not be null/],
  ["CreateLogGroup", { logGroupName: 5 }, "SerializationException", /./],
  ["CreateLogGroup", { logGroupName: "a b" }, "InvalidParameterException", /regular expression/],
  ["CreateLogGroup", { logGroupName: "x".repeat(513) }, "InvalidParameterException", /512/],
  ["CreateLogGroup", { logGroupName: "aws/x" }, "InvalidParameterException", /reserved/],
  ["CreateLogGroup", { logGroupName: "k", kmsKeyId: "k" }, "InvalidParameterException", /kms/],
  ["CreateLogGroup", { logGroupName: "k", tags: {} }, "InvalidParameterException", /./],
  ["CreateLogStream", { ...GROUP, logStreamName: "a:b" }, "InvalidParameterException", /./],
  [
    "CreateLogStream",
    { logGroupName: "no", logStreamName: "a" },
    "ResourceNotFoundException",
    /group/,
  ],
  ["DeleteLogGroup", { logGroupName: "no" }, "ResourceNotFoundException", /log group/],
  ["DeleteLogStream", { ...GROUP, logStreamName: "no" }, "ResourceNotFoundException", /stream/],
  ["DescribeLogGroups", { limit: 51 }, "InvalidParameterException", /less than or equal to 50/],
  ["DescribeLogGroups", { nextToken: "?" }, "InvalidParameterException", /nextToken is invalid/],
  [
    "DescribeLogGroups",
    { logGroupNamePrefix: "a", logGroupNamePattern: "b" },
    ...(["InvalidParameterException", /mutually exclusive/] as const),
  ],
  ["ListLogGroups", { logGroupNamePattern: "a" }, "InvalidParameterException", /./],
  ["DescribeLogStreams", {}, "InvalidParameterException", /Either logGroupName or/],
  ["DescribeLogStreams", { ...GROUP, orderBy: "x" }, "InvalidParameterException", /enum/],
  [
    "DescribeLogStreams",
    { ...GROUP, orderBy: "LastEventTime", logStreamNamePrefix: "a" },
    ...(["InvalidParameterException", /Cannot order by LastEventTime/] as const),
  ],
  ["DescribeLogStreams", { logGroupIdentifier: "arn:aws:x" }, "InvalidParameterException", /ARN/],
  ["GetLogEvents", { ...STREAM, nextToken: "f/1/s" }, "InvalidParameterException", /nextToken/],
  ["GetLogEvents", { ...STREAM, startTime: -1 }, "InvalidParameterException", /equal to 0/],
  ["GetLogEvents", { ...STREAM, limit: "1" }, "SerializationException", /./],
  ["GetLogEvents", { ...GROUP, logStreamName: "no" }, "ResourceNotFoundException", /stream/],
  ["FilterLogEvents", { ...GROUP, nextToken: "x" }, "InvalidParameterException", /nextToken/],
  ["FilterLogEvents", { ...GROUP, filterPattern: "{" }, "InvalidParameterException", /pattern/],
  ["FilterLogEvents", { ...GROUP, logStreamNames: ["no"] }, "ResourceNotFoundException", /stream/],
  ["FilterLogEvents", { ...GROUP, logStreamNames: [] }, "InvalidParameterException", /./],
  ["PutRetentionPolicy", { ...GROUP, retentionInDays: 2 }, "InvalidParameterException", /enum/],
  ["PutRetentionPolicy", GROUP, "InvalidParameterException", /retentionInDays/],
  ["DeleteRetentionPolicy", { logGroupName: "no" }, "ResourceNotFoundException", /group/],
  ["PutLogEvents", { ...STREAM, logEvents: [] }, "InvalidParameterException", /./],
  ["PutLogEvents", { ...STREAM, logEvents: [{ message: "m" }] }, "InvalidParameterException", /./],
  ["PutLogEvents", { ...STREAM, logEvents: "x" }, "SerializationException", /./],
  ["TagResource", { resourceArn: "x", tags: { a: "b" } }, "InvalidParameterException", /ARN/],
  ["UntagResource", { resourceArn: "x" }, "InvalidParameterException", /tagKeys/],
  ["ListTagsForResource", {}, "InvalidParameterException", /resourceArn/],
  ["ListTagsLogGroup", { logGroupName: "no" }, "ResourceNotFoundException", /group/],
  ["UntagLogGroup", { ...GROUP, tags: [] }, "InvalidParameterException", /./],
  ["TagLogGroup", { ...GROUP, tags: { a: "x".repeat(257) } }, "InvalidParameterException", /./],
];

test("CloudWatch Logs: bad input gets AWS's error", async () => {
  await using opened = await testLogs();
  const send = senderOf(opened);
  await send("CreateLogGroup", GROUP);
  await send("CreateLogStream", STREAM);
  for (const [operation, body, code, message] of REFUSED) {
    const { status, json } = await send(operation, body);
    const shown = `${operation} ${JSON.stringify(body).slice(0, 80)}`;
    assert.equal(status, 400, shown);
    assert.equal(json.__type, code, shown);
    assert.match(json.message, message, shown);
  }
  const full = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`k${at}`, "v"]));
  await send("TagLogGroup", { ...GROUP, tags: full });
  const many = await send("TagLogGroup", { ...GROUP, tags: { more: "v" } });
  assert.equal(many.json.__type, "TooManyTagsException");
});
