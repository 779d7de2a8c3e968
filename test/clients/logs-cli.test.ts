import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { awsCli, noCli } from "../support/aws-command.ts";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

const GROUP = "/aws/lambda/chatty";
const CODE = handlerFile("console.log('seen', event.n); console.error('an ERROR'); return 1;");

test("LOG-4: AWS CLI: reads, filters, keeps and deletes what functions logged", {
  skip: noCli,
}, async () => {
  await using hearth = await startHearth();
  await using aws = await awsCli(hearth);
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "chatty", files: CODE });
  for (const n of [1, 2, 3]) await call(lambda, "chatty", { n });

  const tail = await aws("logs", "tail", GROUP, "--format", "short");
  const lines = tail.text.split("\n").map((line) => line.slice("2026-01-01T00:00:00 ".length));
  assert.equal(lines.filter((line) => /^START RequestId: /.test(line)).length, 3);
  assert.equal(lines.filter((line) => /\tINFO\tseen \d$/.test(line)).length, 3);
  assert.equal(lines.filter((line) => /^REPORT RequestId: /.test(line)).length, 3);

  const groups = await aws("logs", "describe-log-groups", "--log-group-name-prefix", "/aws/lam");
  const [group] = groups.json.logGroups;
  const arn = `arn:aws:logs:${hearth.region}:${hearth.owner}:log-group:${GROUP}:*`;
  assert.deepEqual([group.logGroupName, group.arn, group.retentionInDays], [GROUP, arn, undefined]);
  assert.ok(group.storedBytes > 300);

  const named = ["--log-group-name", GROUP];
  const streams = await aws(
    "logs",
    "describe-log-streams",
    ...named,
    "--order-by",
    "LastEventTime",
  );
  const [stream] = streams.json.logStreams;
  assert.match(stream.logStreamName, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\]\S+$/);

  const filtered = await aws("logs", "filter-log-events", ...named, "--filter-pattern", '"seen 2"');
  assert.deepEqual(
    filtered.json.events.map(({ message }: { message: string }) => message.split("\t").at(-1)),
    ["seen 2"],
  );
  const got = await aws(
    ...["logs", "get-log-events", ...named, "--log-stream-name", stream.logStreamName],
    ...["--start-from-head", "--limit", "2"],
  );
  assert.equal(got.json.events.length, 2);
  assert.match(got.json.events[0].message, /^START RequestId/);

  await aws("logs", "put-retention-policy", ...named, "--retention-in-days", "7");
  const kept = await aws("logs", "describe-log-groups");
  assert.equal(kept.json.logGroups[0].retentionInDays, 7);
  const wrong = await aws("logs", "put-retention-policy", ...named, "--retention-in-days", "8");
  assert.match(wrong.error, /\(InvalidParameterException\).*Value '8' at 'retentionInDays'/);

  assert.equal((await aws("lambda", "delete-function", "--function-name", "chatty")).error, "");
  assert.equal((await aws("logs", "describe-log-groups")).json.logGroups.length, 1);
  assert.equal((await aws("logs", "delete-log-group", ...named)).error, "");
  const gone = await aws("logs", "tail", GROUP);
  assert.match(
    gone.error,
    /\(ResourceNotFoundException\).*The specified log group does not exist\./,
  );
});

test("AWS CLI: logs tail --follow shows what comes later", { skip: noCli }, async () => {
  await using hearth = await startHearth();
  await using aws = await awsCli(hearth);
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "chatty", files: CODE });
  await call(lambda, "chatty", { n: 1 });
  const follower = aws.start("logs", "tail", GROUP, "--follow", "--format", "short");
  try {
    const seen: string[] = [];
    assert.ok(follower.stdout);
    for await (const line of createInterface({ input: follower.stdout })) {
      const n = /seen (\d)$/.exec(line)?.[1];
      if (n === undefined) continue;
      seen.push(n);
      if (n === "1") await call(lambda, "chatty", { n: 2 });
      if (n === "2") break;
    }
    assert.deepEqual(seen, ["1", "2"]);
  } finally {
    const exited = once(follower, "exit");
    follower.kill("SIGKILL");
    await exited;
  }
});
