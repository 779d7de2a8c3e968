import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { call, deploy } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

/** Libraries that Lambda projects are made of, bundled into functions as they are. */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function bundled(source: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: ROOT },
    ...{ bundle: true, platform: "node", format: "cjs", write: false, logLevel: "silent" },
  });
  return outputFiles?.[0]?.text ?? "";
}

test("LIB-1 Powertools' logger, metrics and tracer work in a function, wrapped by middy", async () => {
  const source = `
    import middy from "@middy/core";
    import { Logger } from "@aws-lambda-powertools/logger";
    import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
    import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
    import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
    import { Tracer } from "@aws-lambda-powertools/tracer";
    const logger = new Logger({ serviceName: "orders" });
    const metrics = new Metrics({ namespace: "shop", serviceName: "orders" });
    const tracer = new Tracer({ serviceName: "orders" });
    export const handler = middy(async (event) => {
      logger.info("order taken", { order: event.order });
      metrics.addMetric("orders", MetricUnit.Count, 1);
      return { order: event.order, trace: tracer.getRootXrayTraceId() ?? null };
    }).use(injectLambdaContext(logger)).use(logMetrics(metrics));
  `;
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  const more = { Environment: { Variables: { POWERTOOLS_TRACE_ENABLED: "false" } } };
  await deploy(lambda, { name: "f", files: { "index.js": await bundled(source) }, more });
  const answer = await call(lambda, "f", { order: 7 });
  assert.equal(answer.functionError, undefined, answer.log);
  assert.equal(answer.value.order, 7);
  const lines = answer.log.split("\n").filter((line) => line.startsWith("{"));
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const logged = entries.find(({ message }) => message === "order taken");
  assert.equal(logged?.function_request_id, answer.requestId);
  assert.equal(logged?.cold_start, true);
  assert.equal(logged?.function_memory_size, "128");
  const metric = entries.find((entry) => "_aws" in entry);
  assert.deepEqual([metric?.orders, metric?.service], [1, "orders"]);
});

test("LIB-1 a web application behind serverless-http answers events of function URLs", async () => {
  const source = `
    import serverless from "serverless-http";
    export const handler = serverless((request, response) => {
      response.setHeader("content-type", "text/plain");
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.statusCode = 201;
      response.end(request.method + " " + request.url);
    }, { provider: "aws" });
  `;
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  await deploy(lambda, { name: "web", files: { "index.js": await bundled(source) } });
  const event = {
    version: "2.0",
    rawPath: "/hello",
    rawQueryString: "x=1",
    headers: { host: "h" },
    requestContext: { http: { method: "POST", path: "/hello", sourceIp: "127.0.0.1" } },
    body: "text",
    isBase64Encoded: false,
  };
  const { value, functionError, log } = await call(lambda, "web", event);
  assert.equal(functionError, undefined, log);
  assert.deepEqual([value.statusCode, value.body], [201, "POST /hello?x=1"]);
  assert.deepEqual(value.cookies, ["a=1", "b=2"]);
});
