import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { call, deploy } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

/** Subscribes to telemetry that is to be delivered to a port of its choice. */
const SUBSCRIBER = `
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API;
const registered = await fetch(api + "/2020-01-01/extension/register", {
  method: "POST",
  headers: { "Lambda-Extension-Name": "attacker" },
  body: "{}",
});
const subscribed = await fetch(api + "/2022-07-01/telemetry", {
  method: "PUT",
  headers: { "Lambda-Extension-Identifier": registered.headers.get("lambda-extension-identifier") },
  body: JSON.stringify({
    schemaVersion: "2022-07-01",
    types: ["platform"],
    buffering: { timeoutMs: 25 },
    destination: { protocol: "HTTP", URI: "http://localhost:" + process.env.PORT_OF_HOST },
  }),
});
export const handler = async () => subscribed.status;
`;

/** How many requests a service on the host's loopback gets from such a function. */
async function requestsTo(t: TestContext, isolation: string): Promise<number> {
  let requests = 0;
  const service = createServer((_, response) => {
    requests++;
    response.end();
  }).listen(0, "127.0.0.1");
  await once(service, "listening");
  t.after(() => service.close());
  const hearth = await startHearth({ flags: { isolation } });
  const lambda = hearth.lambda();
  const port = String((service.address() as AddressInfo).port);
  const more = { Environment: { Variables: { PORT_OF_HOST: port } } };
  await deploy(lambda, { name: "attacker", files: { "index.mjs": SUBSCRIBER }, more });
  assert.equal((await call(lambda, "attacker")).value, 200);
  // The last telemetry is delivered before an environment has ended.
  const change = { FunctionName: "attacker", Description: "changed" };
  await lambda.send(new UpdateFunctionConfigurationCommand(change));
  await hearth[Symbol.asyncDispose]();
  return requests;
}

test("ISO-2: attack: have telemetry delivered to a service of the host", async (t) => {
  assert.ok((await requestsTo(t, "none")) > 0, "the attack works where nothing is isolated");
  assert.equal(await requestsTo(t, "process"), 0);
});
