import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";
import { HearthServer } from "../support/hearth-process.ts";
import { callBeside, eventually } from "../support/sidecars.ts";

/** Processes whose command line names the data directory: sandboxes and what is in them. */
async function processesOf(data: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(data)) found.push(command.replaceAll("\0", " "));
  }
  return found;
}

test("sidecars: a killed server leaves none behind, and its artefacts to the next", async () => {
  const data = await mkdtemp(join(tmpdir(), "hearth-sidecar-faults-"));
  const words = ["--port", "0", "--data", data, "--warm", "nodejs24.x=1"];
  const server = await HearthServer.start(words);
  try {
    const text = await readFile(join(data, "credentials.json"), "utf8");
    const credentials = JSON.parse(text) as { accessKeyId: string; secretAccessKey: string };
    const endpoint = await server.url;
    const lambda = new LambdaClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
    const body = "await new Promise((resolve) => setTimeout(resolve, event.ms ?? 0));";
    await deploy(lambda, { name: "slow", files: handlerFile(body), more: { Timeout: 30 } });
    const kept = await callBeside(lambda, "slow", "tracer");
    const index = join(data, "artefacts", "000000000000", kept.requestId, "index.json");
    await eventually(async () => (await readFile(index, "utf8").catch(() => "")) !== "");
    const cut = callBeside(lambda, "slow", "tracer,logship", { ms: 20_000 }).catch(() => undefined);
    const sidecars = async (): Promise<number> =>
      (await processesOf(data)).filter((command) => command.includes("guest/sidecar")).length;
    await eventually(async () => (await sidecars()) >= 2);
    server.signal("SIGKILL");
    await server.exited;
    await cut;
    await eventually(async () => (await processesOf(data)).length === 0);
    await using next = await startHearth({ dataDirectory: data });
    const { status, json } = await next.admin(
      "GET",
      `/_hearth/invocations/${kept.requestId}/artifacts`,
    );
    assert.equal(status, 200);
    assert.equal((json as { artifacts: unknown[] }).artifacts.length, 1);
    const left = await readdir(join(data, "instances"));
    assert.ok(left.length <= 3, `instances of the dead server are gone: ${left}`);
  } finally {
    await server[Symbol.asyncDispose]();
    await rm(data, { recursive: true, force: true });
  }
});
