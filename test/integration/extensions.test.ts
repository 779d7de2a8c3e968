import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type LambdaClient, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import {
  logThatMatches,
  PYTHON_FAILING,
  PYTHON_SLOW,
  PYTHON_WATCHER,
  publishLayer,
  SHELL_WATCHER,
} from "../support/extensions.ts";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";

let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});
after(() => hearth[Symbol.asyncDispose]());

/** Ends the idle environments of a function: its configuration has changed. */
async function retire(name: string): Promise<void> {
  const change = { FunctionName: name, Description: "changed" };
  await lambda.send(new UpdateFunctionConfigurationCommand(change));
}

test("EXT-1: they register before the function, see calls and the end", async () => {
  const layer = await publishLayer(lambda, "watcher", {
    "extensions/watcher.py*": PYTHON_WATCHER,
  });
  const files = handlerFile("console.log('handler'); return process.env.AWS_LAMBDA_RUNTIME_API;");
  await deploy(lambda, { name: "watched", files, more: { Layers: [layer] } });
  const first = await call(lambda, "watched");
  assert.match(first.value, /^127\.0\.0\.1:\d+$/);
  const second = await call(lambda, "watched");
  assert.equal(second.headers["x-hearth-start"], "warm");
  await retire("watched");
  const log = await logThatMatches(hearth, "watched", /shutdown/);
  const told = log.match(/\[watcher\.py\] .*|^EXTENSION.*|^START.*|^handler|\thandler/gm);
  const registered = { functionName: "watched", functionVersion: "$LATEST" };
  const facts = { ...registered, handler: "index.handler", accountId: hearth.owner };
  assert.ok(told?.includes(`[watcher.py] registered ${JSON.stringify(facts)}`), log);
  const begin = [
    "EXTENSION\tName: watcher.py\tState: Ready\tEvents: [INVOKE, SHUTDOWN]",
    `START RequestId: ${first.requestId} Version: $LATEST`,
  ];
  assert.deepEqual(told?.filter((line) => !line.startsWith("[")).slice(0, 2), begin);
  for (const { requestId } of [first, second]) {
    assert.ok(log.includes(`[watcher.py] invoke ${requestId} X-Amzn-Trace-Id`), log);
  }
  assert.equal(told?.at(-1), "[watcher.py] shutdown spindown soon");
});

test("EXT-1: two in two languages, of two layers, beside a Python function", async () => {
  const layers = [
    await publishLayer(lambda, "one", { "extensions/a-watcher.py*": PYTHON_WATCHER }),
    await publishLayer(lambda, "two", { "extensions/b-watcher.sh*": SHELL_WATCHER }),
  ];
  const files = { "app.py": "def handler(event, context):\n  return 'python'\n" };
  const more = { Layers: layers };
  const python = { runtime: "python3.11", handler: "app.handler" } as const;
  await deploy(lambda, { name: "two-extensions", files, more, ...python });
  const { value, requestId } = await call(lambda, "two-extensions");
  assert.equal(value, "python");
  await retire("two-extensions");
  const log = await logThatMatches(
    hearth,
    "two-extensions",
    /py\] shutdown[\s\S]*sh\].*SHUTDOWN|sh\].*SHUTDOWN[\s\S]*py\] shutdown/,
  );
  assert.match(log, /EXTENSION\tName: a-watcher\.py\t[^\n]*\nEXTENSION\tName: b-watcher\.sh\t/);
  const events = [...log.matchAll(/^\[b-watcher\.sh\] (.*)$/gm)].map(([, json = ""]) =>
    JSON.parse(json),
  );
  assert.deepEqual(
    events.map(({ eventType }) => eventType),
    ["INVOKE", "SHUTDOWN"],
  );
  assert.equal(events[0].requestId, requestId);
  assert.match(events[0].invokedFunctionArn, /:function:two-extensions$/);
  assert.deepEqual(Object.keys(events[1]), ["eventType", "shutdownReason", "deadlineMs"]);
});

test("EXT-1: their work after the answer delays the next call, not this one", async () => {
  const layer = await publishLayer(lambda, "slow", { "extensions/slow.py*": PYTHON_SLOW });
  await deploy(lambda, {
    name: "slow",
    files: handlerFile("return 1;"),
    more: { Layers: [layer] },
  });
  await call(lambda, "slow");
  await logThatMatches(hearth, "slow", /END/);
  const beganAt = performance.now();
  const { requestId, log } = await call(lambda, "slow");
  // Less than the extension takes, though it may have had to wait for the one before.
  assert.ok(!log.includes(`worked for ${requestId}`), log);
  assert.ok(performance.now() - beganAt < 3000);
  await retire("slow");
  await logThatMatches(hearth, "slow", new RegExp(`worked for ${requestId}`));
});

test("EXT-2: what goes wrong with one is the call's failure, in AWS's words", async () => {
  const layer = await publishLayer(lambda, "failing", { "extensions/bad.py*": PYTHON_FAILING });
  const cases: [string, string, string][] = [
    ["before", "Extension.Crash", "exit status 3"],
    ["init", "Extension.InitError", "exit status 1"],
    ["call", "Extension.Crash", "exit code 0"],
    ["exit", "Extension.ExitError", "exit status 1"],
  ];
  for (const [fail, errorType, reason] of cases) {
    const name = `failing-${fail}`;
    const more = { Layers: [layer], Environment: { Variables: { FAIL: fail } } };
    // The call waits: an extension that ends in it must not wait for its answer.
    const files = handlerFile(
      "await new Promise((resolve) => setTimeout(resolve, 2000)); return 1;",
    );
    await deploy(lambda, { name, files, more });
    const { value, functionError, requestId } = await call(lambda, name);
    assert.equal(functionError, "Unhandled");
    assert.deepEqual(value, {
      errorType,
      errorMessage: `RequestId: ${requestId} Error: ${reason}`,
    });
  }
});

test("EXT-2: one that cannot be executed is Extension.LaunchError", async () => {
  const layer = await publishLayer(lambda, "no-program", {
    "extensions/readme.txt": "no program",
  });
  const more = { Layers: [layer] };
  await deploy(lambda, { name: "no-program", files: handlerFile("return 1;"), more });
  const { value, functionError } = await call(lambda, "no-program");
  assert.equal(functionError, "Unhandled");
  assert.equal(value.errorType, "Extension.LaunchError");
  assert.match(value.errorMessage, /fork\/exec \S*extensions\/readme\.txt: permission denied$/);
  const log = await logThatMatches(hearth, "no-program", /EXTENSION/);
  assert.match(
    log,
    /Name: readme\.txt\tState: LaunchError\tEvents: \[\]\tError Type: PermissionDenied/,
  );
});

test("EXT-1: shutdown tells a time-out and a failure apart", async () => {
  const layer = await publishLayer(lambda, "reasons", {
    "extensions/watcher.py*": PYTHON_WATCHER,
  });
  const cases: [string, string, string][] = [
    ["timeout", "await new Promise(() => setInterval(() => {}, 1000));", "Sandbox.Timedout"],
    ["failure", "process.exit(7);", "Runtime.ExitError"],
  ];
  for (const [reason, body, errorType] of cases) {
    const name = `reason-${reason}`;
    const more = { Layers: [layer], Timeout: 1 };
    await deploy(lambda, { name, files: handlerFile(body), more });
    const { value } = await call(lambda, name);
    assert.equal(value.errorType, errorType);
    if (reason === "failure") assert.match(value.errorMessage, /exit status 7$/);
    await logThatMatches(hearth, name, new RegExp(`shutdown ${reason} soon`));
  }
});

test("EXT-1: a runtime ends by SIGTERM before they do, and may write its last words", async () => {
  const layer = await publishLayer(lambda, "graceful", {
    "extensions/watcher.py*": PYTHON_WATCHER,
  });
  const body = `process.once("SIGTERM", () => { console.log("closing connections"); process.exit(0); }); return 1;`;
  await deploy(lambda, { name: "graceful", files: handlerFile(body), more: { Layers: [layer] } });
  await call(lambda, "graceful");
  await retire("graceful");
  await logThatMatches(hearth, "graceful", /closing connections[\s\S]*shutdown spindown/);
});

test("EXT-1: a custom runtime has them too", async () => {
  const layer = await publishLayer(lambda, "custom", {
    "extensions/watcher.py*": PYTHON_WATCHER,
  });
  const bootstrap = `#!/bin/bash
while true; do
HEADERS="$(mktemp)"
EVENT="$(curl -sS -D "$HEADERS" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")"
ID="$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)"
curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$ID/response" -d "$EVENT" > /dev/null
done
`;
  const more = { Layers: [layer] };
  const custom = { runtime: "provided.al2023", handler: "none" } as const;
  await deploy(lambda, { name: "custom", files: { "bootstrap*": bootstrap }, more, ...custom });
  assert.deepEqual((await call(lambda, "custom", { a: 1 })).value, { a: 1 });
  assert.deepEqual((await call(lambda, "custom", { a: 2 })).value, { a: 2 });
  await retire("custom");
  await logThatMatches(hearth, "custom", /invoke[\s\S]*invoke[\s\S]*shutdown spindown soon/);
});

test("EXT-1: an environment that was frozen wakes for its end", async (t) => {
  if (process.env.HEARTH_ISOLATION === "none") return t.skip("Plain processes are not frozen");
  const layer = await publishLayer(lambda, "frozen", { "extensions/watcher.py*": PYTHON_WATCHER });
  await deploy(lambda, {
    name: "frozen",
    files: handlerFile("return 1;"),
    more: { Layers: [layer] },
  });
  await call(lambda, "frozen");
  const isFrozen = async (): Promise<boolean> => {
    const { text } = await hearth.admin("GET", "/_hearth/environments");
    return /"functionName":"frozen"[^}]*"state":"frozen"/.test(text);
  };
  while (!(await isFrozen())) await new Promise((resolve) => setTimeout(resolve, 20));
  await retire("frozen");
  await logThatMatches(hearth, "frozen", /shutdown spindown soon/);
});

test("EXT-4: a wrapper may become a web server, whose extension is the runtime", async () => {
  // As AWS Lambda Web Adapter does it for packages: /opt/bootstrap runs the handler's script.
  const adapter = `#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
def ask(method, path, headers={}, body=None):
    return urllib.request.urlopen(urllib.request.Request(api + path, body, headers, method=method))
answer = ask("POST", "/2020-01-01/extension/register", {"Lambda-Extension-Name": "adapter"}, b'{"events": []}')
me = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
import threading, time
threading.Thread(target=lambda: ask("GET", "/2020-01-01/extension/event/next", me), daemon=True).start()
while True:
    try: urllib.request.urlopen("http://127.0.0.1:" + os.environ["PORT"]); break
    except OSError: time.sleep(0.01)
while True:
    event = ask("GET", "/2018-06-01/runtime/invocation/next")
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    page = urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:" + os.environ["PORT"], event.read())).read()
    ask("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", {}, json.dumps(page.decode()).encode())
`;
  const bootstrap = '#!/bin/bash\nexec "$LAMBDA_TASK_ROOT/$_HANDLER"\n';
  const files = { "extensions/adapter*": adapter, "bootstrap*": bootstrap };
  const layer = await publishLayer(lambda, "adapter", files);
  const script = `#!/usr/bin/env node
require("node:http").createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  response.end("page for " + body);
}).listen(process.env.PORT, "127.0.0.1");
`;
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const variables = { AWS_LAMBDA_EXEC_WRAPPER: "/opt/bootstrap", PORT: String(port) };
  const more = { Layers: [layer], Environment: { Variables: variables } };
  await deploy(lambda, { name: "web", files: { "run.sh*": script }, handler: "run.sh", more });
  assert.equal((await call(lambda, "web", { a: 1 })).value, 'page for {"a":1}');
  assert.equal((await call(lambda, "web", { a: 2 })).value, 'page for {"a":2}');
});

test("EXT-4: a wrapper that is not there, or does not become the runtime, is the call's failure", async () => {
  const layer = await publishLayer(lambda, "bad-wrapper", {
    "ends*": "#!/bin/bash\nexit 5\n",
    "extensions/watcher.py*": PYTHON_WATCHER,
  });
  for (const [wrapper, status] of [
    ["/opt/missing", 127],
    ["/opt/ends", 5],
  ]) {
    const variables = { AWS_LAMBDA_EXEC_WRAPPER: String(wrapper) };
    const more = { Layers: [layer], Environment: { Variables: variables } };
    const name = `bad-wrapper-${status}`;
    await deploy(lambda, { name, files: handlerFile("return 1;"), more });
    const { value } = await call(lambda, name);
    assert.equal(value.errorType, "Runtime.ExitError");
    assert.match(
      value.errorMessage,
      new RegExp(`Runtime exited with error: exit status ${status}$`),
    );
  }
});

test("EXT-2: variables that keep the runtime from starting fail the call at once", async () => {
  const layer = await publishLayer(lambda, "refused", { "extensions/watcher.py*": PYTHON_WATCHER });
  const more = { Layers: [layer], Environment: { Variables: { NODE_OPTIONS: "--nonsense" } } };
  await deploy(lambda, { name: "refused", files: handlerFile("return 1;"), more });
  const beganAt = performance.now();
  const { value } = await call(lambda, "refused");
  assert.equal(value.errorType, "Runtime.ExitError");
  assert.ok(performance.now() - beganAt < 10_000);
});

test("EXT-2: a runtime that runs out of memory is told from one that was killed", async (t) => {
  if (process.env.HEARTH_ISOLATION === "none")
    return t.skip("Nothing limits the memory of plain processes");
  const layer = await publishLayer(lambda, "memory", {
    "extensions/watcher.py*": PYTHON_WATCHER,
  });
  const more = { Layers: [layer], Timeout: 20 };
  const grow = "const kept = []; while (true) kept.push(Buffer.alloc(1 << 20, 1));";
  await deploy(lambda, { name: "memory", files: handlerFile(grow), more });
  assert.equal((await call(lambda, "memory")).value.errorType, "Runtime.OutOfMemory");
  const die = "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});";
  await deploy(lambda, { name: "killed", files: handlerFile(die), more });
  const { value } = await call(lambda, "killed");
  assert.match(value.errorMessage, /Runtime exited with error: signal: killed$/);
  assert.equal(value.errorType, "Runtime.ExitError");
});

test("EXT-3: one inside the runtime's process sees calls, but not the end", async () => {
  const files = {
    "index.mjs": `
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2020-01-01/extension/";
const register = (events) => fetch(api + "register", {
method: "POST",
headers: { "Lambda-Extension-Name": "inside" },
body: JSON.stringify({ events }),
});
const refused = await (await register(["SHUTDOWN"])).json();
const registered = await register(["INVOKE"]);
const headers = { "Lambda-Extension-Identifier": registered.headers.get("lambda-extension-identifier") };
const seen = [];
(async () => {
while (true) seen.push((await (await fetch(api + "event/next", { headers })).json()).requestId);
})();
export const handler = async () => {
while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
const late = await register(["INVOKE"]);
return { seen: seen.splice(0), refused, late: await late.json() };
};
`,
  };
  await deploy(lambda, { name: "internal", files });
  for (let turn = 0; turn < 2; turn++) {
    const { value, requestId } = await call(lambda, "internal");
    assert.deepEqual(value.seen, [requestId]);
    assert.deepEqual(value.refused, {
      errorMessage: "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
      errorType: "Extension.InvalidEventType",
    });
    assert.equal(value.late.errorType, "Extension.RegistrationClosed");
  }
});

test("EXT-4: a wrapper of a layer becomes the runtime, with what it sets and adds", async () => {
  const wrapper = `#!/bin/bash
export FROM_WRAPPER="for $AWS_LAMBDA_FUNCTION_NAME"
args=("$@")
exec "\${args[@]:0:$#-1}" --title=wrapped "\${args[@]: -1}"
`;
  const layer = await publishLayer(lambda, "wrapper", { "wrap*": wrapper });
  const variables = { AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrap", OWN: "1" };
  const more = { Layers: [layer], Environment: { Variables: variables } };
  const body = `const { FROM_WRAPPER, OWN } = process.env;
    const ours = Object.keys(process.env).filter((name) => /^HEARTH_(?!OPT_ROOT)/.test(name));
    return { FROM_WRAPPER, OWN, title: process.title, ours };`;
  await deploy(lambda, { name: "wrapped", files: handlerFile(body), more });
  const expected = { FROM_WRAPPER: "for wrapped", OWN: "1", title: "wrapped", ours: [] };
  assert.deepEqual((await call(lambda, "wrapped")).value, expected);
  assert.deepEqual((await call(lambda, "wrapped")).value, expected);
  const python = { runtime: "python3.11", handler: "app.handler" } as const;
  const files = {
    "app.py":
      "import os\ndef handler(event, context):\n  return os.environ['FROM_WRAPPER'] + str([n for n in os.environ if n.startswith('HEARTH_') and n != 'HEARTH_OPT_ROOT'])\n",
  };
  const pythonWrap = '#!/bin/bash\nexport FROM_WRAPPER=python\nexec "$@"\n';
  const pythonLayer = await publishLayer(lambda, "python-wrapper", { "wrap*": pythonWrap });
  const pythonMore = { Layers: [pythonLayer], Environment: { Variables: variables } };
  await deploy(lambda, { name: "wrapped-python", files, more: pythonMore, ...python });
  assert.equal((await call(lambda, "wrapped-python")).value, "python[]");
});

test("EXT-1: a server that stops gives them their time, and nothing survives it", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-extensions-"));
  try {
    const stopping = await startHearth({ dataDirectory });
    const client = stopping.lambda();
    const layer = await publishLayer(client, "last", {
      "extensions/watcher.py*": PYTHON_WATCHER,
    });
    const more = { Layers: [layer] };
    await deploy(client, { name: "stopped", files: handlerFile("return 1;"), more });
    await call(client, "stopped");
    await stopping[Symbol.asyncDispose]();
    await using again = await startHearth({ dataDirectory });
    await logThatMatches(again, "stopped", /shutdown spindown soon/);
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
});
