import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";
import {
  artifactOf,
  artifactsOf,
  callBeside,
  type Receiver,
  startReceiver,
} from "../support/sidecars.ts";

let hearth: TestHearth;
let lambda: LambdaClient;
let receiver: Receiver;
let forbidden: Receiver;

before(async () => {
  receiver = await startReceiver();
  forbidden = await startReceiver();
  hearth = await startHearth({
    flags: { warm: "nodejs24.x=1,python3.11=1", "allow-sink": [`${receiver.url}/`] },
  });
  lambda = hearth.lambda();
});
after(async () => {
  await hearth[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await forbidden[Symbol.asyncDispose]();
});

async function setPolicy(name: string, sidecars: unknown): Promise<void> {
  const body = { sidecars };
  const { status, text } = await hearth.admin("PUT", `/_hearth/functions/${name}/policy`, { body });
  assert.equal(status, 200, text);
}

interface ShippedLine {
  readonly timestamp: string;
  readonly requestId: string;
  readonly functionName: string;
  readonly source: string;
  readonly message: string;
}

test("logship: every line of a call reaches an HTTP sink, in order", async () => {
  const body = "for (let i = 0; i < 2000; i++) console.log('line', i, 'x'.repeat(200)); return 1;";
  await deploy(lambda, { name: "talker", files: handlerFile(body) });
  const headers = { "x-token": "t" };
  const options = { url: `${receiver.url}/logs`, headers };
  await setPolicy("talker", [{ name: "logship", options }]);
  const call = await callBeside(lambda, "talker", undefined);
  assert.deepEqual((await artifactsOf(hearth, call)).warnings, []);
  const batches = receiver.received.filter(({ path }) => path === "/logs");
  assert.ok(batches.length >= 2, `${batches.length} batches`);
  assert.ok(batches.every((batch) => batch.headers["x-token"] === "t"));
  const lines = batches.flatMap((batch) => JSON.parse(batch.body) as ShippedLine[]);
  assert.match(lines[0]?.message ?? "", /^START RequestId/);
  const logged = lines.filter(({ source }) => source === "function");
  assert.deepEqual(
    logged.map(({ message }) => Number(/line (\d+) /.exec(message)?.[1])),
    Array.from({ length: 2000 }, (_, index) => index),
  );
  assert.ok(lines.every(({ requestId }) => requestId === call.requestId));
});

test("logship: to the owner's file unless told otherwise", async () => {
  await deploy(lambda, { name: "filer", files: handlerFile("console.log('kept'); return 1;") });
  for (let i = 0; i < 2; i++) {
    await artifactsOf(hearth, await callBeside(lambda, "filer", "logship"));
  }
  const { text } = await hearth.admin("GET", "/_hearth/sinks/logship");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ShippedLine);
  assert.equal(lines.filter(({ message }) => message.endsWith("kept")).length, 2);
  assert.match(lines.at(-1)?.message ?? "", /^REPORT/);
});

test("sinks: the machine's own addresses are refused unless the operator allows them", async () => {
  await deploy(lambda, { name: "prober", files: handlerFile("return 1;") });
  const { port } = new URL(forbidden.url);
  const targets = [
    forbidden.url,
    `http://localhost:${port}/`,
    `http://[::ffff:127.0.0.1]:${port}/`,
    `http://0.0.0.0:${port}/`,
    `http://2130706433:${port}/`,
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/",
    receiver.url.replace("127.0.0.1", "localhost"),
  ];
  for (const url of targets) {
    await setPolicy("prober", [{ name: "logship", options: { url } }]);
    const call = await callBeside(lambda, "prober", undefined);
    const { warnings } = await artifactsOf(hearth, call);
    assert.match(warnings.join(), /leads to this machine or its networks/, url);
  }
  assert.deepEqual(forbidden.received, []);
});

test("tracer: spans of the call reach an OTLP endpoint and tell its parent", async () => {
  await deploy(lambda, { name: "traced", files: handlerFile("return 1;") });
  const options = { endpoint: receiver.url, serviceName: "shop" };
  await setPolicy("traced", [{ name: "tracer", options }]);
  const traceId = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
  const call = await callBeside(lambda, "traced", undefined, {}, { traceId });
  const kept = await artifactOf(hearth, call, "trace.json");
  const [sent] = receiver.received.filter(({ path }) => path === "/v1/traces");
  assert.deepEqual(JSON.parse(sent?.body ?? ""), kept);
  const [{ resource, scopeSpans }] = kept.resourceSpans;
  assert.deepEqual(resource.attributes[0], {
    key: "service.name",
    value: { stringValue: "shop" },
  });
  const [root, ...children] = scopeSpans[0].spans;
  assert.equal(root.traceId, "5759e988bd862e3fe1be46a994272793");
  assert.equal(root.parentSpanId, "53995c3f42cd8ad8");
  const names = children.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ["acquire", "init", "handler"]);
  for (const child of children) {
    assert.equal(child.parentSpanId, root.spanId);
    assert.ok(BigInt(child.startTimeUnixNano) >= BigInt(root.startTimeUnixNano));
    assert.ok(BigInt(child.endTimeUnixNano) <= BigInt(root.endTimeUnixNano));
  }
});

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly hitCount?: number;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
  readonly endTime: number;
}

/** As DevTools reads it: every sample names a node, every child exists. */
function checkProfile(profile: CpuProfile, hot: string, file: RegExp): void {
  const ids = new Set(profile.nodes.map(({ id }) => id));
  assert.equal(profile.samples.length, profile.timeDeltas.length);
  assert.ok(profile.samples.every((id) => ids.has(id)));
  assert.ok(profile.nodes.every(({ children = [] }) => children.every((id) => ids.has(id))));
  assert.ok(profile.endTime > profile.startTime);
  const hits = profile.nodes.toSorted((a, b) => (b.hitCount ?? 0) - (a.hitCount ?? 0));
  const busiest = hits.find(({ callFrame }) => !/^\(/.test(callFrame.functionName));
  assert.equal(busiest?.callFrame.functionName, hot);
  assert.match(busiest?.callFrame.url ?? "", file);
}

test("profiler: a .cpuprofile of one call names the hot function, in Node and in Python", async () => {
  const node = `function simmer(until) { let x = 0; while (Date.now() < until) x += Math.sqrt(x + 1); return x; }
    exports.handler = async () => { simmer(Date.now() + 200); return 1; };`;
  await deploy(lambda, { name: "hot", files: { "index.js": node } });
  const call = await callBeside(lambda, "hot", "profiler");
  checkProfile(await artifactOf(hearth, call, "profile.cpuprofile"), "simmer", /index\.js$/);
  const python = `import time
def simmer(until):
    x = 0
    while time.time() < until:
        x += 1
    return x

def handler(event, context):
    return simmer(time.time() + 0.2) > 0
`;
  await deploy(lambda, {
    ...{ name: "hot-python", runtime: "python3.11", handler: "index.handler" },
    files: { "index.py": python },
  });
  const second = await callBeside(lambda, "hot-python", "profiler");
  assert.equal(second.value, true);
  checkProfile(await artifactOf(hearth, second, "profile.cpuprofile"), "simmer", /index\.py$/);
  const plain = await callBeside(lambda, "hot-python", undefined);
  assert.equal(plain.value, true);
});

test("capture: a HAR of the function's requests, keys blotted out, in Node", async () => {
  const source = `const http = require("node:http");
    exports.handler = async () => {
      const server = http.createServer((request, response) => {
        response.setHeader("set-cookie", "session=1");
        response.setHeader("content-type", "application/json");
        request.resume().on("end", () => response.end(JSON.stringify({ path: request.url })));
      });
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      const base = "http://127.0.0.1:" + server.address().port;
      const fetched = await (await fetch(base + "/fetch?a=1", {
        method: "POST", body: "from fetch", headers: { authorization: "Bearer secret" },
      })).json();
      const got = await new Promise((resolve, reject) => {
        const request = http.request(base + "/http", { method: "PUT", headers: { "x-api-key": "secret" } }, (response) => {
          const chunks = [];
          response.on("data", (chunk) => chunks.push(chunk)).on("end", () => resolve(JSON.parse(Buffer.concat(chunks))));
        });
        request.on("error", reject);
        request.end("from http");
      });
      await new Promise((resolve) => http.get(base + "/unread", () => resolve()));
      await new Promise((resolve) => http.get("http://127.0.0.1:1/none").on("error", resolve));
      server.closeAllConnections(); server.close();
      return [fetched.path, got.path];
    };`;
  await deploy(lambda, { name: "caller", files: { "index.js": source } });
  const call = await callBeside(lambda, "caller", "capture");
  assert.deepEqual(call.value, ["/fetch?a=1", "/http"]);
  const har = await artifactOf(hearth, call, "traffic.har");
  assert.equal(har.log.version, "1.2");
  const [fetched, got, ...rest] = byPath(har, ["/fetch", "/http", "/unread", "/none"]);
  assert.equal(rest.length, 2);
  assert.equal(fetched.request.method, "POST");
  assert.equal(fetched.request.postData.text, "from fetch");
  assert.equal(fetched.response.status, 200);
  assert.equal(fetched.response.content.text, '{"path":"/fetch?a=1"}');
  assert.deepEqual(fetched.request.queryString, [{ name: "a", value: "1" }]);
  assert.equal(got.request.method, "PUT");
  assert.equal(got.request.postData.text, "from http");
  assert.equal(got.response.content.text, '{"path":"/http"}');
  assert.match(rest[1].comment, /ECONNREFUSED/);
  const text = JSON.stringify(har);
  assert.ok(!text.includes("secret") && !text.includes("session=1"));
  assert.match(text, /"name":"x-api-key","value":"\[redacted\]"/);
});

test("capture: a HAR of the function's requests in Python", async () => {
  const source = `import http.server, threading, urllib.request, json
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("content-type", "text/plain")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in (b"hello ", b"there"):
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
        self.wfile.write(b"0\\r\\n\\r\\n")
    def log_message(self, *values):
        pass

def handler(event, context):
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/python"
    request = urllib.request.Request(url, b"from python", {"Authorization": "secret"})
    with urllib.request.urlopen(request) as response:
        text = response.read().decode()
    server.shutdown()
    return text
`;
  await deploy(lambda, {
    ...{ name: "caller-python", runtime: "python3.11", handler: "index.handler" },
    files: { "index.py": source },
  });
  const call = await callBeside(lambda, "caller-python", "capture");
  assert.equal(call.value, "hello there");
  const har = await artifactOf(hearth, call, "traffic.har");
  const [entry] = byPath(har, ["/python"]);
  assert.equal(entry.request.method, "POST");
  assert.equal(entry.request.postData.text, "from python");
  assert.equal(entry.response.status, 201);
  assert.equal(entry.response.content.text, "hello there");
  assert.ok(!JSON.stringify(har).includes("secret"));
});

test("capture: what a Python function puts into http.client meanwhile stays there", async () => {
  const source = `import http.client

def handler(event, context):
    Connection = http.client.HTTPConnection
    if event.get("patch"):
        original = Connection.send
        def send(connection, data):
            return original(connection, data)
        Connection.send = send
    names = [getattr(Connection, name).__qualname__ for name in ("send", "getresponse")]
    connection = Connection("127.0.0.1", 9)
    try:
        connection.request("GET", "/")
    except OSError as error:
        names.append(type(error).__name__)
    return names
`;
  await deploy(lambda, {
    ...{ name: "patching", runtime: "python3.11", handler: "index.handler" },
    files: { "index.py": source },
  });
  await callBeside(lambda, "patching", "capture", { patch: true });
  const next = await callBeside(lambda, "patching", undefined);
  assert.deepEqual(next.value, [
    "handler.<locals>.send",
    "HTTPConnection.getresponse",
    "ConnectionRefusedError",
  ]);
});

test("capture: of a call that ran out of time, what it had done until then", async () => {
  const body = `const http = require("node:http");
    const server = http.createServer((request, response) => response.end("ok")).listen(0);
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address();
    for (const path of ["/early", \`http://127.0.0.1:\${port}/proxied\`]) {
      await new Promise((resolve) => http.get({ port, path, host: "127.0.0.1" }, (response) => {
        response.resume().once("close", resolve);
      }));
    }
    await new Promise(() => setInterval(() => {}, 1000));`;
  await deploy(lambda, { name: "late", files: handlerFile(body), more: { Timeout: 2 } });
  const call = await callBeside(lambda, "late", "capture,profiler");
  assert.match(call.value.errorMessage, /timed out/);
  const har = await artifactOf(hearth, call, "traffic.har");
  assert.equal(byPath(har, ["/early", "/proxied"]).length, 2);
  const { warnings } = await artifactsOf(hearth, call);
  assert.deepEqual(warnings, [
    "profiler: the runtime brought no profile: it ended before the call",
  ]);
});

// biome-ignore lint/suspicious/noExplicitAny: a HAR as it is
function byPath(har: any, paths: readonly string[]): any[] {
  return paths.map((path) => {
    const found = har.log.entries.find(
      ({ request }: { request: { url: string } }) => new URL(request.url).pathname === path,
    );
    assert.ok(found, `no entry of ${path}: ${JSON.stringify(har)}`);
    return found;
  });
}
