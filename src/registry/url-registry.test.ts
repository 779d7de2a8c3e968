import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError } from "../base/mod.ts";
import type { Owner } from "../model/mod.ts";
import type { CreateFunction } from "./function-registry.ts";
import { FUNCTION_URL_IDS, FUNCTION_URLS } from "./record.ts";
import { ALICE, BOB, type TestRegistry, testRegistry } from "./testing.ts";
import { UrlRegistry } from "./url-registry.ts";

function newFunction(name: string): CreateFunction {
  const role = "arn:aws:iam::111111111111:role/r";
  const configuration = { runtime: "nodejs24.x", handler: "i.handler", role } as const;
  return { name, configuration, zip: Buffer.from("1") };
}

async function withFunction(): Promise<TestRegistry & { readonly urls: UrlRegistry }> {
  const set = testRegistry();
  await set.registry.create(ALICE, newFunction("f"));
  return { ...set, urls: new UrlRegistry(set.registry.parts) };
}

const OPEN = { authType: "NONE" } as const;

test("UrlRegistry: an id is found without reading, until the function changes", async () => {
  const { urls, table } = await withFunction();
  const made = await urls.create(ALICE, "f", undefined, OPEN);
  assert.match(made.id, /^[a-z0-9]{32}$/);
  assert.deepEqual(await urls.find(made.id), made);
  const { reads } = table;
  assert.deepEqual(urls.find(made.id), made, "at once");
  assert.equal(table.reads, reads);
  const changed = await urls.update(ALICE, "f", undefined, { invokeMode: "RESPONSE_STREAM" });
  assert.equal(changed.id, made.id);
  assert.deepEqual(await urls.find(made.id), changed);
  assert.equal(await urls.find("0".repeat(32)), undefined);
});

test("UrlRegistry: one URL for a function and one for each alias", async () => {
  const { urls, registry } = await withFunction();
  await urls.create(ALICE, "f", undefined, OPEN);
  await assert.rejects(urls.create(ALICE, "f", undefined, OPEN), (error) =>
    isPlatformError(error, "already_exists"),
  );
  const notFound = (error: unknown): boolean => isPlatformError(error, "not_found");
  await assert.rejects(urls.create(ALICE, "f", "live", OPEN), notFound);
  await assert.rejects(urls.create(ALICE, "g", undefined, OPEN), notFound);
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "$LATEST" });
  const ofAlias = await urls.create(ALICE, "f", "live", OPEN);
  assert.equal(ofAlias.qualifier, "live");
  const first = await urls.list(ALICE, "f", { limit: 1 });
  assert.equal(first.items.length, 1);
  const rest = await urls.list(ALICE, "f", { ...(first.next && { marker: first.next }) });
  assert.deepEqual(rest, { items: [ofAlias] });
});

test("UrlRegistry: owners do not see each other's", async () => {
  const { urls, registry } = await withFunction();
  await registry.create(BOB, newFunction("f"));
  const made = await urls.create(ALICE, "f", undefined, OPEN);
  const operations: ((owner: Owner) => Promise<unknown>)[] = [
    (owner) => urls.get(owner, "f"),
    (owner) => urls.update(owner, "f", undefined, OPEN),
    (owner) => urls.delete(owner, "f"),
  ];
  for (const run of operations) {
    await assert.rejects(run(BOB), (error) => isPlatformError(error, "not_found"));
  }
  assert.deepEqual((await urls.list(BOB, "f")).items, []);
  const bobs = await urls.create(BOB, "f", undefined, OPEN);
  assert.notEqual(bobs.id, made.id);
  assert.equal((await urls.find(made.id))?.owner, ALICE);
});

test("UrlRegistry: nothing is left of what is deleted", async () => {
  const { urls, registry, table } = await withFunction();
  await registry.aliases.create(ALICE, "f", { name: "live", functionVersion: "$LATEST" });
  const left = async (): Promise<number[]> => {
    const tables = [FUNCTION_URLS, FUNCTION_URL_IDS].map((name) => table.list(name));
    return (await Promise.all(tables)).map(({ length }) => length);
  };
  const made = await urls.create(ALICE, "f", undefined, OPEN);
  const ofAlias = await urls.create(ALICE, "f", "live", OPEN);
  assert.ok((await urls.find(made.id)) && (await urls.find(ofAlias.id)));
  assert.deepEqual(await left(), [2, 2]);
  await registry.aliases.delete(ALICE, "f", "live");
  assert.equal(await urls.find(ofAlias.id), undefined);
  assert.deepEqual(await left(), [1, 1]);
  await urls.delete(ALICE, "f");
  assert.equal(await urls.find(made.id), undefined);
  assert.deepEqual(await left(), [0, 0]);
  const second = await urls.create(ALICE, "f", undefined, OPEN);
  await registry.delete(ALICE, "f");
  assert.equal(await urls.find(second.id), undefined);
  assert.deepEqual(await left(), [0, 0]);
});
