import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { openRuntimeApi, type RuntimeApi } from "./runtime-api.ts";
import { SandboxApi } from "./sandbox-api.ts";
import {
  type GuestProcess,
  imageOrSkip,
  initialiseRequest,
  payloadOf,
  runtimeCall,
  startGuest,
} from "./testsuite-guest.ts";

const REQUEST_ID = "8b6a2c4e-0000-4000-8000-000000000001";

/** As in AWS's tutorial. Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-walkthrough.html */
const TUTORIAL_BOOTSTRAP = `#!/bin/sh

set -euo pipefail

# Initialization - load function handler
source $LAMBDA_TASK_ROOT/"$(echo $_HANDLER | cut -d. -f1).sh"

# Processing
while true
do
  HEADERS="$(mktemp)"
  # Get an event. The HTTP request will block until one is received
  EVENT_DATA=$(curl -sS -LD "$HEADERS" "http://\${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")

  # Extract request ID by scraping response headers received above
  REQUEST_ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)

  # Run the handler function from the script
  RESPONSE=$($(echo "$_HANDLER" | cut -d. -f2) "$EVENT_DATA")

  # Send the response
  curl "http://\${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$REQUEST_ID/response"  -d "$RESPONSE"
done
`;
const TUTORIAL_FUNCTION = `function handler () {
  EVENT_DATA=$1
  echo "$EVENT_DATA" 1>&2;
  RESPONSE="Echoing request: '$EVENT_DATA'"

  echo $RESPONSE
}
`;
/** A runtime that tests play over HTTP themselves: it says nothing and stays. */
const SILENT_BOOTSTRAP = "#!/bin/sh\nexec sleep 60\n";

interface Running {
  readonly api: RuntimeApi;
  readonly guest: GuestProcess;
  readonly port: number;
}

async function start(t: TestContext, files: Record<string, string | Buffer>): Promise<Running> {
  const image = await imageOrSkip(t, "provided.al2023");
  assert.ok(image, "Perl is part of every Debian and Ubuntu");
  const guest = await startGuest(t, image, files);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sandboxApi = new SandboxApi(server);
  t.after(() => sandboxApi.close());
  const api = await openRuntimeApi({
    launcher: guest.socket,
    api: sandboxApi,
    clock: systemClock,
    exited: guest.exited,
  });
  t.after(() => api.close());
  return { api, guest, port };
}

function initialise({ api, guest }: Running): ReturnType<RuntimeApi["initialise"]> {
  const environment = { _HANDLER: "function.handler", LAMBDA_TASK_ROOT: guest.taskRoot };
  return api.initialise(initialiseRequest(guest.image, { environment }));
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

function send(
  port: number,
  method: string,
  path: string,
  body: string | Buffer = "",
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port, method, path: `/2018-06-01/runtime/${path}`, headers, agent: false };
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const { statusCode = 0, headers: received } = response;
        resolve({ status: statusCode, headers: received, body: Buffer.concat(chunks).toString() });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function errorTypeOf(answer: Answer): string {
  return JSON.parse(answer.body).errorType;
}

test("RuntimeApi: AWS's sh tutorial works unchanged", async (t) => {
  if (!existsSync("/usr/bin/curl")) return t.skip("curl is not installed");
  const running = await start(t, {
    bootstrap: TUTORIAL_BOOTSTRAP,
    "function.sh": TUTORIAL_FUNCTION,
  });
  const initialised = initialise(running);
  const first = await running.api.invoke(runtimeCall({ text: "Hello" }));
  assert.deepEqual(await initialised, { ok: true });
  assert.equal(first.status, "succeeded");
  assert.equal(first.payload.toString(), `Echoing request: '{"text":"Hello"}'`);
  const second = await running.api.invoke(runtimeCall({ text: "again" }));
  assert.equal(second.payload.toString(), `Echoing request: '{"text":"again"}'`);
  assert.match(running.guest.output(), /\{"text":"Hello"\}/);
});

test("RuntimeApi: an event has AWS's headers, chunked answers are taken", async (t) => {
  const running = await start(t, { bootstrap: SILENT_BOOTSTRAP });
  const initialised = initialise(running);
  const next = send(running.port, "GET", "invocation/next");
  assert.deepEqual(await initialised, { ok: true });
  let started = false;
  const outcome = running.api.invoke(
    runtimeCall(
      { a: "é" },
      {
        clientContext: '{"custom":"ü\n"}',
        onStarted: () => {
          started = true;
        },
      },
    ),
  );
  const { status, headers, body } = await next;
  assert.equal(status, 200);
  assert.equal(body, '{"a":"é"}');
  assert.equal(started, true);
  assert.equal(headers["lambda-runtime-aws-request-id"], REQUEST_ID);
  assert.match(String(headers["lambda-runtime-invoked-function-arn"]), /^arn:aws:lambda:/);
  assert.match(String(headers["lambda-runtime-trace-id"]), /^Root=/);
  assert.equal(headers["lambda-runtime-client-context"], '{"custom":"\\u00fc "}');
  const left = Number(headers["lambda-runtime-deadline-ms"]) - systemClock.now();
  assert.ok(left > 2000 && left <= 3001);
  const accepted = await send(
    running.port,
    "POST",
    `invocation/${REQUEST_ID}/response`,
    '{"b":1}',
    {
      "Transfer-Encoding": "chunked",
    },
  );
  assert.deepEqual([accepted.status, JSON.parse(accepted.body)], [202, { status: "OK" }]);
  assert.deepEqual(payloadOf(await outcome), { b: 1 });
});

test("RuntimeApi: errors of a call carry the runtime's type and body", async (t) => {
  const running = await start(t, { bootstrap: SILENT_BOOTSTRAP });
  const initialised = initialise(running);
  const report = async (body: string, headers: Record<string, string>): Promise<unknown[]> => {
    const outcome = running.api.invoke(runtimeCall({}));
    await send(running.port, "GET", "invocation/next");
    const { status } = await send(
      running.port,
      "POST",
      `invocation/${REQUEST_ID}/error`,
      body,
      headers,
    );
    assert.equal(status, 202);
    const failed = await outcome;
    assert.ok(failed.status === "failed");
    return [failed.errorType, payloadOf(failed)];
  };
  const typed = { errorType: "Mine", errorMessage: "no" };
  const header = { "Lambda-Runtime-Function-Error-Type": "Function.Refused" };
  assert.deepEqual(await report(JSON.stringify(typed), header), ["Function.Refused", typed]);
  assert.deepEqual(await report(JSON.stringify(typed), {}), ["Mine", typed]);
  const nonsense = { errorType: "Runtime.Unknown", errorMessage: "plain" };
  assert.deepEqual(await report("plain", {}), ["Runtime.Unknown", nonsense]);
  await initialised;
});

test("RuntimeApi: wrong ids, states, paths and sizes get AWS's answers", async (t) => {
  const running = await start(t, { bootstrap: SILENT_BOOTSTRAP });
  const { api, port } = running;
  const initialised = initialise(running);
  const early = await send(port, "POST", `invocation/${REQUEST_ID}/response`, "1");
  assert.deepEqual([early.status, errorTypeOf(early)], [403, "InvalidStateTransition"]);
  const outcome = api.invoke(runtimeCall({}));
  await send(port, "GET", "invocation/next");
  await initialised;
  const again = await send(port, "GET", "invocation/next");
  assert.deepEqual([again.status, errorTypeOf(again)], [403, "InvalidStateTransition"]);
  const wrong = await send(port, "POST", "invocation/other/response", "1");
  assert.deepEqual([wrong.status, errorTypeOf(wrong)], [400, "InvalidRequestID"]);
  const late = await send(port, "POST", "init/error", "{}");
  assert.deepEqual([late.status, errorTypeOf(late)], [403, "InvalidStateTransition"]);
  assert.equal((await send(port, "GET", "nowhere")).status, 404);
  assert.equal((await send(port, "DELETE", "invocation/next")).status, 404);
  assert.equal((await send(port, "POST", "invocation/%ff/response", "1")).status, 400);
  const body = Buffer.alloc(limits.INVOKE_RESPONSE_BYTES_MAX + 1, 0x20);
  const large = await send(port, "POST", `invocation/${REQUEST_ID}/response`, body);
  assert.deepEqual([large.status, errorTypeOf(large)], [413, "RequestEntityTooLarge"]);
  const failed = await outcome;
  assert.ok(failed.status === "failed");
  assert.equal(failed.errorType, "Function.ResponseSizeTooLarge");
  const largest = api.invoke(runtimeCall({}));
  await send(port, "GET", "invocation/next");
  await send(port, "POST", `invocation/${REQUEST_ID}/response`, body.subarray(1));
  assert.equal((await largest).payload.length, limits.INVOKE_RESPONSE_BYTES_MAX);
});

test("RuntimeApi: an initialisation error is the outcome of the call sent ahead", async (t) => {
  const running = await start(t, { bootstrap: SILENT_BOOTSTRAP });
  const initialised = initialise(running);
  const called = running.api.invoke(runtimeCall({}));
  const error = { errorType: "Runtime.NoConfig", errorMessage: "no file" };
  const { status } = await send(running.port, "POST", "init/error", JSON.stringify(error));
  assert.equal(status, 202);
  const result = await initialised;
  assert.ok(!result.ok);
  assert.deepEqual(payloadOf(result.outcome), error);
  assert.equal(await called, result.outcome);
});

test("RuntimeApi: a bootstrap that cannot run is Runtime.InvalidEntrypoint", async (t) => {
  const foreign = Buffer.alloc(64);
  foreign.write("\x7fELF");
  foreign[18] = 0xff;
  const cases: [Record<string, string | Buffer>, RegExp][] = [
    [
      { other: "" },
      /^Couldn't find valid bootstrap\(s\): \[.*\/task\/bootstrap .*\/opt\/bootstrap\]$/,
    ],
    [{ "bootstrap/file": "" }, /^Couldn't find valid bootstrap\(s\)/],
    [{ bootstrap: "no script" }, /^fork\/exec .*\/bootstrap: exec format error$/],
    [{ bootstrap: foreign }, /^fork\/exec .*\/bootstrap: exec format error$/],
    [{ bootstrap: "#!/no/such/shell\n" }, /^fork\/exec .*\/bootstrap: no such file or directory$/],
  ];
  for (const [files, message] of cases) {
    const result = await initialise(await start(t, files));
    assert.ok(!result.ok);
    assert.equal(result.outcome.errorType, "Runtime.InvalidEntrypoint");
    assert.match(JSON.parse(result.outcome.payload.toString()).errorMessage, message);
  }
});

test("RuntimeApi: the end of the runtime fails what is pending", async (t) => {
  const running = await start(t, { bootstrap: "#!/bin/sh\nexit 3\n" });
  const initialised = initialise(running);
  const called = running.api.invoke(runtimeCall({}));
  await assert.rejects(initialised, { kind: "unavailable" });
  await assert.rejects(called, { kind: "unavailable" });
  assert.equal((await running.guest.exited).code, 3);
  await assert.rejects(running.api.invoke(runtimeCall({})), { kind: "unavailable" });
});

test("RuntimeApi: a bootstrap gets exactly the environment, and no socket of ours", async (t) => {
  const bootstrap = "#!/usr/bin/perl\nprint map { qq($_=$ENV{$_}\\n) } sort keys %ENV;\n";
  const sockets = "print map { readlink . qq(\\n) } grep { !/[012]$/ } glob '/proc/self/fd/*';\n";
  const running = await start(t, { bootstrap: bootstrap + sockets });
  initialise(running).catch(() => {});
  await running.guest.exited;
  const { environment } = running.guest.image;
  const expected = Object.entries({
    ...environment,
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${running.port}`,
    LAMBDA_TASK_ROOT: running.guest.taskRoot,
    _HANDLER: "function.handler",
  }).map(([name, value]) => `${name}=${value}`);
  const printed = running.guest.output().trim().split("\n");
  assert.deepEqual(printed.filter((line) => line.includes("=")).sort(), expected.sort());
  assert.ok(!printed.some((line) => line.startsWith("socket:")), printed.join("\n"));
});
