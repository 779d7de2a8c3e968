import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError, type PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { CODE_GRACE_MS } from "./code-references.ts";
import type { CreateFunction } from "./function-registry.ts";
import { ALICE, BOB, MemoryTableStore, testRegistry } from "./testing.ts";

const CONFIGURATION = {
  runtime: "nodejs24.x",
  handler: "index.handler",
  role: "arn:aws:iam::111111111111:role/r",
} as const;

function request(name: string, zip = "code", more: Partial<CreateFunction> = {}): CreateFunction {
  return { name, configuration: CONFIGURATION, zip: Buffer.from(zip), ...more };
}

function rejectsWith(promise: Promise<unknown>, kind: PlatformError["kind"], message?: RegExp) {
  return assert.rejects(
    promise,
    (error: unknown) =>
      isPlatformError(error, kind) && (message === undefined || message.test(error.message)),
  );
}

test("FunctionRegistry: a new function is Active with AWS's defaults", async () => {
  const { registry } = testRegistry();
  const created = await registry.create(ALICE, request("hello"));
  assert.equal(created.arn, "arn:aws:lambda:us-east-1:111111111111:function:hello");
  assert.equal(created.state, "Active");
  assert.equal(created.configuration.memorySizeMiB, 128);
  assert.equal(created.configuration.timeoutSeconds, 3);
  assert.deepEqual(created.configuration.logging, { format: "Text", group: "/aws/lambda/hello" });
  assert.match(created.lastModified, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  assert.deepEqual((await registry.get(ALICE, "hello")).version, created);
});

test("FunctionRegistry: owners do not see each other's functions", async () => {
  const { registry } = testRegistry();
  await registry.create(ALICE, request("hello"));
  await rejectsWith(registry.get(BOB, "hello"), "not_found", /:222222222222:function:hello$/);
  await rejectsWith(registry.delete(BOB, "hello"), "not_found");
  assert.deepEqual((await registry.list(BOB)).items, []);
});

test("FunctionRegistry: of many that create one name, one does", async () => {
  const { registry, code } = testRegistry();
  const attempts = Array.from({ length: 20 }, (_, i) =>
    registry.create(ALICE, request("hello", `code ${i}`)),
  );
  const results = await Promise.allSettled(attempts);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  for (const result of results) {
    if (result.status === "rejected") assert.ok(isPlatformError(result.reason, "already_exists"));
  }
  assert.equal(code.packages.size, 1, "the losers' packages are gone");
});

test("FunctionRegistry: concurrent updates of different fields are all kept", async () => {
  const { registry } = testRegistry();
  await registry.create(ALICE, request("hello"));
  await Promise.all([
    registry.updateConfiguration(ALICE, "hello", { description: "new" }),
    registry.updateConfiguration(ALICE, "hello", { memorySizeMiB: 512 }),
    registry.updateConfiguration(ALICE, "hello", { logging: { format: "JSON" } }),
    registry.changeTags(ALICE, "hello", { team: "a" }),
    registry.updateCode(ALICE, "hello", { zip: Buffer.from("other") }),
  ]);
  const { version, tags } = await registry.get(ALICE, "hello");
  assert.equal(version.configuration.description, "new");
  assert.equal(version.configuration.memorySizeMiB, 512);
  assert.equal(version.configuration.logging.applicationLogLevel, "INFO");
  assert.equal(version.code.zipBytes, 5);
  assert.deepEqual(tags, { team: "a" });
});

test("FunctionRegistry: a change that loses against another process is made again", async () => {
  const table = new MemoryTableStore();
  const here = testRegistry(table).registry;
  const there = testRegistry(table).registry;
  await here.create(ALICE, request("hello"));
  table.beforeCommit = async () => {
    await there.updateConfiguration(ALICE, "hello", { timeoutSeconds: 60 });
  };
  await here.updateConfiguration(ALICE, "hello", { memorySizeMiB: 256 });
  const { configuration } = (await here.get(ALICE, "hello")).version;
  assert.equal(configuration.timeoutSeconds, 60);
  assert.equal(configuration.memorySizeMiB, 256);
});

test("FunctionRegistry: an update with an outdated revision id is refused", async () => {
  const { registry } = testRegistry();
  const { revisionId } = await registry.create(ALICE, request("hello"));
  await registry.updateConfiguration(ALICE, "hello", { timeoutSeconds: 5 }, revisionId);
  await rejectsWith(
    registry.updateConfiguration(ALICE, "hello", { timeoutSeconds: 6 }, revisionId),
    "precondition_failed",
    /^The Revision Id provided does not match the latest Revision Id\. Call/,
  );
  const zip = Buffer.from("x");
  await rejectsWith(
    registry.updateCode(ALICE, "hello", { zip, revisionId }),
    "precondition_failed",
  );
});

test("FunctionRegistry: publishes only what has changed since the last version", async () => {
  const { registry } = testRegistry();
  await registry.create(ALICE, request("hello"));
  const first = await registry.publishVersion(ALICE, "hello", { description: "one" });
  assert.equal(first.version, "1");
  assert.equal(first.configuration.description, "one");
  assert.equal((await registry.publishVersion(ALICE, "hello")).version, "1");
  const same = { zip: Buffer.from("code"), publish: true };
  assert.equal((await registry.updateCode(ALICE, "hello", same)).version, "1");
  const other = { zip: Buffer.from("other"), publish: true };
  const second = await registry.updateCode(ALICE, "hello", other);
  assert.equal(second.arn, "arn:aws:lambda:us-east-1:111111111111:function:hello:2");
  const { items } = await registry.listVersions(ALICE, "hello");
  assert.deepEqual(
    items.map(({ version }) => version),
    ["$LATEST", "1", "2"],
  );
  await rejectsWith(
    registry.publishVersion(ALICE, "hello", { codeSha256: first.code.sha256 }),
    "invalid",
    /^CodeSHA256 \(/,
  );
});

test("FunctionRegistry: version numbers are not reused", async () => {
  const { registry } = testRegistry();
  await registry.create(ALICE, request("hello", "code", { publish: true }));
  await registry.delete(ALICE, "hello", "1");
  assert.equal((await registry.publishVersion(ALICE, "hello")).version, "2");
  await registry.delete(ALICE, "hello", "99");
  await rejectsWith(registry.get(ALICE, "hello", "1"), "not_found");
  await rejectsWith(registry.get(ALICE, "hello", "02"), "not_found");
  await rejectsWith(registry.delete(ALICE, "hello", "$LATEST"), "invalid");
});

test("FunctionRegistry: a package lives as long as a version uses it, and a while longer", async () => {
  const { registry, code, clock } = testRegistry();
  const count = async (): Promise<number> => {
    await clock.advance(2 * CODE_GRACE_MS);
    return code.packages.size;
  };
  await registry.create(ALICE, request("one", "shared"));
  await registry.create(ALICE, request("two", "shared", { publish: true }));
  await registry.create(BOB, request("one", "shared"));
  assert.equal(await count(), 2, "one for each owner");
  await registry.delete(ALICE, "one");
  await registry.updateCode(ALICE, "two", { zip: Buffer.from("next") });
  assert.equal(await count(), 3, "version 1 still uses it");
  await registry.delete(ALICE, "two", "1");
  await clock.advance(CODE_GRACE_MS - 1);
  assert.equal(code.packages.size, 3, "calls may still want it");
  assert.equal(await count(), 2);
  await registry.updateCode(ALICE, "two", { zip: Buffer.from("tried"), dryRun: true });
  assert.equal(code.packages.size, 2, "a dry run leaves nothing");
  await registry.delete(ALICE, "two");
  await registry.delete(BOB, "one");
  assert.equal(await count(), 0);
});

test("FunctionRegistry: what a stopped server had to delete, the next one deletes", async () => {
  const { registry, table, code, clock } = testRegistry();
  await registry.create(ALICE, request("one"));
  await registry.delete(ALICE, "one");
  await registry[Symbol.asyncDispose]();
  await clock.advance(2 * CODE_GRACE_MS);
  assert.equal(code.packages.size, 1);
  const next = testRegistry(table);
  const { sha256 } = await next.code.put(ALICE, Buffer.from("code"));
  await next.clock.advance(4 * CODE_GRACE_MS);
  assert.equal(next.code.packages.has(`${ALICE}/${sha256}`), false);
});

test("FunctionRegistry: creating and deleting users of one package race without losing it", async () => {
  const { registry, code, clock } = testRegistry();
  await registry.create(ALICE, request("f0", "shared"));
  for (let i = 1; i < 20; i++) {
    await Promise.all([
      registry.delete(ALICE, `f${i - 1}`),
      clock.advance(2 * CODE_GRACE_MS),
      registry.create(ALICE, request(`f${i}`, "shared")),
    ]);
    assert.equal(code.packages.size, 1);
  }
  await clock.advance(4 * CODE_GRACE_MS);
  assert.equal(code.packages.size, 1);
});

test("FunctionRegistry: a broken package creates nothing", async () => {
  const { registry } = testRegistry();
  await rejectsWith(registry.create(ALICE, request("hello", "broken")), "invalid_package");
  await rejectsWith(registry.get(ALICE, "hello"), "not_found");
});

test("FunctionRegistry: pages through functions and through all versions", async () => {
  const { registry } = testRegistry();
  for (let i = 0; i < 7; i++) {
    await registry.create(ALICE, request(`f${i}`, "code", { publish: i % 2 === 0 }));
  }
  const collect = async (limit: number, allVersions: boolean): Promise<string[]> => {
    const names: string[] = [];
    let marker: string | undefined;
    do {
      const page = await registry.list(ALICE, {
        limit,
        allVersions,
        ...(marker === undefined ? {} : { marker }),
      });
      assert.ok(page.items.length <= limit);
      names.push(...page.items.map(({ name, version }) => `${name}:${version}`));
      marker = page.next;
    } while (marker !== undefined);
    return names;
  };
  const latest = Array.from({ length: 7 }, (_, i) => `f${i}:$LATEST`);
  const all = latest.flatMap((name, i) => (i % 2 === 0 ? [name, `f${i}:1`] : [name]));
  for (const limit of [1, 2, 3, 7, 50]) {
    assert.deepEqual(await collect(limit, false), latest);
    assert.deepEqual(await collect(limit, true), all);
  }
  await rejectsWith(registry.list(ALICE, { marker: "!" }), "invalid");
});

test("FunctionRegistry: reserved and oversized environments are refused", async () => {
  const { registry } = testRegistry();
  const withVariables = (environment: Record<string, string>): Promise<unknown> =>
    registry.create(ALICE, {
      ...request("hello"),
      configuration: { ...CONFIGURATION, environment },
    });
  await rejectsWith(
    withVariables({ AWS_REGION: "x" }),
    "invalid",
    /Reserved keys used in this request: AWS_REGION$/,
  );
  await rejectsWith(withVariables({ AA: "x".repeat(4096) }), "invalid", /exceeded the 4KB limit/);
});

test("FunctionRegistry: announces what makes environments outdated", async () => {
  const { registry } = testRegistry();
  const heard: string[] = [];
  using _ = registry.onChange((owner, name, kind) => heard.push(`${owner} ${name} ${kind}`));
  await registry.create(ALICE, request("hello"));
  await registry.changeTags(ALICE, "hello", { a: "b" });
  await registry.updateConfiguration(ALICE, "hello", { timeoutSeconds: 9 });
  await registry.delete(ALICE, "hello");
  assert.deepEqual(heard, [`${ALICE} hello updated`, `${ALICE} hello deleted`]);
});

test("FunctionRegistry: tags merge, go and are limited", async () => {
  const { registry } = testRegistry();
  await registry.create(ALICE, request("hello", "code", { tags: { a: "1", b: "2" } }));
  await registry.changeTags(ALICE, "hello", { c: "3" }, ["a"]);
  assert.deepEqual(await registry.tags(ALICE, "hello"), { b: "2", c: "3" });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, ""]));
  await rejectsWith(
    registry.changeTags(ALICE, "hello", many),
    "invalid",
    /^Number of tags exceeds resource tag limit\.$/,
  );
});

test("FunctionRegistry: reservations leave 100 calls to the other functions", async () => {
  const { registry } = testRegistry();
  const { concurrency } = registry;
  await registry.create(ALICE, request("one"));
  await registry.create(ALICE, request("two"));
  await concurrency.put(ALICE, "one", 500);
  await rejectsWith(concurrency.put(ALICE, "two", 401), "invalid", /minimum value of \[100\]\.$/);
  await concurrency.put(ALICE, "two", 400);
  assert.equal(registry.unreservedConcurrency(ALICE), 100);
  await concurrency.put(ALICE, "one", 0);
  assert.equal((await registry.resolve(ALICE, "one")).reservedConcurrency, 0);
  assert.equal(registry.unreservedConcurrency(ALICE), 600);
  await registry.delete(ALICE, "two");
  await concurrency.delete(ALICE, "one");
  assert.equal(await concurrency.get(ALICE, "one"), undefined);
  assert.equal(registry.unreservedConcurrency(ALICE), limits.ACCOUNT_CONCURRENCY);
});

test("FunctionRegistry: concurrent reservations never exceed the account", async () => {
  const { registry } = testRegistry();
  const names = Array.from({ length: 12 }, (_, i) => `f${i}`);
  for (const name of names) await registry.create(ALICE, request(name));
  const results = await Promise.allSettled(
    names.map((name) => registry.concurrency.put(ALICE, name, 100)),
  );
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 9);
  const settings = await registry.concurrency.accountSettings(ALICE);
  assert.equal(settings.unreservedConcurrency, 100);
});

test("FunctionRegistry: account usage follows every change and survives a restart", async () => {
  const table = new MemoryTableStore();
  const { registry } = testRegistry(table);
  const usage = async (of = registry) => (await of.concurrency.accountSettings(ALICE)).usage;
  assert.deepEqual(await usage(), { functionCount: 0, codeBytes: 0 });
  await registry.create(ALICE, request("one", "12345", { publish: true }));
  await registry.create(ALICE, request("two", "123"));
  assert.deepEqual(await usage(), { functionCount: 2, codeBytes: 13 });
  await registry.updateCode(ALICE, "two", { zip: Buffer.from("1"), publish: true });
  await registry.delete(ALICE, "one", "1");
  assert.deepEqual(await usage(), { functionCount: 2, codeBytes: 7 });
  assert.deepEqual(await usage(testRegistry(table).registry), await usage());
  await registry.delete(ALICE, "one");
  assert.deepEqual(await usage(), { functionCount: 1, codeBytes: 2 });
});

test("FunctionRegistry: an owner's packages end at the account's limit", async () => {
  const { registry, code } = testRegistry();
  code.put = async (_owner, zip) => ({
    sha256: zip.toString("base64"),
    zipBytes: limits.ACCOUNT_CODE_BYTES_MAX,
    unpackedBytes: 1,
  });
  await registry.create(ALICE, request("one"));
  await rejectsWith(registry.create(ALICE, request("two")), "too_large", /^Code storage limit/);
  await rejectsWith(registry.publishVersion(ALICE, "one"), "too_large");
  await registry.create(BOB, request("two"));
});
