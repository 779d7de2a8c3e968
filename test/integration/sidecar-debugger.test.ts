import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { WebSocket } from "ws";
import { deploy } from "../support/functions.ts";
import { startHearth, type TestCredentials, type TestHearth } from "../support/hearth.ts";
import { artifactOf, callBeside, eventually } from "../support/sidecars.ts";

let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});
after(() => hearth[Symbol.asyncDispose]());

interface Session {
  readonly requestId: string;
  readonly functionName: string;
  readonly webSocketDebuggerUrl: string;
  readonly devtoolsFrontendUrl: string;
}

async function sessions(credentials?: TestCredentials): Promise<readonly Session[]> {
  const wanted = credentials === undefined ? {} : { credentials };
  const { json } = await hearth.admin("GET", "/_hearth/debug", wanted);
  return (json as { sessions: Session[] }).sessions;
}

// biome-ignore lint/suspicious/noExplicitAny: the protocol's messages as they are
type Message = any;

/** A debugger as Chrome DevTools is one: commands with ids, and events. */
class Debugger implements Disposable {
  readonly #socket: WebSocket;
  readonly #events: Message[] = [];
  readonly #waiting = new Map<number, (message: Message) => void>();
  #lastId = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.id === undefined) this.#events.push(message);
      else this.#waiting.get(message.id)?.(message);
    });
  }

  static async attach(url: string): Promise<Debugger> {
    const socket = new WebSocket(url);
    const attached = new Debugger(socket);
    await once(socket, "open");
    return attached;
  }

  post(text: string): void {
    this.#socket.send(text);
  }

  async send(method: string, params: unknown = {}): Promise<Message> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await promise;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** The next event of this name, the oldest first. */
  async event(method: string): Promise<Message> {
    let at = -1;
    await eventually(() => {
      at = this.#events.findIndex((event) => event.method === method);
      return at >= 0;
    });
    return this.#events.splice(at, 1)[0].params;
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}

const SOURCE = `exports.handler = async (event) => {
  const answer = { doubled: event.number * 2 };
  answer.seen = true;
  return answer;
};
`;

test("debugger: a client stops a call at a breakpoint, reads and changes a variable, resumes", async () => {
  const more = { Timeout: 30 };
  await deploy(lambda, { name: "debugged", files: { "index.js": SOURCE }, more });
  const other = await hearth.createOwner("curious");
  for (const number of [21, 4]) {
    const running = callBeside(lambda, "debugged", "debugger", { number });
    await eventually(async () => (await sessions()).length === 1);
    assert.deepEqual(await sessions(other), []);
    const [session] = await sessions();
    assert.equal(session?.functionName, "debugged");
    assert.match(session?.devtoolsFrontendUrl ?? "", /^devtools:\/\/devtools\/bundled\//);
    using client = await Debugger.attach(session?.webSocketDebuggerUrl ?? "");
    await client.send("Runtime.enable");
    await client.send("Debugger.enable");
    const { breakpointId } = await client.send("Debugger.setBreakpointByUrl", {
      lineNumber: 2,
      urlRegex: "index\\.js$",
    });
    await client.send("Runtime.runIfWaitingForDebugger");
    const { callFrames, hitBreakpoints } = await client.event("Debugger.paused");
    assert.deepEqual(hitBreakpoints, [breakpointId]);
    const [{ callFrameId }] = callFrames;
    const evaluate = (expression: string): Promise<Message> =>
      client.send("Debugger.evaluateOnCallFrame", { callFrameId, expression });
    assert.equal((await evaluate("answer.doubled")).result.value, number * 2);
    await evaluate("answer.changed = 'by the debugger'");
    await client.send("Debugger.resume");
    const call = await running;
    const changed = "by the debugger";
    assert.deepEqual(call.value, { doubled: number * 2, changed, seen: true });
    assert.deepEqual(await sessions(), []);
    const kept = await artifactOf(hearth, call, "debug.json");
    assert.ok(kept.commands.includes("Debugger.setBreakpointByUrl"));
    assert.equal(kept.pauses, 1);
  }
  const plain = await callBeside(lambda, "debugged", undefined, { number: 1 });
  assert.deepEqual(plain.value, { doubled: 2, seen: true });
});

test("debugger: a call can stop before its first line", async () => {
  const more = { Timeout: 30 };
  await deploy(lambda, { name: "early", files: { "index.js": SOURCE }, more });
  const body = { sidecars: [{ name: "debugger", options: { breakOnStart: true } }] };
  await hearth.admin("PUT", "/_hearth/functions/early/policy", { body });
  const running = callBeside(lambda, "early", undefined, { number: 1 });
  await eventually(async () => (await sessions()).length === 1);
  const [session] = await sessions();
  using client = await Debugger.attach(session?.webSocketDebuggerUrl ?? "");
  await client.send("Debugger.enable");
  await client.send("Runtime.runIfWaitingForDebugger");
  const { callFrames } = await client.event("Debugger.paused");
  assert.equal(callFrames[0].functionName, "exports.handler");
  await client.send("Debugger.resume");
  assert.deepEqual((await running).value, { doubled: 2, seen: true });
});

test("debugger: a call whose debugger goes away goes on, and a wrong token opens nothing", async () => {
  const more = { Timeout: 30 };
  await deploy(lambda, { name: "left", files: { "index.js": SOURCE }, more });
  const running = callBeside(lambda, "left", "debugger", { number: 3 });
  await eventually(async () => (await sessions()).length === 1);
  const [session] = await sessions();
  const url = session?.webSocketDebuggerUrl ?? "";
  const wrong = new WebSocket(url.replace(/[0-9a-f]{32}$/, "0".repeat(32)));
  const [error] = await once(wrong, "error");
  assert.match(String(error), /404/);
  const client = await Debugger.attach(url);
  await client.send("Debugger.enable");
  await client.send("Debugger.pause");
  client[Symbol.dispose]();
  assert.deepEqual((await running).value, { doubled: 6, seen: true });
});

test("debugger: without one, a call waits no longer than its policy says", async () => {
  await deploy(lambda, { name: "alone", files: { "index.js": SOURCE } });
  const options = { waitSeconds: 0.1 };
  const body = { sidecars: [{ name: "debugger", options }] };
  await hearth.admin("PUT", "/_hearth/functions/alone/policy", { body });
  const call = await callBeside(lambda, "alone", undefined, { number: 5 });
  assert.deepEqual(call.value, { doubled: 10, seen: true });
});

test("debugger: a message as large as a bundle goes through, both ways", async () => {
  const more = { Timeout: 30, MemorySize: 512 };
  await deploy(lambda, { name: "large", files: { "index.js": SOURCE }, more });
  const running = callBeside(lambda, "large", "debugger", { number: 1 });
  await eventually(async () => (await sessions()).length === 1);
  const [session] = await sessions();
  using client = await Debugger.attach(session?.webSocketDebuggerUrl ?? "");
  const expression = `"${"x".repeat(3_000_000)}" + "y"`;
  const { result } = await client.send("Runtime.evaluate", { expression });
  assert.equal(result.value.length, 3_000_001);
  await client.send("Runtime.runIfWaitingForDebugger");
  assert.deepEqual((await running).value, { doubled: 2, seen: true });
});

test("debugger: what is no message of the protocol is answered as wrong, and the call goes on", async () => {
  await deploy(lambda, { name: "garbled", files: { "index.js": SOURCE }, more: { Timeout: 30 } });
  const running = callBeside(lambda, "garbled", "debugger", { number: 1 });
  await eventually(async () => (await sessions()).length === 1);
  const [session] = await sessions();
  const url = session?.webSocketDebuggerUrl ?? "";
  using client = await Debugger.attach(url);
  const second = new WebSocket(url);
  assert.equal((await once(second, "close"))[0], 1008);
  for (const wrong of ["nonsense", "null", "[]", '{"id":0,"method":5}', "\0"]) client.post(wrong);
  await assert.rejects(client.send("No.such"), /wasn't found/);
  await client.send("Runtime.runIfWaitingForDebugger");
  assert.deepEqual((await running).value, { doubled: 2, seen: true });
  const late = new WebSocket(url);
  assert.match(String((await once(late, "error"))[0]), /404/);
});
