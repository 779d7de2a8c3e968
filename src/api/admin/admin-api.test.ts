import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Metrics, PlatformError, secureRandom, silentLog, systemClock } from "../../base/mod.ts";
import type { EnvironmentSummary } from "../../host/mod.ts";
import type { DecisionRecord, Owner } from "../../model/mod.ts";
import { Accounts, type NewAccount, SigningProfiles } from "../../registry/mod.ts";
import { MemoryTableStore } from "../../registry/testing.ts";
import { presign } from "../http/presign.ts";
import { createHttpServer } from "../http/server.ts";
import { type SigningCredentials, signRequest } from "../http/sign.ts";
import { createAdminApi } from "./admin-api.ts";
import type { AdminPorts } from "./ports.ts";

const ZIP_SHA256 = "ab".repeat(32);

interface Running extends AsyncDisposable {
  readonly url: string;
  readonly accounts: Accounts;
  readonly operator: NewAccount;
  readonly second: NewAccount;
  readonly followed: AbortSignal[];
}

function environmentOf(owner: Owner, environmentId: string): EnvironmentSummary {
  const state = { runtime: "nodejs24.x", state: "idle", memoryMiB: 128, idleMs: 5 } as const;
  return { environmentId, instanceId: `i-${environmentId}`, owner, ...state };
}

/** Sidecars of a server that has none. */
const NO_SIDECARS: AdminPorts["sidecars"] = {
  registry: {
    functionPolicy: async () => undefined,
    ownerPolicy: () => undefined,
    packages: () => [],
    register: () => Promise.reject(new Error("Nothing is registered here")),
    remove: async () => {},
    setFunctionPolicy: async () => undefined,
    setOwnerPolicy: async () => undefined,
  },
  manager: {
    artefact: () => Promise.reject(new Error("No artefact is here")),
    artefacts: () => Promise.reject(new Error("No artefact is here")),
    running: () => [],
  },
  debug: { list: () => [], find: () => undefined },
  files: { list: async () => [], read: () => Promise.reject(new Error("No sink is here")) },
};

/** The admin API behind a real edge, its ports answered from memory. */
async function start(): Promise<Running> {
  const accounts = new Accounts({
    store: new MemoryTableStore(),
    masterKey: secureRandom.bytes(32),
    clock: systemClock,
    random: secureRandom,
  });
  const operator = await accounts.open();
  const second = await accounts.create("second");
  const metrics = new Metrics();
  const followed: AbortSignal[] = [];
  const environments = [environmentOf(operator.owner, "e1"), environmentOf(second.owner, "e2")];
  const record: DecisionRecord = {
    requestId: "r1",
    owner: second.owner,
    functionArn: "arn",
    receivedAt: "2026-11-21T00:00:00.000Z",
    decisions: [],
    status: "succeeded",
  };
  const ports: AdminPorts = {
    version: "1.2.3",
    metrics,
    accounts,
    invoker: {
      decisionRecord: (owner, id) => (owner === record.owner && id === "r1" ? record : undefined),
    },
    host: {
      environments: (owner) => environments.filter((one) => !owner || one.owner === owner),
      pools: () => [{ runtime: "nodejs24.x", target: 2, ready: 1, booting: 1 }],
    },
    functions: {
      async get(owner, name) {
        if (owner === second.owner && name === "fn") return {};
        throw new PlatformError({ kind: "not_found", resource: "function", id: name }, "None");
      },
    },
    logs: {
      tail: async (_owner, name, lines) => Buffer.from(`${name} ${lines}\n`),
      async *follow(_owner, _name, signal) {
        followed.push(signal);
        yield Buffer.from("news\n");
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    },
    functionMetrics: { prometheusText: (owner) => `# of ${owner}\n` },
    signingProfiles: new SigningProfiles(new MemoryTableStore(), secureRandom, "us-east-1"),
    code: async (owner, sha256) => Readable.from([Buffer.from(`zip of ${owner} ${sha256}`)]),
    sidecars: NO_SIDECARS,
    findings: async () => [{ topic: "memory limit", status: "ok", detail: "cgroup v1" }],
  };
  const edge = createHttpServer({
    services: {},
    admin: createAdminApi(ports),
    accounts,
    clock: systemClock,
    random: secureRandom,
    log: silentLog,
    metrics,
  });
  const { port } = await edge.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${port}`;
  const dispose = () => edge[Symbol.asyncDispose]();
  return { url, accounts, operator, second, followed, [Symbol.asyncDispose]: dispose };
}

interface CallOptions {
  readonly method?: string;
  readonly body?: string;
  readonly service?: string;
  readonly signal?: AbortSignal;
}

function call(
  { url }: Running,
  credentials: SigningCredentials,
  path: string,
  { method = "GET", body = "", service = "hearth", signal }: CallOptions = {},
): Promise<Response> {
  const target = new URL(path, url);
  const common = { credentials, region: "us-east-1", service, timeMs: Date.now() };
  const { host: _, ...headers } = signRequest({ method, url: target, body, ...common });
  return fetch(target, {
    method,
    headers,
    ...(body === "" ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function statusAndCode(answer: Promise<Response>): Promise<[number, unknown]> {
  const response = await answer;
  const { code } = (await response.json()) as { code?: unknown };
  return [response.status, code];
}

test("admin: health and metrics need no signature, everything else does", async () => {
  await using running = await start();
  for (const path of ["/health", "/_hearth/health"]) {
    const response = await fetch(running.url + path);
    assert.deepEqual(await response.json(), { status: "ok", version: "1.2.3" });
    assert.equal((await fetch(running.url + path, { method: "HEAD" })).status, 200);
  }
  for (const path of ["/metrics", "/_hearth/metrics"]) {
    const text = await (await fetch(running.url + path)).text();
    assert.match(text, /^hearth_http_requests_total \d+$/m);
    assert.ok(!text.includes(running.second.owner), "metrics name no owner");
  }
  for (const path of ["environments", "pools", "accounts", "doctor", "functions/fn/logs", "x"]) {
    assert.deepEqual(await statusAndCode(fetch(`${running.url}/_hearth/${path}`)), [
      403,
      "MissingAuthenticationTokenException",
    ]);
  }
});

test("admin: owners see their own environments, the operator all", async () => {
  await using running = await start();
  const seenBy = async (account: NewAccount): Promise<string[]> => {
    const response = await call(running, account, "/_hearth/environments");
    const { environments } = (await response.json()) as { environments: EnvironmentSummary[] };
    return environments.map((environment) => environment.environmentId);
  };
  assert.deepEqual(await seenBy(running.second), ["e2"]);
  assert.deepEqual(await seenBy(running.operator), ["e1", "e2"]);
});

test("admin: decision records are for the owner of the call", async () => {
  await using running = await start();
  const path = "/_hearth/invocations/r1";
  const own = await call(running, running.second, path, { service: "lambda" });
  assert.equal(((await own.json()) as DecisionRecord).requestId, "r1");
  const others = call(running, running.operator, path);
  assert.deepEqual(await statusAndCode(others), [404, "ResourceNotFoundException"]);
});

test("admin: accounts, pools and findings are the operator's, never its functions'", async () => {
  await using running = await start();
  const { operator, second, accounts } = running;
  const session = { roleName: "hearth", sessionName: "fn", lifetimeSeconds: 60 };
  const inFunction = accounts.issue({ owner: operator.owner, ...session });
  for (const path of ["/_hearth/accounts", "/_hearth/pools", "/_hearth/doctor"]) {
    const allowed = await call(running, operator, path);
    assert.equal(allowed.status, 200);
    assert.ok(!(await allowed.text()).includes(second.secretAccessKey));
    for (const credentials of [second, inFunction]) {
      const refused = call(running, credentials, path);
      assert.deepEqual(await statusAndCode(refused), [403, "AccessDeniedException"]);
    }
  }
  const create = { method: "POST", body: '{"name":"third"}' };
  const refused = call(running, second, "/_hearth/accounts", create);
  assert.deepEqual(await statusAndCode(refused), [403, "AccessDeniedException"]);
});

test("admin: a new account's key works at once", async () => {
  await using running = await start();
  const post = (body: string) =>
    call(running, running.operator, "/_hearth/accounts", { method: "POST", body });
  const made = await post('{"name":"third"}');
  assert.equal(made.status, 201);
  const third = (await made.json()) as NewAccount;
  const response = await call(running, third, "/_hearth/environments");
  assert.deepEqual(await response.json(), { environments: [] });
  assert.deepEqual(await statusAndCode(post('{"name":"third"}')), [
    409,
    "ResourceConflictException",
  ]);
  for (const body of ["{", "[]", '{"name":1}', '{"name":"a b"}', "null"]) {
    const code = "InvalidParameterValueException";
    assert.deepEqual(await statusAndCode(post(body)), [400, code], body);
  }
});

test("admin: logs come as text, and go on while followed", async () => {
  await using running = await start();
  const { second } = running;
  const tail = await call(running, second, "/_hearth/functions/fn/logs?lines=7");
  assert.equal(await tail.text(), "fn 7\n");
  const follow = await call(running, second, "/_hearth/functions/fn/logs?follow=1");
  const reader = follow.body?.getReader();
  let text = "";
  while (!text.endsWith("news\n")) text += Buffer.from((await reader?.read())?.value ?? []);
  assert.equal(text, "fn 100\nnews\n");
  const [signal] = running.followed;
  const aborted = new Promise((resolve) => signal?.addEventListener("abort", resolve));
  await reader?.cancel();
  await aborted;
});

test("admin: a server that closes ends followed logs at once", async () => {
  const running = await start();
  const path = "/_hearth/functions/fn/logs?follow=true&lines=0";
  const follow = await call(running, running.second, path);
  const text = follow.text();
  while (running.followed.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await running[Symbol.asyncDispose]();
  await text.catch(() => "");
});

test("admin: logs of others' functions and odd names are refused", async () => {
  await using running = await start();
  const logs = (credentials: SigningCredentials, name: string, query = "") =>
    statusAndCode(call(running, credentials, `/_hearth/functions/${name}/logs${query}`));
  assert.deepEqual(await logs(running.operator, "fn"), [404, "ResourceNotFoundException"]);
  for (const name of ["..%2F..%2Fetc", "%2e%2e%2f", "a%00b", "a.b", "x".repeat(65)]) {
    assert.deepEqual(
      await logs(running.second, name),
      [400, "InvalidParameterValueException"],
      name,
    );
  }
  for (const lines of ["-1", "x", "10001"]) {
    const [status] = await logs(running.second, "fn", `?lines=${lines}`);
    assert.equal(status, 400);
  }
  assert.equal((await logs(running.second, "%ff"))[0], 400);
});

test("admin: a presigned URL downloads its owner's code and nothing else", async () => {
  await using running = await start();
  const { operator, second, url } = running;
  const link = (owner: Owner, credentials: SigningCredentials, sha256 = ZIP_SHA256) =>
    presign({
      method: "GET",
      url: `${url}/_hearth/code/${owner}/${sha256}`,
      credentials,
      region: "us-east-1",
      service: "lambda",
      expiresSeconds: 600,
      timeMs: Date.now(),
    });
  const good = link(second.owner, second);
  const response = await fetch(good);
  assert.equal(response.headers.get("content-type"), "application/zip");
  assert.equal(await response.text(), `zip of ${second.owner} ${ZIP_SHA256}`);
  for (const changed of [good.replace("/ab", "/cd"), good.replace(second.owner, operator.owner)]) {
    assert.deepEqual(await statusAndCode(fetch(changed)), [403, "InvalidSignatureException"]);
  }
  for (const foreign of [link(operator.owner, second), link(second.owner, second, "x")]) {
    assert.deepEqual(await statusAndCode(fetch(foreign)), [404, "ResourceNotFoundException"]);
  }
});

test("admin: unknown operations and keys for other services are refused", async () => {
  await using running = await start();
  const { operator } = running;
  for (const [path, method] of [
    ["/_hearth/nothing", "GET"],
    ["/_hearth/", "GET"],
    ["/_hearth/accounts", "DELETE"],
    ["/_hearth/accounts/x", "GET"],
    ["/elsewhere", "GET"],
  ] as const) {
    const answer = call(running, operator, path, { method });
    assert.deepEqual(await statusAndCode(answer), [404, "UnknownOperationException"], path);
  }
  const forOther = call(running, operator, "/_hearth/pools", { service: "s3" });
  assert.deepEqual(await statusAndCode(forOther), [403, "InvalidSignatureException"]);
});
