import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { postRequest } from "../subject.ts";
import { LoadClient } from "./client.ts";
import { parseAnswer } from "./connection.ts";
import type { Job } from "./job.ts";

const CHUNKED =
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
const SIZED = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc";

test("parseAnswer: undefined until the last byte of either kind of body is there", () => {
  for (const text of [CHUNKED, SIZED]) {
    for (let end = 0; end < text.length; end++) {
      assert.equal(parseAnswer(Buffer.from(text.slice(0, end))), undefined, `${end} of ${text}`);
    }
  }
  assert.equal(parseAnswer(Buffer.from(CHUNKED))?.body.toString(), "abcde");
  const sized = parseAnswer(Buffer.from(SIZED));
  assert.deepEqual([sized?.status, sized?.body.toString()], [404, "abc"]);
});

/** Runs 8 calls on 2 connections against a server; the right answer is always "right". */
async function runAgainst(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  using client = new LoadClient();
  const job: Job = {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    requests: [postRequest("/", { host: "x" }, Buffer.from("?"))],
    answers: [Buffer.from("right")],
    connections: 2,
    calls: 8,
    warmUpCalls: 0,
  };
  try {
    return await client.run(job);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("LoadClient: counts right answers with their latencies and where they started", async () => {
  const result = await runAgainst((_, response) => {
    response.setHeader("X-Hearth-Start", "warm").end("right");
  });
  assert.equal(result.failures, 0, result.firstFailure ?? "");
  assert.equal(result.latenciesMs.length, 8);
  assert.ok(result.latenciesMs.every((ms) => ms > 0 && ms <= result.elapsedMs));
  assert.deepEqual(result.starts, { warm: 8 });
});

test("LoadClient: another body, another status and a closed connection are failures", async () => {
  let seen = 0;
  const result = await runAgainst((_, response) => {
    const turn = seen++;
    if (turn === 0) response.end("wrong");
    else if (turn === 1) response.writeHead(500).end("right");
    else response.destroy();
  });
  assert.equal(result.failures, 8);
  assert.equal(result.latenciesMs.length, 0);
  assert.match(result.firstFailure ?? "", /wrong|500/);
});
