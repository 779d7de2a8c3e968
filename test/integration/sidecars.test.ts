import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import {
  type LambdaClient,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth, zipOf } from "../support/hearth.ts";
import { artifactsOf, callBeside, eventually, runningSidecars } from "../support/sidecars.ts";

let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});
after(() => hearth[Symbol.asyncDispose]());

const SLEEPER = handlerFile(
  "await new Promise((resolve) => setTimeout(resolve, event.ms ?? 0)); return event.ms ?? 0;",
);

async function register(name: string, source: string, query = ""): Promise<void> {
  const body = await zipOf({ "index.js": source });
  const { status, text } = await hearth.admin("PUT", `/_hearth/sidecars/${name}${query}`, { body });
  assert.ok(status === 200 || status === 201, text);
}

async function setPolicy(name: string, sidecars: unknown): Promise<void> {
  const body = { sidecars };
  const { status, text } = await hearth.admin("PUT", `/_hearth/functions/${name}/policy`, { body });
  assert.equal(status, 200, text);
}

/** Kills the first process of a sandbox as the machine might. */
async function killSandbox(id: string): Promise<void> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(`/${id}/task`)) process.kill(Number(pid), "SIGKILL");
  }
}

test("P09-1: a call that asks has a sidecar while it runs, and its capture; the next has none", async () => {
  await deploy(lambda, { name: "asked", files: SLEEPER });
  const running = callBeside(lambda, "asked", "tracer", { ms: 300 });
  await eventually(async () => (await runningSidecars(hearth)).some(({ calls }) => calls === 1));
  const asked = await running;
  const { artifacts } = await artifactsOf(hearth, asked);
  assert.deepEqual(
    artifacts.map(({ name, sidecar }) => [name, sidecar]),
    [["trace.json", "tracer"]],
  );
  await eventually(async () => (await runningSidecars(hearth)).length === 0);
  const next = await callBeside(lambda, "asked", undefined);
  assert.deepEqual((await artifactsOf(hearth, next)).artifacts, []);
  const { json } = await hearth.admin("GET", `/_hearth/invocations/${next.requestId}`);
  const { decisions } = json as { decisions: { step: string }[] };
  assert.ok(!decisions.some(({ step }) => step === "sidecar"));
});

test("P09-2: calls of two functions share an owner's sidecar, which ends after the second", async () => {
  await deploy(lambda, { name: "first", files: SLEEPER });
  await deploy(lambda, { name: "second", files: SLEEPER });
  const shared = [{ name: "logship", scope: "owner", idleSeconds: 0 }];
  await setPolicy("first", shared);
  await setPolicy("second", shared);
  const first = callBeside(lambda, "first", undefined, { ms: 300 });
  const second = callBeside(lambda, "second", undefined, { ms: 1000 });
  await eventually(async () => (await runningSidecars(hearth))[0]?.calls === 2);
  const [{ sidecarId = "" } = {}, ...others] = await runningSidecars(hearth);
  assert.deepEqual(others, []);
  await first;
  await eventually(async () => (await runningSidecars(hearth))[0]?.calls === 1);
  assert.equal((await runningSidecars(hearth))[0]?.sidecarId, sidecarId);
  await second;
  await eventually(async () => (await runningSidecars(hearth)).length === 0);
});

/** Without isolation there is nothing to tell apart, and no process that names its sandbox. */
const isIsolated = process.env.HEARTH_ISOLATION !== "none";

test("P09-3: a killed sidecar leaves the call's result right, and the next call has a new one", {
  skip: !isIsolated,
}, async () => {
  await deploy(lambda, { name: "bereft", files: SLEEPER });
  await setPolicy("bereft", [{ name: "tracer", scope: "function", required: true }]);
  const running = callBeside(lambda, "bereft", undefined, { ms: 500 });
  await eventually(async () => (await runningSidecars(hearth))[0]?.calls === 1);
  const [{ sidecarId = "" } = {}] = await runningSidecars(hearth);
  await killSandbox(sidecarId);
  const call = await running;
  assert.equal(call.value, 500);
  assert.equal(call.functionError, undefined);
  assert.match((await artifactsOf(hearth, call)).warnings.join(), /tracer: lost: it/);
  const next = await callBeside(lambda, "bereft", undefined);
  assert.equal((await artifactsOf(hearth, next)).artifacts.length, 1);
  assert.notEqual((await runningSidecars(hearth))[0]?.sidecarId, sidecarId);
});

test("P09-5: a sidecar is another process with another memory limit, user and namespaces", {
  skip: !isIsolated,
}, async () => {
  const source = `const fs = require("node:fs");
    const read = (file) => { try { return fs.readFileSync(file, "utf8").trim(); } catch { return ""; } };
    exports.end = (result, context) => context.artifact("self.json", "application/json", JSON.stringify({
      uid: process.getuid(), pid: fs.readlinkSync("/proc/self/ns/pid"),
      net: fs.readlinkSync("/proc/self/ns/net"), mnt: fs.readlinkSync("/proc/self/ns/mnt"),
      addresses: Object.keys(require("node:os").networkInterfaces()),
    }));`;
  await register("self", source);
  const body = `const fs = require("node:fs"); const link = (n) => fs.readlinkSync("/proc/self/ns/" + n);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { uid: process.getuid(), pid: link("pid"), net: link("net"), mnt: link("mnt") };`;
  await deploy(lambda, { name: "selfish", files: handlerFile(body) });
  const running = callBeside(lambda, "selfish", "self");
  await eventually(async () => (await runningSidecars(hearth)).some(({ name }) => name === "self"));
  const found = (await runningSidecars(hearth)).find(({ name }) => name === "self");
  const limit = await memoryLimitOf(found?.sidecarId ?? "");
  const main = await running;
  const path = `/_hearth/invocations/${main.requestId}/artifacts/self.json`;
  const { json } = await hearth.admin("GET", path);
  const sidecar = json as Record<string, unknown>;
  for (const kind of ["pid", "net", "mnt"]) assert.notEqual(sidecar[kind], main.value[kind], kind);
  if (process.geteuid?.() === 0) assert.notEqual(sidecar.uid, main.value.uid);
  assert.deepEqual(sidecar.addresses, ["lo"]);
  if (limit !== undefined) assert.equal(limit, 256 * 1024 * 1024);
});

test("P09-5: a sidecar ends at its own memory limit, beside a function that may take more", {
  skip: !isIsolated,
}, async () => {
  const take = "for (let i = 0; i < 40; i++) kept.push(Buffer.alloc(10 * 1024 * 1024, 1));";
  await register("greedy", `const kept = []; exports.started = () => { ${take} };`);
  const body = `const kept = []; ${take}
    await new Promise((resolve) => setTimeout(resolve, event.ms));
    return kept.length;`;
  const more = { MemorySize: 1024, Timeout: 30 };
  await deploy(lambda, { name: "roomy", files: handlerFile(body), more });
  const call = await callBeside(lambda, "roomy", "greedy", { ms: 1500 });
  assert.equal(call.value, 40);
  assert.match((await artifactsOf(hearth, call)).warnings.join(), /greedy: lost: it/);
});

/** What the kernel enforces for a sandbox; undefined where this host has no such cgroup. */
async function memoryLimitOf(id: string): Promise<number | undefined> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const groups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
    const line = groups.split("\n").find((text) => text.endsWith(`/${id}`));
    if (line === undefined) continue;
    const [, controllers = "", path = ""] = line.split(":");
    const file =
      controllers === ""
        ? `/sys/fs/cgroup${path}/memory.max`
        : `/sys/fs/cgroup/memory${path}/memory.limit_in_bytes`;
    const text = await readFile(file, "utf8").catch(() => "");
    if (text !== "") return Number(text);
  }
  return undefined;
}

test("P09-6: an unknown sidecar is an error when a policy is set, when called and when published", async () => {
  await deploy(lambda, { name: "strict", files: SLEEPER });
  const put = (sidecars: unknown) =>
    hearth.admin("PUT", "/_hearth/functions/strict/policy", { body: { sidecars } });
  const unknown = await put(["nobody"]);
  assert.equal(unknown.status, 400);
  assert.match(unknown.text, /sidecars\[0\] names an unknown sidecar: nobody; the library has/);
  await assert.rejects(callBeside(lambda, "strict", "nobody"), {
    name: "InvalidParameterValueException",
    message: /X-Hearth-Sidecars names an unknown sidecar: nobody/,
  });
  await register("passing", "exports.start = () => {};");
  assert.equal((await put(["passing"])).status, 200);
  assert.equal((await hearth.admin("DELETE", "/_hearth/sidecars/passing")).status, 204);
  await assert.rejects(lambda.send(new PublishVersionCommand({ FunctionName: "strict" })), {
    name: "InvalidParameterValueException",
    message: /policy.sidecars names an unknown sidecar: passing/,
  });
  const bare = await callBeside(lambda, "strict", undefined);
  assert.match(bare.log, /^\[hearth\] Sidecar passing is missing: .*unknown sidecar: passing/m);
});

test("policies: each wrong field is refused by its name", async () => {
  await deploy(lambda, { name: "checked", files: SLEEPER });
  const wrong: readonly [unknown, RegExp][] = [
    [{ sidecar: [] }, /sidecar is not a field of a policy/],
    [{ sidecars: {} }, /sidecars must be an array/],
    [{ sidecars: [{ name: "tracer", scope: "host" }] }, /sidecars\[0\]\.scope must be one of/],
    [
      { sidecars: ["tracer", { name: "logship", sample: 2 }] },
      /sidecars\[1\]\.sample must be a number/,
    ],
    [{ sidecars: [{ name: "tracer", after: "failure" }] }, /sidecars\[0\]\.after is not known/],
    [
      { sidecars: [{ name: "logship", options: { url: "ftp://x" } }] },
      /options\.url must be an http/,
    ],
    [{ sidecars: ["tracer", "tracer"] }, /sidecars\[1\]\.name names tracer a second time/],
  ];
  for (const path of ["/_hearth/functions/checked/policy", "/_hearth/policy"]) {
    for (const [body, message] of wrong) {
      const { status, text } = await hearth.admin("PUT", path, { body });
      assert.equal(status, 400, text);
      assert.match(text, message);
    }
    assert.equal((await hearth.admin("GET", path)).status, 404);
  }
});

test("policies: published versions keep theirs, and a removed one is gone", async () => {
  await deploy(lambda, { name: "kept", files: SLEEPER });
  await setPolicy("kept", ["tracer"]);
  await lambda.send(new PublishVersionCommand({ FunctionName: "kept" }));
  assert.equal((await hearth.admin("DELETE", "/_hearth/functions/kept/policy")).status, 204);
  await lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName: "kept", Description: "changed" }),
  );
  const latest = await callBeside(lambda, "kept", undefined);
  assert.deepEqual((await artifactsOf(hearth, latest)).artifacts, []);
  const published = await callBeside(lambda, "kept", undefined, {}, { qualifier: "1" });
  assert.equal((await artifactsOf(hearth, published)).artifacts.length, 1);
});

test("policies: an owner's holds for all its functions and for no other owner's", async () => {
  const credentials = await hearth.createOwner("traced");
  const own = hearth.lambda(credentials);
  const body = { sidecars: ["tracer"] };
  await hearth.admin("PUT", "/_hearth/policy", { body, credentials });
  await deploy(own, { name: "any", files: SLEEPER });
  const call = await callBeside(own, "any", undefined);
  assert.equal((await artifactsOf(hearth, call, credentials)).artifacts.length, 1);
  await deploy(lambda, { name: "any", files: SLEEPER });
  const other = await callBeside(lambda, "any", undefined);
  assert.deepEqual((await artifactsOf(hearth, other)).artifacts, []);
});

test("policies: after a failure, and in samples", async () => {
  const body = "if (event.fail) throw new Error('no'); return 1;";
  await deploy(lambda, { name: "shaky", files: handlerFile(body) });
  await setPolicy("shaky", [{ name: "tracer", when: "failure" }]);
  const traced = async (event: unknown): Promise<boolean> => {
    const call = await callBeside(lambda, "shaky", undefined, event);
    return (await artifactsOf(hearth, call)).artifacts.length > 0;
  };
  assert.equal(await traced({}), false);
  assert.equal(await traced({ fail: true }), false);
  assert.equal(await traced({}), true);
  assert.equal(await traced({}), false);
  await setPolicy("shaky", [{ name: "tracer", sample: 0 }]);
  assert.equal(await traced({}), false);
});

test("sidecars: a required one that cannot be had refuses the call, an optional one warns", async () => {
  await register("broken", "throw new Error('out of order');");
  await deploy(lambda, { name: "choosy", files: SLEEPER });
  await setPolicy("choosy", ["broken"]);
  const call = await callBeside(lambda, "choosy", undefined, { ms: 1 });
  assert.equal(call.value, 1);
  assert.match(call.log, /^\[hearth\] Sidecar broken is missing: .*out of order/m);
  await setPolicy("choosy", [{ name: "broken", required: true }]);
  await assert.rejects(callBeside(lambda, "choosy", undefined), {
    name: "ServiceUnavailableException",
    message: /requires sidecar broken, which is missing: .*out of order/,
  });
  const profiled = [{ name: "profiler", required: true }];
  const bootstrap = { "bootstrap*": "#!/bin/sh\nsleep 9\n" };
  await deploy(lambda, {
    ...{ name: "custom", files: bootstrap, runtime: "provided.al2023", handler: "x" },
  });
  await setPolicy("custom", profiled);
  await assert.rejects(callBeside(lambda, "custom", undefined), {
    message: /Functions of provided.al2023 have no instrument profiler/,
  });
});

test("sidecars: an owner's own sees the call and brings what it makes of it", async () => {
  const source = `let calls = 0;
    exports.start = (call, context) => {
      calls++;
      context.seen = [call.functionName, context.options.greeting];
    };
    exports.log = (line, context) => { if (line.source === "function") context.seen.push(line.message.split("\\t").at(-1)); };
    exports.end = (result, context) => {
      context.artifact("seen.json", "application/json", JSON.stringify([...context.seen, result.status, calls]));
      context.append("seen", JSON.stringify({ calls }) + "\\n");
      context.warn("over");
    };`;
  await register("own", source);
  await deploy(lambda, {
    name: "watched",
    files: handlerFile("console.log('one'); console.log('two');"),
  });
  await setPolicy("watched", [{ name: "own", scope: "function", options: { greeting: "hi" } }]);
  await callBeside(lambda, "watched", undefined);
  const call = await callBeside(lambda, "watched", undefined);
  const { artifacts, warnings } = await artifactsOf(hearth, call);
  assert.deepEqual(warnings, ["own: over"]);
  const [artifact] = artifacts;
  assert.equal(artifact?.type, "application/json");
  const path = `/_hearth/invocations/${call.requestId}/artifacts/seen.json`;
  const { json } = await hearth.admin("GET", path);
  assert.deepEqual(json, ["watched", "hi", "one", "two", "succeeded", 2]);
  const sink = await hearth.admin("GET", "/_hearth/sinks/seen");
  assert.equal(sink.text, '{"calls":1}\n{"calls":2}\n');
  const { json: listed } = await hearth.admin("GET", "/_hearth/sinks");
  assert.ok((listed as { sinks: { name: string }[] }).sinks.some(({ name }) => name === "seen"));
});

test("sidecars: one that hangs costs the call nothing and ends at its deadline", async () => {
  await register(
    "endless",
    "exports.log = () => { while (true); }; exports.end = () => new Promise(() => {});",
  );
  await deploy(lambda, {
    name: "free",
    files: handlerFile("console.log('x'.repeat(1000)); return 7;"),
  });
  await setPolicy("free", ["endless"]);
  const call = await callBeside(lambda, "free", undefined);
  assert.equal(call.value, 7);
  const { warnings } = await artifactsOf(hearth, call);
  assert.match(warnings.join(), /endless: was not done in time/);
  await eventually(
    async () => !(await runningSidecars(hearth)).some(({ name }) => name === "endless"),
  );
});

test("policies: of more sidecars than a call has room for, optional ones stay away", async () => {
  const credentials = await hearth.createOwner("crowd");
  const own = hearth.lambda(credentials);
  const names = Array.from({ length: 9 }, (_, index) => `own${index}`);
  const body = await zipOf({ "index.js": "exports.end = () => {};" });
  for (const name of names) {
    await hearth.admin("PUT", `/_hearth/sidecars/${name}`, { body, credentials });
  }
  await deploy(own, { name: "crowded", files: SLEEPER });
  const put = (path: string, sidecars: unknown) =>
    hearth.admin("PUT", path, { body: { sidecars }, credentials });
  await put("/_hearth/functions/crowded/policy", names.slice(0, 5));
  const last = { name: "own8", required: true };
  await put("/_hearth/policy", [...names.slice(5, 8), last]);
  const call = await callBeside(own, "crowded", undefined);
  assert.deepEqual(
    call.log.split("\n").filter((line) => line.startsWith("[hearth]")),
    ["[hearth] Sidecar own4 is missing: A call has at most 8 sidecars"],
  );
  await assert.rejects(callBeside(own, "crowded", names.join()), {
    name: "InvalidParameterValueException",
    message: "A call has at most 8 sidecars",
  });
});

test("sidecars: a shared one that breaks the protocol is replaced, however it clings to life", async () => {
  const source = `process.exit = () => {}; process.reallyExit = () => {}; setInterval(() => {}, 1000);
    const isHost = ({ remoteAddress, readable, write }) => write && readable && !remoteAddress;
    exports.start = () => {
      const socket = process._getActiveHandles().find(isHost);
      setTimeout(() => socket.write(Buffer.from([255, 255, 255, 255, 21])), 20);
    };`;
  await register("clinging", source);
  await deploy(lambda, { name: "rid", files: SLEEPER });
  await setPolicy("rid", [{ name: "clinging", scope: "function", idleSeconds: 60 }]);
  for (let i = 0; i < 2; i++) {
    const call = await callBeside(lambda, "rid", undefined, { ms: 200 });
    const { warnings } = await artifactsOf(hearth, call);
    assert.match(warnings.join(), /^clinging: lost: Frame of/);
    await eventually(
      async () => !(await runningSidecars(hearth)).some(({ name }) => name === "clinging"),
    );
  }
});
