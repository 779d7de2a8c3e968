import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { CreateFunctionCommandInput, LoggingConfig, Runtime } from "@aws-sdk/client-lambda";
import { call, deploy } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

const NODE = `exports.handler = async (event) => {
  console.debug("fine"); console.info("plain"); console.warn("careful", { n: 1 });
  if (event.fail) throw new TypeError("broken");
};`;
const PYTHON = `
import logging
log = logging.getLogger()
def handler(event, context):
    log.debug("fine"); log.info("plain"); log.warning("careful")
`;

function configured(logging: LoggingConfig): Partial<CreateFunctionCommandInput> {
  return { LoggingConfig: { LogFormat: "JSON", ...logging } };
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was logged
function entriesOf(log: string): any[] {
  return log
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

test("LOG-1 JSON logs: the platform's lines are events, the function's have levels", async () => {
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  const more = configured({ ApplicationLogLevel: "INFO", SystemLogLevel: "DEBUG" });
  await deploy(lambda, { name: "f", files: { "index.js": NODE }, more });
  const { log, requestId } = await call(lambda, "f");
  const entries = entriesOf(log);
  const types = entries.map(({ type, message }) => type ?? message);
  assert.deepEqual(
    types.filter((type) => !String(type).startsWith("platform.init")),
    ["platform.start", "plain", "careful { n: 1 }", "platform.runtimeDone", "platform.report"],
  );
  const start = entries.find(({ type }) => type === "platform.start");
  assert.deepEqual(start.record, { requestId, version: "$LATEST" });
  const report = entries.find(({ type }) => type === "platform.report");
  assert.equal(report.record.status, "success");
  assert.equal(report.record.metrics.memorySizeMB, 128);
  assert.ok(report.record.metrics.billedDurationMs >= report.record.metrics.durationMs);
  assert.ok(report.record.metrics.initDurationMs > 0);
});

test("LOG-1 levels: what lies below the configured ones is not written", async () => {
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  const more = configured({ ApplicationLogLevel: "WARN", SystemLogLevel: "WARN" });
  await deploy(lambda, { name: "f", files: { "index.js": NODE }, more });
  const well = entriesOf((await call(lambda, "f")).log);
  assert.deepEqual(
    well.map(({ level }) => level),
    ["WARN"],
  );
  const bad = entriesOf((await call(lambda, "f", { fail: true })).log);
  const done = bad.find(({ type }) => type === "platform.runtimeDone");
  assert.deepEqual([done.record.status, done.record.errorType], ["error", "TypeError"]);
});

test("LOG-1 levels hold in Python, too", async (t) => {
  const runtime: Runtime = "python3.11";
  if (!existsSync(`/usr/bin/${runtime}`)) return t.skip("NOT TESTED: no Python 3.11");
  await using hearth = await startHearth();
  const lambda = hearth.lambda();
  const more = configured({ ApplicationLogLevel: "WARN", SystemLogLevel: "WARN" });
  const files = { "app.py": PYTHON };
  await deploy(lambda, { name: "p", files, runtime, handler: "app.handler", more });
  const entries = entriesOf((await call(lambda, "p")).log);
  assert.deepEqual(
    entries.map(({ level, message }) => [level, message]),
    [["WARNING", "careful"]],
  );
});
