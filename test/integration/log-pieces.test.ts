import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { deploy, handlerFile, invokeHeld } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

test("LOG-2 lines of a call are in its log group while the call goes on", async () => {
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  const body = `console.log("so far"); await new Promise((r) => setTimeout(r, 20_000)); return 1;`;
  await deploy(lambda, { name: "f", files: handlerFile(body), more: { Timeout: 30 } });
  const { url: endpoint, region, credentials } = hearth;
  using logs = disposable(new CloudWatchLogsClient({ endpoint, region, credentials }));
  const held = invokeHeld(lambda, "f");
  const find = new FilterLogEventsCommand({
    logGroupName: "/aws/lambda/f",
    filterPattern: '"so far"',
  });
  while (true) {
    const found = await logs.client.send(find).catch(() => undefined);
    if (found?.events?.length === 1) break;
    assert.equal(held.isOver(), false, "the call is over before its line could be found");
  }
  held.abort();
});

function disposable<T extends { destroy(): void }>(client: T): Disposable & { client: T } {
  return { client, [Symbol.dispose]: () => client.destroy() };
}
