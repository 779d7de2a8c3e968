import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { secureRandom, systemClock } from "../../base/mod.ts";
import { settled } from "../../base/testing.ts";
import type { CompanionHost } from "../companions.ts";
import type { PlatformEvent } from "../platform-events.ts";
import { SandboxApi } from "../sandbox-api.ts";
import { ScriptedSandbox, testVersion } from "../testing.ts";
import { LocalCompanions } from "./local-companions.ts";

/** An environment in name only: remembers what its companions tell it. */
class ScriptedHost implements CompanionHost {
  isInitialising = true;
  isFrozen = false;
  readonly lines: string[] = [];
  readonly events: PlatformEvent[] = [];
  readonly failures: string[] = [];

  note(text: string, event: PlatformEvent): void {
    this.lines.push(text);
    this.events.push(event);
  }
  writeOutput(): void {}
  runtimeEnded(): void {}
  companionFailed(errorType: string, reason: string): void {
    this.failures.push(`${errorType}: ${reason}`);
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered
  readonly body: any;
}

interface Setting {
  readonly host: ScriptedHost;
  readonly companions: LocalCompanions;
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  /** Registers and gives the identifier. */
  register(name: string, events?: readonly string[]): Promise<string>;
}

interface SendOptions {
  readonly id?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

async function start(t: TestContext): Promise<Setting> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api = new SandboxApi(server);
  t.after(() => api.close());
  const host = new ScriptedHost();
  const companions = new LocalCompanions({
    ...{ host, api, clock: systemClock, random: secureRandom },
    version: testVersion(),
    sandbox: new ScriptedSandbox("s"),
  });
  const send: Setting["send"] = async (method, path, { id, headers, body } = {}) => {
    const response = await fetch(`http://${api.address}/${path}`, {
      method,
      headers: { ...headers, ...(id === undefined ? {} : { "Lambda-Extension-Identifier": id }) },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
  };
  return {
    ...{ host, companions, send },
    async register(name, events = ["INVOKE"]) {
      const headers = { "Lambda-Extension-Name": name };
      const answer = await send("POST", REGISTER, { headers, body: { events } });
      assert.equal(answer.status, 200);
      return answer.headers.get("lambda-extension-identifier") ?? "";
    },
  };
}

const REGISTER = "2020-01-01/extension/register";
const NEXT = "2020-01-01/extension/event/next";
const CALL = { requestId: "r-1", functionArn: "arn", traceId: "Root=1", deadlineMs: 42 };

test("ExtensionsApi: registration answers with the function, the account when asked", async (t) => {
  const { send } = await start(t);
  const headers = { "Lambda-Extension-Name": "one" };
  const { status, headers: answered, body } = await send("POST", REGISTER, { headers, body: {} });
  assert.equal(status, 200);
  assert.match(answered.get("lambda-extension-identifier") ?? "", /^[0-9a-f-]{36}$/);
  const facts = { functionName: "f", functionVersion: "$LATEST", handler: "index.handler" };
  assert.deepEqual(body, facts);
  const asking = {
    "Lambda-Extension-Name": "two",
    "Lambda-Extension-Accept-Feature": "x, accountId",
  };
  const second = await send("POST", REGISTER, { headers: asking, body: { events: [] } });
  assert.deepEqual(second.body, { ...facts, accountId: "000000000000" });
});

test("ExtensionsApi: what is wrong with a registration is said as AWS says it", async (t) => {
  const { send, register, companions } = await start(t);
  const refusal = async (name: string, body: unknown): Promise<unknown[]> => {
    const headers = name === "" ? {} : { "Lambda-Extension-Name": name };
    const answer = await send("POST", REGISTER, { headers, body });
    return [answer.status, answer.body.errorType, answer.body.errorMessage];
  };
  assert.deepEqual(await refusal("", {}), [
    403,
    "Extension.InvalidExtensionName",
    "Empty extension name",
  ]);
  assert.equal((await refusal("a", "{"))[1], "InvalidRequestFormat");
  assert.equal((await refusal("a", { events: "INVOKE" }))[1], "InvalidRequestFormat");
  assert.equal((await refusal("a", { configurationKeys: ["k"] }))[1], "InvalidRequestFormat");
  assert.deepEqual(await refusal("a", { events: ["BOOM"] }), [
    403,
    "Extension.InvalidEventType",
    "BOOM: ErrorInvalidEventType",
  ]);
  assert.deepEqual(await refusal("a", { events: ["SHUTDOWN"] }), [
    403,
    "Extension.InvalidEventType",
    "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
  ]);
  await register("taken");
  assert.equal((await refusal("taken", { events: [] }))[1], "Extension.InvalidExtensionState");
  for (let count = 2; count <= 10; count++) await register(`extension-${count}`);
  assert.deepEqual(await refusal("eleventh", { events: [] }), [
    403,
    "Extension.TooManyExtensions",
    "Extension limit (10) reached",
  ]);
  companions.invoke(CALL);
  assert.equal((await refusal("late", { events: [] }))[1], "Extension.RegistrationClosed");
});

test("ExtensionsApi: an extension is known by its identifier alone", async (t) => {
  const { send } = await start(t);
  const typeOf = async (id?: string): Promise<unknown[]> => {
    const answer = await send("GET", NEXT, id === undefined ? {} : { id });
    return [answer.status, answer.body.errorType];
  };
  assert.deepEqual(await typeOf(), [403, "Extension.MissingExtensionIdentifier"]);
  assert.deepEqual(await typeOf("nobody"), [403, "Extension.InvalidExtensionIdentifier"]);
  const unknown = "8b6a2c4e-0000-4000-8000-000000000001";
  assert.deepEqual(await typeOf(unknown), [403, "Extension.UnknownExtensionIdentifier"]);
  assert.equal((await send("GET", "2020-01-01/extension/nowhere")).status, 404);
  assert.equal((await send("GET", "1999-01-01/anything")).status, 404);
});

test("ExtensionsApi: calls reach those who asked for them, and are waited for", async (t) => {
  const { send, register, companions } = await start(t);
  const watcher = await register("watcher");
  const deaf = await register("deaf", []);
  const ready = companions.ready();
  const next = send("GET", NEXT, { id: watcher });
  void send("GET", NEXT, { id: deaf }).catch(() => {});
  await ready;
  assert.equal(companions.settled(), undefined);
  companions.invoke(CALL);
  const { body, headers } = await next;
  assert.match(headers.get("lambda-extension-event-identifier") ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual(body, {
    eventType: "INVOKE",
    deadlineMs: 42,
    requestId: "r-1",
    invokedFunctionArn: "arn",
    tracing: { type: "X-Amzn-Trace-Id", value: "Root=1" },
  });
  let isSettled = false;
  const settling = companions.settled()?.then(() => {
    isSettled = true;
  });
  await settled();
  assert.equal(isSettled, false);
  void send("GET", NEXT, { id: watcher }).catch(() => {});
  await settling;
  assert.equal(companions.settled(), undefined);
});

test("ExtensionsApi: a second request for the next event is refused while one waits", async (t) => {
  const { send, register, companions } = await start(t);
  const id = await register("eager");
  const first = send("GET", NEXT, { id });
  await companions.ready();
  const second = await send("GET", NEXT, { id });
  assert.equal(second.status, 403);
  assert.equal(second.body.errorType, "Extension.InvalidExtensionState");
  assert.match(
    second.body.errorMessage,
    /^State transition from Ready to Ready failed for extension/,
  );
  companions.invoke(CALL);
  assert.equal((await first).status, 200);
});

test("ExtensionsApi: errors need their type; those of internal extensions end the environment", async (t) => {
  const { send, register, host, companions } = await start(t);
  const id = await register("broken");
  const path = "2020-01-01/extension/init/error";
  const untyped = await send("POST", path, { id, body: {} });
  assert.deepEqual([untyped.status, untyped.body.errorType], [403, "Extension.MissingHeader"]);
  const headers = { "Lambda-Extension-Function-Error-Type": "Extension.NoConfig" };
  const body = { errorMessage: "no config" };
  const told = await send("POST", path, { id, headers, body });
  assert.deepEqual([told.status, told.body], [202, { status: "OK" }]);
  assert.deepEqual(host.failures, ["Extension.InitError: no config"]);
  assert.equal((await send("GET", NEXT, { id })).body.errorType, "Extension.InvalidExtensionState");
  await companions.shutdown("failure");
  assert.deepEqual(host.lines, [
    "EXTENSION\tName: broken\tState: InitError\tEvents: [INVOKE]\tError Type: Extension.NoConfig\n",
  ]);
});

test("ExtensionsApi: what waits when the environment ends does not wait on", async (t) => {
  const { register, companions } = await start(t);
  await register("idle");
  const ready = companions.ready();
  ready.catch(() => {});
  const refused = assert.rejects(ready, { kind: "unavailable" });
  await companions.shutdown("timeout");
  await refused;
  await assert.rejects(companions.ready(), { kind: "unavailable" });
  assert.equal(companions.settled(), undefined);
});

test("Telemetry API: subscriptions are checked, and closed after initialisation", async (t) => {
  const { send, register, host, companions } = await start(t);
  const id = await register("subscriber");
  const destination = { protocol: "HTTP", URI: "http://sandbox.localdomain:4243/x" };
  const good = { schemaVersion: "2022-07-01", types: ["platform"], destination };
  const put = async (path: string, body: unknown): Promise<unknown[]> => {
    const answer = await send("PUT", path, { id, body });
    return [answer.status, answer.body.errorType ?? answer.body];
  };
  assert.equal((await send("PUT", "2022-07-01/telemetry", { body: good })).status, 403);
  assert.equal((await send("PUT", "2022-07-01/elsewhere", { id, body: good })).status, 404);
  assert.deepEqual(await put("2022-07-01/telemetry", { ...good, types: [] }), [
    400,
    "ValidationError",
  ]);
  assert.deepEqual(await put("2022-07-01/telemetry", good), [200, "OK"]);
  assert.deepEqual(await put("2022-07-01/telemetry", good), [200, "OK"]);
  const logs = { schemaVersion: "2020-08-15", types: ["function"], destination };
  assert.deepEqual(await put("2020-08-15/logs", logs), [400, "ValidationError"]);
  assert.equal(
    host.lines[0],
    "TELEMETRY\tName: subscriber\tState: Subscribed\tTypes: [Platform]\n",
  );
  companions.invoke(CALL);
  assert.deepEqual(await put("2022-07-01/telemetry", good), [403, "Telemetry.SubscriptionClosed"]);
  await companions.shutdown("spindown");
});

test("Telemetry API: an environment does not subscribe without end", async (t) => {
  const { send, register, companions, host } = await start(t);
  const id = await register("subscriber");
  const destination = { protocol: "TCP", port: 4243 };
  const body = { schemaVersion: "2022-07-01", types: ["platform"], destination };
  const statuses: number[] = [];
  for (let times = 0; times < 40; times++) {
    statuses.push((await send("PUT", "2022-07-01/telemetry", { id, body })).status);
  }
  assert.equal(statuses.filter((status) => status === 200).length, 32);
  assert.equal(statuses.at(-1), 429);
  assert.equal(host.lines.length, 32);
  await companions.shutdown("spindown");
});
