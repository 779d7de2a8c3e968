import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isPlatformError } from "../base/mod.ts";
import type { TableStore, Write } from "./table.ts";
import { KEY_BYTES_MAX } from "./table-check.ts";
import { listAll } from "./testsuite-crash.ts";
import { TableModel } from "./testsuite-model.ts";
import { FULL, linesUntilKilled, type Opener, scratch } from "./testsuite-support.ts";

type Open = (path: string) => Promise<TableStore>;

/** What every TableStore must do. `opener` lets the kill -9 test open the driver in a child. */
export function tableStoreSuite(name: string, open: Open, opener: Opener): void {
  test(`${name}: a committed document is read back with its revision`, async () => {
    await using place = await scratch();
    await using store = await open(place.path);
    const revision = await store.commit([{ table: "t", key: "k", value: { n: [1, null, "ü"] } }]);
    assert.ok(revision > 0);
    const document = { key: "k", revision, value: { n: [1, null, "ü"] } };
    assert.deepEqual(await store.get("t", "k"), document);
    assert.deepEqual(await store.list("t"), [document]);
    assert.equal(await store.get("t", "other"), undefined);
    assert.equal(await store.get("other", "k"), undefined);
  });

  test(`${name}: a value is taken as it was when commit was called`, async () => {
    await using place = await scratch();
    await using store = await open(place.path);
    const value = { n: 1 };
    const committed = store.commit([{ table: "t", key: "k", value }]);
    value.n = 2;
    await committed;
    assert.deepEqual((await store.get("t", "k"))?.value, { n: 1 });
  });

  test(`${name}: a failed precondition undoes its own commit and no other of the group`, async () => {
    await using place = await scratch();
    await using store = await open(place.path);
    const put = (key: string): Write => ({ table: "t", key, value: key, ifRevision: 0 });
    const results = await Promise.allSettled([
      store.commit([put("a")]),
      store.commit([put("b"), put("a")]),
      store.commit([put("c"), { table: "t", key: "z", check: true, ifRevision: 9 }]),
      store.commit([put("d")]),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "rejected", "fulfilled"],
    );
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      assert.ok(isPlatformError(result.reason, "precondition_failed"), String(result.reason));
    }
    const keys = (await store.list("t")).map(({ key }) => key);
    assert.deepEqual(keys, ["a", "d"]);
  });

  test(`${name}: of writers that race with the same precondition one wins`, async () => {
    await using place = await scratch();
    await using store = await open(place.path);
    const racers = Array.from({ length: 20 }, (_, n) =>
      store.commit([{ table: "t", key: "lock", value: n, ifRevision: 0 }]),
    );
    const results = await Promise.allSettled(racers);
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test(`${name}: a revision is never given twice, not even after a delete and a restart`, async () => {
    await using place = await scratch();
    let last = 0;
    for (let round = 0; round < 3; round++) {
      await using store = await open(place.path);
      const put = await store.commit([{ table: "t", key: "k", value: round }]);
      const deleted = await store.commit([{ table: "t", key: "k", delete: true }]);
      assert.ok(put > last && deleted > put, `${last} < ${put} < ${deleted}`);
      last = deleted;
    }
  });

  test(`${name}: lists pages by prefix in UTF-8 order`, async () => {
    await using place = await scratch();
    await using store = await open(place.path);
    const keys = [
      "a",
      "a/",
      "a/1",
      "a/\u{10ffff}",
      "a/\u{10ffff}x",
      "a0",
      "b",
      "\uffff",
      "\u{10000}",
    ];
    await store.commit(keys.map((key) => ({ table: "t", key, value: 0 })));
    const list = async (options: { prefix?: string; after?: string; limit?: number }) =>
      (await store.list("t", options)).map(({ key }) => key);
    assert.deepEqual(await list({}), keys);
    assert.deepEqual(await list({ prefix: "a/" }), keys.slice(1, 5));
    assert.deepEqual(await list({ prefix: "a/\u{10ffff}" }), keys.slice(3, 5));
    assert.deepEqual(await list({ prefix: "a/", after: "a/1", limit: 1 }), keys.slice(3, 4));
    assert.deepEqual(await list({ prefix: "a/", after: "a" }), keys.slice(1, 5));
    assert.deepEqual(await list({ after: "\uffff" }), ["\u{10000}"]);
  });

  test(`${name}: refuses what it cannot keep`, async () => {
    await using place = await scratch();
    await using store = await open(place.path);
    const value = 1;
    const refused: Write[][] = [
      [],
      [{ table: "", key: "k", value }],
      [{ table: "t", key: "", value }],
      [{ table: "t", key: "k".repeat(KEY_BYTES_MAX + 1), value }],
      [{ table: "t", key: "\ud800", value }],
      [{ table: "t", key: "k", value: undefined }],
      [{ table: "t", key: "k", value: 1n }],
      [{ table: "t", key: "k", value, ifRevision: -1 }],
      [
        { table: "t", key: "k", value },
        { table: "t", key: "k", delete: true },
      ],
    ];
    for (const writes of refused) {
      await assert.rejects(store.commit(writes), (error) => isPlatformError(error, "invalid"));
    }
    await assert.rejects(store.list("t", { limit: 1001 }), (e) => isPlatformError(e, "invalid"));
    assert.deepEqual(await store.list("t"), []);
  });

  test(`${name}: closing finishes what was accepted, then refuses`, async () => {
    await using place = await scratch();
    const store = await open(place.path);
    const accepted = store.commit([{ table: "t", key: "k", value: 1 }]);
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await accepted;
    await assert.rejects(store.get("t", "k"), (error) => isPlatformError(error, "unavailable"));
    await using reopened = await open(place.path);
    assert.equal((await reopened.get("t", "k"))?.value, 1);
  });

  test(`${name}: random histories agree with a model, also after reopening`, async () => {
    await fc.assert(
      fc.asyncProperty(histories, (groups) => replay(open, groups)),
      {
        numRuns: FULL ? 300 : 25,
      },
    );
  });

  test(`${name}: kill -9 loses no acknowledged commit and tears none`, async () => {
    for (let round = 1; round <= (FULL ? 20 : 2); round++) {
      await using place = await scratch();
      // Killed twice, so that what the first recovery made is killed as well.
      for (let kill = 1; kill <= 2; kill++) {
        const count = round * 17 * kill;
        const lines = await linesUntilKilled(opener, place.path, "commitUntilKilled", count);
        await using store = await open(place.path);
        const [left, right] = [await listAll(store, "left"), await listAll(store, "right")];
        assert.deepEqual(left, right, "Each commit is there whole or not at all");
        const found = new Set(left.map(({ key, revision }) => `${key} ${revision}`));
        assert.deepEqual(
          lines.filter((line) => !found.has(line)),
          [],
          "No acknowledged commit is lost",
        );
      }
    }
  });
}

/** A condition as a history can name it before it knows any revision. */
type Condition = "none" | "absent" | "current" | "stale";

interface Step {
  readonly table: string;
  readonly key: string;
  readonly action: "put" | "delete" | "check";
  readonly condition: Condition;
  readonly value: unknown;
}

/** Groups are committed at once (one tick), so that group commit is part of what is compared. */
type History = { readonly commits: Step[][]; readonly reopen: boolean }[];

const steps: fc.Arbitrary<Step> = fc.record({
  table: fc.constantFrom("a", "b"),
  key: fc.constantFrom("k", "k/1", "k/2", "ü", "\uffff", "\u{10000}", "\0"),
  action: fc.constantFrom("put", "put", "delete", "check"),
  condition: fc.constantFrom<Condition>("none", "none", "absent", "current", "stale"),
  value: fc.jsonValue({ maxDepth: 2 }),
});

const histories: fc.Arbitrary<History> = fc.array(
  fc.record({
    commits: fc.array(
      fc.uniqueArray(steps, {
        minLength: 1,
        maxLength: 4,
        selector: ({ table, key }) => `${table} ${key}`,
      }),
      { minLength: 1, maxLength: 4 },
    ),
    reopen: fc.nat(4).map((n) => n === 0),
  }),
  { maxLength: 6 },
);

async function replay(open: Open, history: History): Promise<void> {
  await using place = await scratch();
  const model = new TableModel();
  let store = await open(place.path);
  try {
    for (const { commits, reopen } of history) {
      const before = new Map(model.revisions());
      const writes = commits.map((group) => group.map((step) => writeOf(step, before)));
      const actual = await Promise.allSettled(writes.map((group) => store.commit(group)));
      for (const [index, result] of actual.entries()) {
        const succeeded = result.status === "fulfilled" ? result.value : undefined;
        assert.equal(model.commit(writes[index] ?? [], succeeded), succeeded !== undefined);
      }
      if (reopen) {
        await store[Symbol.asyncDispose]();
        store = await open(place.path);
      }
      await compare(store, model);
    }
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

function writeOf(step: Step, revisions: ReadonlyMap<string, number>): Write {
  const { table, key } = step;
  const current = revisions.get(`${table} ${key}`) ?? 0;
  const wanted = { none: undefined, absent: 0, current, stale: current + 1 }[step.condition];
  if (step.action === "check") return { table, key, check: true, ifRevision: wanted ?? current };
  const condition = wanted === undefined ? {} : { ifRevision: wanted };
  if (step.action === "delete") return { table, key, delete: true, ...condition };
  return { table, key, value: step.value, ...condition };
}

async function compare(store: TableStore, model: TableModel): Promise<void> {
  for (const table of ["a", "b"]) {
    const expected = model.list(table);
    assert.deepEqual(await store.list(table), expected);
    const ofPrefix = expected.filter(({ key }) => key.startsWith("k/"));
    assert.deepEqual(await store.list(table, { prefix: "k/" }), ofPrefix);
    for (const document of expected) {
      assert.deepEqual(await store.get(table, document.key), document);
    }
  }
}
