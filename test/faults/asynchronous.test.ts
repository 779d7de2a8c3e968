import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { eventually } from "../support/eventually.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { HearthServer } from "../support/hearth-process.ts";

const EVENTS = 40;

interface Running extends AsyncDisposable {
  readonly server: HearthServer;
  readonly lambda: LambdaClient;
}

async function up(data: string): Promise<Running> {
  const words = ["--port", "0", "--data", data, "--warm", "nodejs24.x=1", "--isolation", "none"];
  const server = await HearthServer.start(words);
  const text = await readFile(join(data, "credentials.json"), "utf8");
  const { accessKeyId, secretAccessKey } = JSON.parse(text) as Record<string, string>;
  assert.ok(accessKeyId && secretAccessKey);
  const credentials = { accessKeyId, secretAccessKey };
  const endpoint = await server.url;
  const lambda = new LambdaClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
  const close = (): Promise<void> => server[Symbol.asyncDispose]();
  return { server, lambda, [Symbol.asyncDispose]: close };
}

/** Notes who calls; answers nobody until `open`. */
class Witness {
  readonly seen: string[] = [];
  open = false;
  readonly #server: Server = createServer((request, response) => {
    if (!this.open) return;
    this.seen.push(request.url?.slice(1) ?? "");
    response.end();
  });

  async listen(): Promise<string> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

test("ASYNC-2: kill -9 loses no acknowledged event, and the next start runs them", async (t) => {
  const data = await mkdtemp(join(tmpdir(), "hearth-events-"));
  const witness = new Witness();
  t.after(async () => {
    witness.close();
    await rm(data, { recursive: true });
  });
  const url = await witness.listen();
  const acknowledged: string[] = [];
  {
    await using first = await up(data);
    const body = `await fetch("${url}/" + context.awsRequestId);`;
    const more = { Timeout: 60 };
    await deploy(first.lambda, { name: "f", files: handlerFile(body), more });
    const event = { FunctionName: "f", InvocationType: "Event" } as const;
    const sending = Array.from({ length: EVENTS }, async (_, index) => {
      const { $metadata } = await first.lambda.send(new InvokeCommand(event));
      acknowledged.push($metadata.requestId ?? "");
      // Some wait in the queue, some are inside the function, some are not yet durable.
      if (index === EVENTS / 2) first.server.signal("SIGKILL");
    });
    await Promise.allSettled(sending);
    await first.server.exited;
    first.lambda.destroy();
  }
  assert.ok(acknowledged.length > 0);
  assert.deepEqual(witness.seen, []);
  witness.open = true;
  await using second = await up(data);
  await eventually(async () => {
    assert.deepEqual(
      acknowledged.filter((id) => !witness.seen.includes(id)),
      [],
    );
  });
  second.lambda.destroy();
});

test("ASYNC-2: SIGTERM lets a running event end and keeps the others", async (t) => {
  const data = await mkdtemp(join(tmpdir(), "hearth-events-"));
  const witness = new Witness();
  t.after(async () => {
    witness.close();
    await rm(data, { recursive: true });
  });
  const url = await witness.listen();
  witness.open = true;
  await using first = await up(data);
  const body = `await fetch("${url}/" + event.n); await new Promise((r) => setTimeout(r, 500));
    await fetch("${url}/end-" + event.n);`;
  await deploy(first.lambda, { name: "f", files: handlerFile(body), more: { Timeout: 60 } });
  const event = { FunctionName: "f", InvocationType: "Event", Payload: '{"n":1}' } as const;
  await first.lambda.send(new InvokeCommand(event));
  await eventually(async () => assert.deepEqual(witness.seen, ["1"]));
  first.server.signal("SIGTERM");
  assert.equal(await first.server.exited, 0);
  first.lambda.destroy();
  assert.deepEqual(witness.seen, ["1", "end-1"]);
  await using second = await up(data);
  await second.lambda.send(new InvokeCommand({ ...event, Payload: '{"n":2}' }));
  await eventually(async () => assert.ok(witness.seen.includes("end-2")));
  assert.deepEqual(witness.seen, ["1", "end-1", "2", "end-2"], "what succeeded runs once");
  second.lambda.destroy();
});
