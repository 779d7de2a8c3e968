import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { RUNTIME_NAMES, type RuntimeName } from "../model/mod.ts";
import type { RuntimeImage } from "../sandbox/mod.ts";
import { openFrameChannel } from "./frame-channel.ts";
import {
  imageOrSkip,
  initialiseRequest,
  payloadOf,
  type RunOptions,
  runFunction,
  runtimeCall,
  startGuest,
} from "./testsuite-guest.ts";

/** The Pythons of this machine; at least one name, so that their absence is seen as a skip. */
const PRESENT: readonly RuntimeName[] = RUNTIME_NAMES.filter((name) =>
  existsSync(`/usr/bin/${name}`),
).filter((name) => name.startsWith("python"));
const RUNTIMES: readonly RuntimeName[] = PRESENT.length > 0 ? PRESENT : ["python3.11"];

interface PythonError {
  readonly errorMessage: string;
  readonly errorType: string;
  readonly requestId: string;
  readonly stackTrace: string[];
}

function onEach(
  behaviour: string,
  body: (t: TestContext, image: RuntimeImage) => Promise<void>,
): void {
  for (const runtime of RUNTIMES) {
    test(`${runtime}: ${behaviour}`, async (t) => {
      const image = await imageOrSkip(t, runtime);
      if (image) await body(t, image);
    });
  }
}

function python(code: string, rest: Omit<RunOptions, "files"> = {}): RunOptions {
  return { files: { "app.py": code }, handler: "app.handler", ...rest };
}

function errorOf(outcome: { payload: Buffer }): PythonError {
  return JSON.parse(outcome.payload.toString());
}

onEach("context, environment, path and working directory are as on Lambda", async (t, image) => {
  const { call, guest } = await runFunction(
    t,
    image,
    python(
      `import os, sys, time
def handler(event, context):
    return {
        "id": context.aws_request_id, "name": context.function_name, "memory": context.memory_limit_in_mb,
        "group": context.log_group_name, "arn": context.invoked_function_arn,
        "left": context.get_remaining_time_in_millis(), "custom": context.client_context.custom,
        "title": context.client_context.client.app_title, "identity": context.identity.cognito_identity_id,
        "names": sorted(os.environ), "own": os.environ["OWN"], "cwd": os.getcwd(), "path": sys.path[0],
        "zone": time.timezone, "trace": os.environ["_X_AMZN_TRACE_ID"], "event": event,
    }`,
      { environment: { OWN: "x", TZ: "Asia/Tokyo" } },
    ),
  );
  const clientContext = '{"custom":{"a":1},"client":{"app_title":"T"}}';
  const value = payloadOf(await call({ n: "é" }, { clientContext })) as Record<string, unknown>;
  assert.ok(Number(value.left) > 0 && Number(value.left) <= 3000);
  assert.match(String(value.trace), /^Root=1-/);
  const expected = {
    id: "8b6a2c4e-0000-4000-8000-000000000001",
    name: "under-test",
    memory: "256",
    group: "/aws/lambda/under-test",
    arn: "arn:aws:lambda:us-east-1:000000000000:function:under-test",
    custom: { a: 1 },
    title: "T",
    identity: null,
    names: [...Object.keys(image.environment), "OWN", "_X_AMZN_TRACE_ID"].sort(),
    own: "x",
    cwd: guest.taskRoot,
    path: guest.taskRoot,
    zone: -32400,
    event: { n: "é" },
  };
  assert.deepEqual(value, { ...expected, left: value.left, trace: value.trace });
});

onEach("failures of a call have AWS's types and messages", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    python(`class Refused(Exception):
    pass
def handler(event, context):
    if event == "error": raise ValueError("bad value")
    if event == "custom": raise Refused("no")
    if event == "set": return {1, 2}
    if event == "bytes": return b'{"raw": true}'
    if event == "huge": return "x" * 6_291_555
    if event == "hugeError": raise ValueError("x" * 8_000_000)
    if event == "decimal":
        from decimal import Decimal
        return [Decimal("5"), Decimal("1.5")]`),
  );
  const outcome = await call("error");
  assert.ok(outcome.status === "failed");
  assert.equal(outcome.errorType, "ValueError");
  const error = errorOf(outcome);
  assert.equal(error.errorMessage, "bad value");
  assert.equal(error.requestId, "8b6a2c4e-0000-4000-8000-000000000001");
  assert.equal(error.stackTrace.length, 1);
  assert.match(error.stackTrace[0] ?? "", /^ {2}File ".*app\.py", line 4, in handler\n/);
  assert.match(
    log(),
    /^\[ERROR\] ValueError: bad value\nTraceback \(most recent call last\):\n\u00a0/,
  );
  assert.equal(errorOf(await call("custom")).errorType, "Refused");
  const unserialisable = errorOf(await call("set"));
  assert.equal(unserialisable.errorType, "Runtime.MarshalError");
  assert.equal(
    unserialisable.errorMessage,
    "Unable to marshal response: Object of type set is not JSON serializable",
  );
  assert.deepEqual(payloadOf(await call("bytes")), { raw: true });
  assert.deepEqual(payloadOf(await call("decimal")), [5, 1.5]);
  assert.equal(payloadOf(await call("nothing")), null);
  assert.equal(errorOf(await call("huge")).errorType, "Function.ResponseSizeTooLarge");
  assert.match(errorOf(await call("hugeError")).errorMessage, /^x+$/);
});

onEach("failures to initialise have AWS's types and messages", async (t, image) => {
  const cases: [RunOptions, string, RegExp][] = [
    [
      python("", { handler: "absent.handler" }),
      "Runtime.ImportModuleError",
      /^Unable to import module 'absent': No module named 'absent'$/,
    ],
    [
      python("import nowhere"),
      "Runtime.ImportModuleError",
      /^Unable to import module 'app': No module named 'nowhere'$/,
    ],
    [python("other = 1"), "Runtime.HandlerNotFound", /^Handler 'handler' missing on module 'app'$/],
    [python("def handler(:"), "Runtime.UserCodeSyntaxError", /^Syntax error in module 'app': /],
    [
      python("", { handler: "app" }),
      "Runtime.MalformedHandlerName",
      /^Bad handler 'app': not enough values to unpack/,
    ],
    [
      python("", { handler: "sys.handler" }),
      "Runtime.BuiltInModuleConflict",
      /^Cannot use built-in module sys as a handler module$/,
    ],
    [python("raise KeyError('at load')"), "KeyError", /^'at load'$/],
  ];
  for (const [options, errorType, message] of cases) {
    const { initialised, guest } = await runFunction(t, image, options);
    assert.ok(!initialised.ok, errorType);
    assert.equal(initialised.outcome.errorType, errorType);
    assert.match(errorOf(initialised.outcome).errorMessage, message);
    assert.equal((await guest.exited).code, 1);
  }
});

onEach("print, standard streams and logging are logged in order, in text", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    python(`import logging, os, sys
print("loading")
log = logging.getLogger()
def handler(event, context):
    print("a", 1)
    log.info("hidden")
    log.warning("w %d", 2)
    log.setLevel("INFO")
    print("no end of line", end="")
    log.info("shown")
    sys.stderr.write("error\\n")
    sys.stdout.write("tail")
    if os.fork() == 0:
        print("from the child", flush=True)
        os._exit(0)
    os.wait()`),
  );
  assert.equal(payloadOf(await call({})), null);
  const id = "8b6a2c4e-0000-4000-8000-000000000001";
  assert.equal(
    log().replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "TIME"),
    `loading\na 1\n[WARNING]\tTIME\t${id}\tw 2\nno end of line[INFO]\tTIME\t${id}\tshown\n` +
      "error\ntail",
  );
});

onEach("a log record with a traceback ends its line", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    python(`import logging
def handler(event, context):
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("failed")
    logging.error("next")`),
  );
  await call({});
  assert.match(log(), /\nZeroDivisionError: division by zero\n\[ERROR\].*\tnext\n$/);
});

onEach("a child that a handler forks and lets return answers no call", async (t, image) => {
  const { call } = await runFunction(
    t,
    image,
    python(`import os
def handler(event, context):
    if event.get("forks"):
        child = os.fork()
        if child == 0: return "the child"
        os.waitpid(child, 0)
    return "the parent"`),
  );
  assert.equal(payloadOf(await call({ forks: true })), "the parent");
  assert.equal(payloadOf(await call({})), "the parent");
});

onEach("logs in JSON, and from a level upwards", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    python(
      `import logging
def handler(event, context):
    logging.info("hi %s", "there", extra={"order": 7})
    logging.debug("hidden")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("failed")
    raise ValueError("out")`,
      { logFormat: "JSON", environment: { AWS_LAMBDA_LOG_LEVEL: "INFO" } },
    ),
  );
  await call({});
  const lines = log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const [info, failed, out] = lines;
  assert.equal(lines.length, 3);
  assert.deepEqual(
    [info.level, info.message, info.order, info.requestId],
    ["INFO", "hi there", 7, "8b6a2c4e-0000-4000-8000-000000000001"],
  );
  assert.deepEqual([failed.level, failed.errorType], ["ERROR", "ZeroDivisionError"]);
  assert.deepEqual([out.level, out.errorType, out.errorMessage], ["ERROR", "ValueError", "out"]);
});

onEach("sys.exit ends the process, and what was printed is kept", async (t, image) => {
  const { call, guest, log } = await runFunction(
    t,
    image,
    python(`import sys
def handler(event, context):
    print("last words", end="")
    sys.exit(5)`),
  );
  await assert.rejects(call({}), { kind: "unavailable" });
  assert.equal((await guest.exited).code, 5);
  assert.equal(log(), "last words");
});

onEach("6 MB pass in both directions, and long log lines in pieces", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    python(`def handler(event, context):
    if event == 1: print("y" * 700_000)
    return event`),
  );
  const text = "e".repeat(6 * 1024 * 1024 - 2);
  assert.equal(payloadOf(await call(text)), text);
  assert.equal(payloadOf(await call(1)), 1);
  assert.equal(log().length, 700_001);
});

onEach("a call sent ahead of initialisation waits for it", async (t, image) => {
  const guest = await startGuest(t, image, {
    "pkg/app.py": "def handler(event, context):\n    return 'after'",
  });
  const channel = await openFrameChannel(guest.socket, { onLog() {} });
  const initialised = channel.initialise(initialiseRequest(image, { handler: "pkg/app.handler" }));
  const outcome = await channel.invoke(runtimeCall({}));
  assert.deepEqual(await initialised, { ok: true });
  assert.equal(payloadOf(outcome), "after");
});
