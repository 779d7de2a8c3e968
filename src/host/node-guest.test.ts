import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { RuntimeName } from "../model/mod.ts";
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

const RUNTIMES: readonly RuntimeName[] = ["nodejs22.x", "nodejs24.x", "nodejs26.x"];
const WITH_CALLBACKS: readonly RuntimeName[] = ["nodejs22.x"];
const WITHOUT_CALLBACKS: readonly RuntimeName[] = ["nodejs24.x", "nodejs26.x"];

/** Runs `body` on each of the runtimes that this machine has. */
function onEach(
  runtimes: readonly RuntimeName[],
  behaviour: string,
  body: (t: TestContext, image: RuntimeImage) => Promise<void>,
): void {
  for (const runtime of runtimes) {
    test(`${runtime}: ${behaviour}`, async (t) => {
      const image = await imageOrSkip(t, runtime);
      if (image) await body(t, image);
    });
  }
}

function commonJs(code: string, rest: Omit<RunOptions, "files"> = {}): RunOptions {
  return { files: { "index.js": code }, ...rest };
}

function errorOf(outcome: { payload: Buffer }): {
  errorType: string;
  errorMessage: string;
  trace: string[];
} {
  return JSON.parse(outcome.payload.toString());
}

onEach(RUNTIMES, "calls ES module, CommonJS, TypeScript and nested handlers", async (t, image) => {
  const handlers: Record<string, RunOptions> = {
    mjs: { files: { "index.mjs": "export const handler = async (e) => e.n + 1;" } },
    cjs: { files: { "index.cjs": "exports.handler = async (e) => e.n + 1;" } },
    js: commonJs("exports.handler = async (e) => e.n + 1;"),
    moduleJs: {
      files: {
        "package.json": '{"type":"module"}',
        "index.js": "const one = await 1; export const handler = async (e) => e.n + one;",
      },
    },
    unmarkedModule: {
      files: { "index.js": "const one = await 1; export const handler = async (e) => e.n + one;" },
    },
    ts: {
      files: { "index.ts": "export const handler = async (e: { n: number }) => e.n + 1;" },
    },
    mts: {
      files: {
        "index.mts": `import { one } from "./lib.mts";
          export const handler = async (e: { n: number }): Promise<number> => e.n + one;`,
        "lib.mts": "export const one: number = 1;",
      },
    },
    cts: {
      files: { "index.cts": "module.exports.handler = async (e: { n: number }) => e.n + 1;" },
    },
    nested: {
      handler: "src/app.api.v1.handler",
      files: { "src/app.js": "exports.api = { v1: { handler: async (e) => e.n + 1 } };" },
    },
  };
  for (const [kind, options] of Object.entries(handlers)) {
    const running = await runFunction(t, image, options);
    assert.deepEqual(
      running.initialised,
      { ok: true },
      `${kind}: ${JSON.stringify(running.initialised)}`,
    );
    assert.equal(payloadOf(await running.call({ n: 1 })), 2, kind);
  }
});

onEach(
  RUNTIMES,
  "context, environment and working directory are as on Lambda",
  async (t, image) => {
    const { call, guest } = await runFunction(
      t,
      image,
      commonJs(
        `exports.handler = async (event, context) => ({
        context, left: context.getRemainingTimeInMillis(), names: Object.keys(process.env).sort(),
        cwd: process.cwd(), trace: process.env._X_AMZN_TRACE_ID, own: process.env.OWN,
        zone: new Date(0).getTimezoneOffset() });`,
        { environment: { OWN: "x", TZ: "Asia/Tokyo" } },
      ),
    );
    const value = payloadOf(await call({}, { clientContext: '{"custom":{"a":1}}' })) as {
      context: Record<string, unknown>;
      left: number;
      names: string[];
    } & Record<string, unknown>;
    assert.equal(value.context.awsRequestId, "8b6a2c4e-0000-4000-8000-000000000001");
    assert.equal(value.context.functionName, "under-test");
    assert.equal(value.context.functionVersion, "$LATEST");
    assert.equal(value.context.memoryLimitInMB, "256");
    assert.equal(value.context.logGroupName, "/aws/lambda/under-test");
    assert.match(String(value.context.invokedFunctionArn), /^arn:aws:lambda:/);
    assert.deepEqual(value.context.clientContext, { custom: { a: 1 } });
    assert.ok(value.left > 0 && value.left <= 3000);
    const expected = [...Object.keys(image.environment), "OWN", "_X_AMZN_TRACE_ID"].sort();
    assert.deepEqual(value.names, expected);
    assert.equal(value.cwd, guest.taskRoot);
    assert.match(String(value.trace), /^Root=1-/);
    assert.equal(value.zone, -540);
  },
);

onEach(RUNTIMES, "failures of a call have AWS's types and messages", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    commonJs(`
      class Refused extends Error { constructor() { super("no"); this.name = "Refused"; this.code = 7; } }
      const failures = {
        error: () => { throw new TypeError("bad type", { cause: new Error("inner") }); },
        custom: () => { throw new Refused(); },
        text: () => { throw "just text"; },
        object: () => { throw { a: 1 }; },
        nothing: () => { throw undefined; },
        hostile: () => { throw { get name() { throw 1; }, toString() { throw 2; } }; },
        circular: () => { const a = {}; a.a = a; return a; },
        bigint: () => 1n,
        huge: () => "x".repeat(6_291_555),
        hugeError: () => { throw new Error("x".repeat(8_000_000)); },
      };
      exports.handler = async (event) => failures[event]();`),
  );
  const failure = async (kind: string): Promise<ReturnType<typeof errorOf>> => {
    const outcome = await call(kind);
    assert.ok(outcome.status === "failed", kind);
    assert.equal(outcome.functionError, "Unhandled");
    assert.equal(outcome.errorType, errorOf(outcome).errorType);
    return errorOf(outcome);
  };
  const error = await failure("error");
  assert.deepEqual([error.errorType, error.errorMessage], ["TypeError", "bad type"]);
  assert.equal(error.trace[0], "TypeError: bad type");
  assert.match(error.trace[1] ?? "", /^ {4}at .*index\.js:/);
  assert.match(
    log(),
    /\tERROR\tInvoke Error \t\{"errorType":"TypeError","errorMessage":"bad type"/,
  );
  assert.equal((await failure("custom")).errorType, "Refused");
  assert.match(log(), /"code":7/);
  assert.deepEqual(await failure("text"), {
    errorType: "string",
    errorMessage: "just text",
    trace: [],
  });
  assert.deepEqual(await failure("object"), {
    errorType: "object",
    errorMessage: "[object Object]",
    trace: [],
  });
  assert.equal((await failure("nothing")).errorType, "undefined");
  assert.equal((await failure("hostile")).errorType, "handled");
  const unserialisable = image.id.startsWith("nodejs22") ? "Error" : "Runtime.JSONStringifyError";
  for (const kind of ["circular", "bigint"]) {
    const { errorType, errorMessage } = await failure(kind);
    assert.deepEqual(
      [errorType, errorMessage],
      [unserialisable, "Unable to stringify response body"],
    );
  }
  assert.deepEqual(await failure("huge"), {
    errorType: "Function.ResponseSizeTooLarge",
    errorMessage: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
  });
  assert.match((await failure("hugeError")).errorMessage, /^x+$/);
});

onEach(RUNTIMES, "failures to initialise have AWS's types and messages", async (t, image) => {
  const cases: [string, RunOptions, string, RegExp][] = [
    [
      "missing file",
      commonJs("", { handler: "nowhere.handler" }),
      "Runtime.ImportModuleError",
      /^Error: Cannot find module 'nowhere'/,
    ],
    [
      "missing import",
      commonJs('require("absent")'),
      "Runtime.ImportModuleError",
      /Cannot find module 'absent'/,
    ],
    [
      "missing export",
      commonJs("exports.other = 1"),
      "Runtime.HandlerNotFound",
      /^index.handler is undefined or not exported$/,
    ],
    [
      "no function",
      commonJs("exports.handler = 1"),
      "Runtime.HandlerNotFound",
      /^index.handler is not a function$/,
    ],
    ["syntax", commonJs("exports.handler = ("), "Runtime.UserCodeSyntaxError", /^SyntaxError: /],
    [
      "typescript enum",
      { files: { "index.ts": "enum A { B }" } },
      "Runtime.UserCodeSyntaxError",
      /enum/,
    ],
    ["no dot", commonJs("", { handler: "index" }), "Runtime.MalformedHandlerName", /^Bad handler$/],
    [
      "upwards",
      commonJs("", { handler: "../index.handler" }),
      "Runtime.MalformedHandlerName",
      /is not a valid handler name/,
    ],
    ["thrown", commonJs('throw new RangeError("at load")'), "RangeError", /^at load$/],
    [
      "rejection",
      commonJs('Promise.reject(new Error("lost")); exports.handler = async () => {};'),
      "Runtime.UnhandledPromiseRejection",
      /^Error: lost$/,
    ],
  ];
  for (const [kind, options, errorType, message] of cases) {
    const { initialised, guest } = await runFunction(t, image, options);
    assert.ok(!initialised.ok, kind);
    assert.equal(initialised.outcome.errorType, errorType, kind);
    assert.match(errorOf(initialised.outcome).errorMessage, message, kind);
    assert.notEqual((await guest.exited).code, 0);
  }
});

onEach(RUNTIMES, "an await that never settles ends the process", async (t, image) => {
  const guest = await startGuest(t, image, {
    "index.mjs": "await new Promise(() => {}); export const handler = 1;",
  });
  const channel = await openFrameChannel(guest.socket, { onLog() {} });
  await assert.rejects(channel.initialise(initialiseRequest(image)), { kind: "unavailable" });
  assert.equal((await guest.exited).code, 13);
});

onEach(
  RUNTIMES,
  "rejections and exceptions that nobody handles end call and process",
  async (t, image) => {
    const code = `exports.handler = async (event) => {
    if (event === "rejection") { Promise.reject(new Error("lost")); return "too early"; }
    if (event === "exit") { console.log("last words"); process.exit(3); }
    return new Promise(() => setTimeout(() => { throw new RangeError("stray"); }, 1));
  };`;
    const rejected = await runFunction(t, image, commonJs(code));
    const rejection = await rejected.call("rejection");
    assert.equal(errorOf(rejection).errorType, "Runtime.UnhandledPromiseRejection");
    assert.equal(errorOf(rejection).errorMessage, "Error: lost");
    assert.equal(rejected.channel.isOpen, false, "no call is given to a process that ends");
    assert.equal((await rejected.guest.exited).code, 128);
    const thrown = await runFunction(t, image, commonJs(code));
    assert.equal(errorOf(await thrown.call("exception")).errorType, "RangeError");
    assert.equal((await thrown.guest.exited).code, 129);
    const exiting = await runFunction(t, image, commonJs(code));
    await assert.rejects(exiting.call("exit"), { kind: "unavailable" });
    assert.equal((await exiting.guest.exited).code, 3);
    assert.match(exiting.log(), /last words/);
  },
);

onEach(
  RUNTIMES,
  "a promise that nothing can settle any more fails the call alone",
  async (t, image) => {
    const { call } = await runFunction(
      t,
      image,
      commonJs("exports.handler = async (e) => e ? new Promise(() => {}) : 1;"),
    );
    assert.equal(errorOf(await call(true)).errorType, "Runtime.NodeJsExit");
    assert.equal(payloadOf(await call(false)), 1);
  },
);

onEach(RUNTIMES, "console and standard streams are logged in order, in text", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    commonJs(`console.log("loading");
      exports.handler = async () => {
        console.log("a %d", 1, { b: 2 }); console.debug("d"); console.warn("w");
        process.stdout.write("raw\\n"); console.error(new Error("boom").message);
        process.stderr.write(Buffer.from("bytes\\n")); console.dir({ x: 1 });
        process.stdout.end(); console.info("two\\nlines"); console.trace("t");
      };`),
  );
  assert.deepEqual(payloadOf(await call({})), null);
  const id = "8b6a2c4e-0000-4000-8000-000000000001";
  const lines = log().replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "TIME");
  assert.equal(
    lines,
    `TIME\tundefined\tINFO\tloading\nTIME\t${id}\tINFO\ta 1 { b: 2 }\nTIME\t${id}\tDEBUG\td\n` +
      `TIME\t${id}\tWARN\tw\nraw\nTIME\t${id}\tERROR\tboom\nbytes\n{ x: 1 }\n` +
      `TIME\t${id}\tINFO\ttwo\nlines\nTIME\t${id}\tTRACE\tt\n`,
  );
});

onEach(["nodejs26.x"], "logs in JSON, and from a level upwards", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    commonJs(
      `exports.handler = async () => { console.log("hidden"); console.warn({ a: 1 });
        console.error("x", new TypeError("bad")); };`,
      { logFormat: "JSON", environment: { AWS_LAMBDA_LOG_LEVEL: "WARN" } },
    ),
  );
  await call({});
  const [warning, error, ...rest] = log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(rest, []);
  assert.deepEqual([warning.level, warning.message], ["WARN", { a: 1 }]);
  assert.equal(warning.requestId, "8b6a2c4e-0000-4000-8000-000000000001");
  assert.match(warning.timestamp, /Z$/);
  assert.deepEqual(
    [error.level, error.errorType, error.errorMessage],
    ["ERROR", "TypeError", "bad"],
  );
  assert.ok(Array.isArray(error.stackTrace));
});

onEach(RUNTIMES, "6 MB pass in both directions, and long log lines in pieces", async (t, image) => {
  const { call, log } = await runFunction(
    t,
    image,
    commonJs(
      'exports.handler = async (e) => { if (e === 1) console.log("y".repeat(700_000)); return e; };',
    ),
  );
  const text = "é".repeat(3 * 1024 * 1024 - 1);
  assert.equal(payloadOf(await call(text)), text);
  assert.equal(payloadOf(await call(1)), 1);
  assert.equal(log().match(/y/g)?.length, 700_000);
});

onEach(RUNTIMES, "a call sent ahead of initialisation waits for it", async (t, image) => {
  const guest = await startGuest(t, image, {
    "index.mjs": `await new Promise((r) => setTimeout(r, 5));
      export const handler = async () => "after";`,
  });
  const channel = await openFrameChannel(guest.socket, { onLog() {} });
  const order: string[] = [];
  const initialised = channel.initialise(initialiseRequest(image)).then(() => order.push("init"));
  const outcome = await channel.invoke(
    runtimeCall({}, { payload: Buffer.alloc(0), onStarted: () => void order.push("started") }),
  );
  await initialised;
  assert.equal(payloadOf(outcome), "after");
  assert.deepEqual(order, ["started", "init"]);
});

onEach(RUNTIMES, "user code that replaces globals does not break the channel", async (t, image) => {
  const { call } = await runFunction(
    t,
    image,
    commonJs(`exports.handler = async (e) => {
      if (e === 1) require("node:fs").closeSync(1); require("node:fs").writeSync = () => { throw 1; };
      process.env = {}; globalThis.console = undefined; globalThis.setImmediate = undefined;
      JSON.stringify = JSON.parse = () => { throw 1; }; Date.now = () => NaN;
      globalThis.Buffer = undefined; Object.keys = undefined;
      return e;
    };`),
  );
  assert.equal(payloadOf(await call(1)), 1);
  assert.equal(payloadOf(await call(2)), 2);
});

onEach(RUNTIMES, "NODE_PATH of a layer counts for require", async (t, image) => {
  const layer = (await startGuest(t, image, { "layer/tool/index.js": "module.exports = 5" }))
    .taskRoot;
  const { call, initialised } = await runFunction(
    t,
    image,
    commonJs('const tool = require("tool"); exports.handler = async () => tool;', {
      environment: { NODE_PATH: `${layer}/layer` },
    }),
  );
  assert.deepEqual(initialised, { ok: true });
  assert.equal(payloadOf(await call({})), 5);
});

onEach(
  WITH_CALLBACKS,
  "callbacks answer, once the event loop is empty or at once",
  async (t, image) => {
    const { call } = await runFunction(
      t,
      image,
      commonJs(`let late = 0;
      exports.handler = (event, context, callback) => {
        if (event === "wait") { setTimeout(() => { late = 1; }, 20); callback(null, "w"); }
        if (event === "at once") {
          context.callbackWaitsForEmptyEventLoop = false;
          setTimeout(() => {}, 60_000);
          callback(null, { late });
        }
        if (event === "error") callback(new RangeError("no"));
        if (event === "text") callback("no");
        if (event === "done") context.done(null, "d");
        if (event === "succeed") context.succeed("s");
        if (event === "fail") context.fail(new Error("f"));
        if (event === "twice") { callback(null, 1); callback(null, 2); }
        if (event === "return") return "ignored";
        if (event === "throw") throw new TypeError("sync");
        if (event === "promise") return Promise.resolve("p");
      };`),
    );
    assert.equal(payloadOf(await call("wait")), "w");
    assert.deepEqual(payloadOf(await call("at once")), { late: 1 });
    assert.equal(errorOf(await call("error")).errorType, "RangeError");
    assert.deepEqual(errorOf(await call("text")).errorType, "string");
    assert.equal(payloadOf(await call("done")), "d");
    assert.equal(payloadOf(await call("succeed")), "s");
    assert.equal(errorOf(await call("fail")).errorMessage, "f");
    assert.equal(errorOf(await call("throw")).errorType, "TypeError");
    assert.equal(payloadOf(await call("promise")), "p");
    const fresh = await runFunction(
      t,
      image,
      commonJs(`exports.handler = (event, context, callback) => {
      if (event === "twice") { callback(null, 1); callback(null, 2); }
      return "ignored";
    };`),
    );
    assert.equal(payloadOf(await fresh.call("twice")), 1);
    assert.equal(payloadOf(await fresh.call("return")), null);
  },
);

onEach(
  WITHOUT_CALLBACKS,
  "callback handlers are refused, values may be returned",
  async (t, image) => {
    const callback = await runFunction(
      t,
      image,
      commonJs("exports.handler = (e, c, done) => done();"),
    );
    assert.ok(!callback.initialised.ok);
    assert.equal(callback.initialised.outcome.errorType, "Runtime.CallbackHandlerDeprecated");
    const { call } = await runFunction(t, image, commonJs("exports.handler = (e) => e;"));
    assert.equal(payloadOf(await call("plain")), "plain");
  },
);

onEach(
  ["nodejs26.x"],
  "stays for the next call, and leaves when the host is gone",
  async (t, image) => {
    const { call, channel, guest } = await runFunction(
      t,
      image,
      commonJs("exports.handler = async () => 1;"),
    );
    assert.equal(payloadOf(await call({})), 1);
    assert.equal(payloadOf(await call({})), 1);
    channel.close();
    assert.equal((await guest.exited).code, 1);
  },
);
