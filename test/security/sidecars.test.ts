import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { AddPermissionCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { signRequest } from "../../src/api/mod.ts";
import { deploy } from "../support/functions.ts";
import { startHearth, type TestHearth, zipOf } from "../support/hearth.ts";
import { artifactsOf, callBeside, eventually, runningSidecars } from "../support/sidecars.ts";

const run = promisify(execFile);
let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});
after(() => hearth[Symbol.asyncDispose]());

const SECRET = "the-sidecar-keeps-this";

/** A sidecar that is as reachable as it can make itself. */
const VICTIM = `const fs = require("node:fs"); const net = require("node:net");
  fs.writeFileSync("/tmp/kept", "${SECRET}", { mode: 0o666 });
  const serve = (where) => net.createServer((socket) => socket.end("${SECRET}")).listen(where);
  serve({ port: 7777, host: "0.0.0.0" });
  serve("\\0victim");
  serve("/tmp/victim.sock");
  exports.end = () => {};`;

/** Looks for sidecars wherever a process can look; answers with what it got hold of. */
const ATTACK = `const fs = require("node:fs"); const net = require("node:net"); const path = require("node:path");
  const readable = (file) => { try { return fs.readFileSync(file, "latin1"); } catch { return ""; } };
  const talk = (where) => new Promise((resolve) => {
    const socket = net.connect(where); let text = "";
    socket.setTimeout(300, () => socket.destroy());
    socket.on("data", (chunk) => { text += chunk; }).on("error", () => {}).on("close", () => resolve(text));
  });
  async function attack() {
    const got = [];
    for (const pid of fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name))) {
      if (!readable("/proc/" + pid + "/cmdline").includes("/var/runtime/runner.cjs")) continue;
      if (readable("/proc/" + pid + "/root" + "/tmp/kept").includes("${SECRET}")) got.push("file");
      if (await talk("/proc/" + pid + "/root" + "/tmp/victim.sock") === "${SECRET}") got.push("socket");
      try { process.kill(Number(pid), 0); got.push("process"); } catch {}
    }
    if (await talk({ port: 7777, host: "127.0.0.1" }) === "${SECRET}") got.push("port");
    if (await talk("\\0victim") === "${SECRET}") got.push("abstract socket");
    for (const file of ["/tmp/kept", "/run/hearth/../../tmp/kept"]) if (readable(file)) got.push(file);
    if (fs.existsSync("/var/runtime/runner.cjs")) got.push("program");
    return [...new Set(got)];
  }`;

const SLOW = "await new Promise((resolve) => setTimeout(resolve, 400));";

test("P09-4: a function reaches no sidecar by files, sockets, processes or network", async (t) => {
  if (process.geteuid?.() !== 0 || process.env.HEARTH_ISOLATION === "none") {
    t.skip("needs root and sandboxes");
    return;
  }
  const body = await zipOf({ "index.js": VICTIM });
  await hearth.admin("PUT", "/_hearth/sidecars/victim", { body });
  const files = {
    "index.js": `${ATTACK} exports.handler = async ({ ms = 0 }) => {
      const got = await attack();
      await new Promise((resolve) => setTimeout(resolve, ms));
      return got;
    };`,
  };
  await deploy(lambda, { name: "attacker", files });
  const stranger = hearth.lambda(await hearth.createOwner("stranger"));
  await deploy(stranger, { name: "attacker", files });
  const running = callBeside(lambda, "attacker", "victim", { ms: 2500 });
  await eventually(async () => (await runningSidecars(hearth)).some(({ calls }) => calls === 1));
  // Without the walls of a sandbox the same program gets hold of it.
  const program = `${ATTACK} attack().then((got) => console.log(JSON.stringify(got)));`;
  const { stdout } = await run(process.execPath, ["-e", program]);
  assert.deepEqual(JSON.parse(stdout).sort(), ["file", "process", "socket"]);
  const another = await callBeside(stranger, "attacker", undefined);
  assert.deepEqual(another.value, []);
  assert.equal((await runningSidecars(hearth)).length, 1, "it was there to be found");
  assert.deepEqual((await running).value, []);
});

test("P09-4: a sidecar and what it brings are out of reach of other owners and of functions", async () => {
  const source =
    "exports.end = (result, context) => context.artifact('a.txt', 'text/plain', 'mine');";
  await hearth.admin("PUT", "/_hearth/sidecars/mine", {
    body: await zipOf({ "index.js": source }),
  });
  const files = {
    "index.js": `exports.handler = async () => { ${SLOW}
      const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
      return { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN };
    };`,
  };
  await deploy(lambda, { name: "main", files });
  const other = await hearth.createOwner("other");
  const running = callBeside(lambda, "main", "mine");
  await eventually(async () => (await runningSidecars(hearth)).some(({ name }) => name === "mine"));
  assert.deepEqual(await runningSidecars(hearth, other), []);
  const call = await running;
  assert.equal((await artifactsOf(hearth, call)).artifacts.length, 1);
  const paths = [
    `/_hearth/invocations/${call.requestId}/artifacts`,
    `/_hearth/invocations/${call.requestId}/artifacts/a.txt`,
    "/_hearth/functions/main/policy",
    "/_hearth/sinks/logship",
  ];
  for (const path of paths) {
    const { status } = await hearth.admin("GET", path, { credentials: other });
    assert.equal(status, 404, path);
  }
  const keys = {
    accessKeyId: call.value.AWS_ACCESS_KEY_ID,
    secretAccessKey: call.value.AWS_SECRET_ACCESS_KEY,
    sessionToken: call.value.AWS_SESSION_TOKEN,
  };
  const asFunction = async (method: string, path: string, body = ""): Promise<number> => {
    const url = new URL(path, hearth.url);
    const { host: _, ...headers } = signRequest({
      ...{ method, url, body, credentials: keys, region: hearth.region, service: "hearth" },
      timeMs: Date.now(),
    });
    const response = await fetch(url, { method, headers, ...(body === "" ? {} : { body }) });
    await response.text();
    return response.status;
  };
  for (const path of [...paths, "/_hearth/sidecars"])
    assert.equal(await asFunction("GET", path), 403, path);
  assert.equal(await asFunction("PUT", "/_hearth/policy", '{"sidecars":[]}'), 403);
  assert.equal(await asFunction("DELETE", "/_hearth/sidecars/mine"), 403);
  const named = hearth.admin("PUT", "/_hearth/policy", {
    body: { sidecars: ["mine"] },
    credentials: other,
  });
  assert.equal((await named).status, 400);
});

/** What an owner's own sidecar may write to the host instead of the protocol. */
const NONSENSE: Readonly<Record<string, string>> = {
  "a frame that is too long": "Buffer.from([255, 255, 255, 255, 21])",
  "a frame of no known type": "Buffer.from([0, 0, 0, 5, 99, 0, 0, 0, 1])",
  "an artefact without a header": "Buffer.from([0, 0, 0, 9, 21, 0, 0, 0, 1, 255, 255, 255, 255])",
  "a header that is not JSON": "Buffer.from([0, 0, 0, 10, 21, 0, 0, 0, 1, 0, 0, 0, 1, 120])",
};

test("sidecars: one that breaks the protocol is ended, its call and the server go on", async () => {
  const files = { "index.js": `exports.handler = async () => { ${SLOW} return 1; };` };
  await deploy(lambda, { name: "steady", files });
  for (const [what, bytes] of Object.entries(NONSENSE)) {
    const source = `exports.start = () => {
      const isHost = ({ remoteAddress, readable, write }) => write && readable && !remoteAddress;
      const socket = process._getActiveHandles().find(isHost);
      setTimeout(() => socket.write(${bytes}), 50);
    };`;
    const body = await zipOf({ "index.js": source });
    await hearth.admin("PUT", "/_hearth/sidecars/liar", { body });
    const call = await callBeside(lambda, "steady", "liar");
    assert.equal(call.value, 1, what);
    const { warnings } = await artifactsOf(hearth, call);
    assert.match(warnings.join(), /liar: lost: (Sidecar broke the protocol|Frame of)/, what);
  }
});

test("sidecars: what runs beside a function is not for callers of other accounts to say", async () => {
  await deploy(lambda, { name: "lent", files: { "index.js": "exports.handler = async () => 1;" } });
  const guest = await hearth.createOwner("guest");
  const permission = { StatementId: "guest", Action: "lambda:InvokeFunction" };
  await lambda.send(
    new AddPermissionCommand({ FunctionName: "lent", Principal: guest.owner, ...permission }),
  );
  const arn = `arn:aws:lambda:${hearth.region}:${hearth.owner}:function:lent`;
  const call = await callBeside(hearth.lambda(guest), arn, "tracer,nobody");
  assert.equal(call.value, 1);
  assert.deepEqual((await artifactsOf(hearth, call)).artifacts, []);
});

test("sidecars: a function cannot end its log's shipping by what it logs", async () => {
  const source = `exports.handler = async () => {
    console.log("\\u0001".repeat(250_000));
    console.log("after");
  };`;
  await deploy(lambda, { name: "bomber", files: { "index.js": source } });
  const logship = { name: "logship", options: { url: `${hearth.url}/in`, file: "bombed" } };
  const body = { sidecars: [logship] };
  await hearth.admin("PUT", "/_hearth/functions/bomber/policy", { body });
  const call = await callBeside(lambda, "bomber", undefined);
  const { warnings } = await artifactsOf(hearth, call);
  assert.match(warnings.join(), /lines were not taken by .*: http:.* leads to this machine/);
  const { text } = await hearth.admin("GET", "/_hearth/sinks/bombed");
  assert.match(text, /after/);
  assert.doesNotMatch(warnings.join(), /lost/);
});
