import { type LambdaClient, PublishLayerVersionCommand } from "@aws-sdk/client-lambda";
import { type TestHearth, zipOf } from "./hearth.ts";

/** Extensions for tests, each a program as one would write it for AWS. */

/** Publishes a layer version; names ending in `*` are executable. */
export async function publishLayer(
  lambda: LambdaClient,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const content = { ZipFile: await zipOf(files) };
  const command = new PublishLayerVersionCommand({ LayerName: name, Content: content });
  return (await lambda.send(command)).LayerVersionArn ?? "";
}

const POLL_MS = 20;
const WAIT_MS_MAX = 15_000;

/** A function's log, once it matches. */
export async function logThatMatches(
  hearth: TestHearth,
  name: string,
  pattern: RegExp,
): Promise<string> {
  const giveUpAt = Date.now() + WAIT_MS_MAX;
  while (true) {
    const path = `/_hearth/functions/${name}/logs?lines=1000`;
    const { text } = await hearth.admin("GET", path);
    if (pattern.test(text)) return text;
    if (Date.now() > giveUpAt) throw new Error(`Log of ${name} never matched ${pattern}: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Functions that the extensions below share; `watch` runs until SHUTDOWN. */
const PYTHON_BASE = `#!/usr/bin/env python3
import json, os, socket, sys, time, urllib.request
API = os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = os.path.basename(sys.argv[0])
def request(method, path, headers, body=None):
    url = f"http://{API}/{path}"
    return urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method))
def say(*words):
    print(f"[{NAME}]", *words, flush=True)
def register(events):
    headers = {"Lambda-Extension-Name": NAME, "Lambda-Extension-Accept-Feature": "accountId"}
    answer = request("POST", "2020-01-01/extension/register", headers, json.dumps({"events": events}).encode())
    say("registered", answer.read().decode().strip())
    return {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
def next_event(me):
    return json.load(request("GET", "2020-01-01/extension/event/next", me))
def watch(me, on_invoke=lambda event: None):
    while True:
        event = next_event(me)
        if event["eventType"] == "SHUTDOWN":
            left = event["deadlineMs"] - time.time() * 1000
            say("shutdown", event["shutdownReason"], "soon" if 0 < left <= 2000 else left)
            return
        on_invoke(event)
`;

/** Tells of every event that it gets. */
export const PYTHON_WATCHER: string = `${PYTHON_BASE}
me = register(["INVOKE", "SHUTDOWN"])
watch(me, lambda event: say("invoke", event["requestId"], event["tracing"]["type"]))
`;

/** Works for 300 ms after each event, and writes down when it was done. */
export const PYTHON_SLOW: string = `${PYTHON_BASE}
me = register(["INVOKE", "SHUTDOWN"])
def work(event):
    time.sleep(0.3)
    say("worked for", event["requestId"])
watch(me, work)
`;

/** Fails in the way that the function's variable FAIL names. */
export const PYTHON_FAILING: string = `${PYTHON_BASE}
fail = os.environ["FAIL"]
if fail == "before": sys.exit(3)
me = register(["INVOKE", "SHUTDOWN"])
def report(kind):
    headers = dict(me, **{"Lambda-Extension-Function-Error-Type": "Extension.NoConfig"})
    body = json.dumps({"errorMessage": "no config", "errorType": "NoConfig", "stackTrace": []}).encode()
    say(kind, request("POST", f"2020-01-01/extension/{kind}/error", headers, body).status)
    sys.exit(1)
if fail == "init": report("init")
def on_invoke(event):
    if fail == "call": os._exit(0)
    if fail == "exit": report("exit")
watch(me, on_invoke)
`;

/** As the shell extension of aws-samples: curl, and a trap for the end. */
export const SHELL_WATCHER: string = `#!/bin/bash
set -euo pipefail
NAME="$(basename "$0")"
HEADERS="$(mktemp)"
BASE="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
curl -sS -D "$HEADERS" -XPOST "$BASE/register" -H "Lambda-Extension-Name: $NAME" -d '{"events": ["INVOKE", "SHUTDOWN"]}' > /dev/null
ID="$(grep -Fi Lambda-Extension-Identifier "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)"
while true; do
  EVENT="$(curl -sS "$BASE/event/next" -H "Lambda-Extension-Identifier: $ID")"
  echo "[$NAME] $EVENT"
  if [[ "$EVENT" == *SHUTDOWN* ]]; then exit 0; fi
done
`;

/** Takes telemetry over HTTP, and prints what it got once it is told to end. */
export const PYTHON_TELEMETRY: string = `${PYTHON_BASE}
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
got = []
class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        got.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words): pass
server = HTTPServer(("0.0.0.0", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
me = register(["INVOKE", "SHUTDOWN"])
subscription = json.loads(os.environ["SUBSCRIPTION"])
subscription["destination"] = {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{server.server_port}/records"}
path = os.environ.get("SUBSCRIBE_AT", "2022-07-01/telemetry")
answer = request("PUT", path, dict(me, **{"Content-Type": "application/json"}), json.dumps(subscription).encode())
say("subscribed", answer.status, answer.read().decode().strip())
watch(me)
for event in got: say("got", json.dumps(event))
`;

/** Takes telemetry over TCP, in Node, likewise. */
export const NODE_TELEMETRY: string = `#!/usr/bin/env node
const net = require("node:net");
const API = "http://" + process.env.AWS_LAMBDA_RUNTIME_API;
let received = "";
const server = net.createServer((socket) => socket.on("data", (chunk) => { received += chunk; }));
server.listen(0, "0.0.0.0", async () => {
  const registered = await fetch(API + "/2020-01-01/extension/register", {
    method: "POST",
    headers: { "Lambda-Extension-Name": "receiver.js" },
    body: JSON.stringify({ events: ["SHUTDOWN"] }),
  });
  const headers = { "Lambda-Extension-Identifier": registered.headers.get("lambda-extension-identifier") };
  const answer = await fetch(API + "/2022-07-01/telemetry", {
    method: "PUT",
    headers,
    body: JSON.stringify({
      schemaVersion: "2022-12-13",
      types: ["platform", "function"],
      buffering: { timeoutMs: 25, maxItems: 1000, maxBytes: 262144 },
      destination: { protocol: "TCP", port: server.address().port },
    }),
  });
  console.log("[receiver.js] subscribed", answer.status);
  await fetch(API + "/2020-01-01/extension/event/next", { headers });
  for (const line of received.split("\\n")) if (line !== "") console.log("[receiver.js] got " + line);
  process.exit(0);
});
`;

/** The records that the telemetry extensions above have printed. */
export function recordsIn(log: string): readonly TelemetryRecord[] {
  return [...log.matchAll(/\] got (\{.*\})$/gm)].map(([, json = ""]) => JSON.parse(json));
}

export interface TelemetryRecord {
  readonly time: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was sent
  readonly record: any;
}
