import assert from "node:assert/strict";
import { appendFile, readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isPlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { ALICE, BOB } from "../registry/testing.ts";
import type { LogStore, LogStoreOptions } from "./log-store.ts";
import { event, targetOf, testLogs } from "./testing.ts";

const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 10_000 };
const EVERYTHING = { ...ALL, wants: () => true, matches: () => true };

async function messagesOf(logs: LogStore, group: string, owner = ALICE): Promise<string[]> {
  const { events } = await logs.filter(owner, group, EVERYTHING);
  return events.map(({ message }) => message.toString());
}

/** The files of a group's events, in order. */
async function segmentsOf(directory: string, owner: string, name: string): Promise<string[]> {
  const groups = await readdir(join(directory, owner));
  const group = groups.find((each) => each.includes(name)) ?? "";
  const files = await readdir(join(directory, owner, group));
  return files
    .filter((file) => file.endsWith(".log"))
    .sort()
    .map((file) => join(directory, owner, group, file));
}

test("LogStore: events of several streams come back in order of time", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  logs.append(targetOf("f"), [event(1, "a"), event(5, "c")]);
  logs.append(targetOf("f", { stream: "other" }), [event(3, "b")]);
  assert.deepEqual(await messagesOf(logs, "/aws/lambda/f"), ["a", "b", "c"]);
  assert.equal((await logs.tail(ALICE, "f", 2)).toString(), "b\nc\n");
  assert.equal((await logs.tail(ALICE, "f", 100)).toString(), "a\nb\nc\n");
  assert.equal((await logs.tail(ALICE, "nobody", 100)).toString(), "");
});

test("LogStore: the tail counts lines, not events", async () => {
  await using opened = await testLogs();
  opened.logs.append(targetOf("f"), [event(1, "a"), event(2, "b\nc\nd"), event(3, "e")]);
  assert.equal((await opened.logs.tail(ALICE, "f", 3)).toString(), "c\nd\ne\n");
});

test("LogStore: functions that share a group have tails of their own", async () => {
  await using opened = await testLogs();
  const group = "/aws/lambda/f";
  opened.logs.append(targetOf("f"), [event(1, "of f")]);
  opened.logs.append(targetOf("g", { group, stream: "g1" }), [event(2, "of g")]);
  assert.equal((await opened.logs.tail(ALICE, "f", 9)).toString(), "of f\n");
  assert.deepEqual(await messagesOf(opened.logs, group), ["of f", "of g"]);
});

test("LOG-2: what was flushed survives a restart; a torn record costs only itself", async () => {
  await using opened = await testLogs();
  opened.logs.append(targetOf("f"), [event(1, "kept"), event(2, "torn")]);
  await opened.logs.retain(ALICE, "/aws/lambda/f", 7).catch(() => {});
  await opened.logs.flush();
  const [file = ""] = await segmentsOf(opened.directory, ALICE, "f");
  await truncate(file, (await import("node:fs")).statSync(file).size - 2);
  const again = opened.reopen();
  assert.deepEqual(await messagesOf(again, "/aws/lambda/f"), ["kept"]);
  again.append(targetOf("f"), [event(3, "after")]);
  assert.deepEqual(await messagesOf(again, "/aws/lambda/f"), ["kept", "after"]);
  await again[Symbol.asyncDispose]();
  assert.deepEqual(await messagesOf(opened.reopen(), "/aws/lambda/f"), ["kept", "after"]);
});

test("LogStore: noise behind the last record is cut off before the next is written", async () => {
  await using opened = await testLogs();
  opened.logs.append(targetOf("f"), [event(1, "a")]);
  await opened.logs.flush();
  const [file = ""] = await segmentsOf(opened.directory, ALICE, "f");
  await appendFile(file, Buffer.alloc(5000, 0xff));
  const again = opened.reopen();
  again.append(targetOf("f"), [event(2, "b")]);
  await again.flush();
  assert.deepEqual(await messagesOf(opened.reopen(), "/aws/lambda/f"), ["a", "b"]);
});

test("LogStore: a group is bounded, its oldest events go first", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  const line = "x".repeat(256 * 1024 - 10);
  const count = (limits.LOG_BYTES_PER_GROUP_MAX / (256 * 1024)) * 2;
  for (let at = 0; at < count; at++) {
    logs.append(targetOf("f"), [event(at, `${String(at).padStart(5, "0")}${line}`)]);
    await logs.flush();
  }
  const { storedBytes } = await logs.describe(ALICE, await logs.group(ALICE, "/aws/lambda/f"));
  assert.ok(storedBytes <= limits.LOG_BYTES_PER_GROUP_MAX, `${storedBytes}`);
  assert.ok(storedBytes > limits.LOG_BYTES_PER_GROUP_MAX / 2, `${storedBytes}`);
  const last = (await logs.tail(ALICE, "f", 1)).toString();
  assert.equal(Number(last.slice(0, 5)), count - 1);
  const first = await logs.filter(ALICE, "/aws/lambda/f", { ...EVERYTHING, limit: 1 });
  assert.ok(Number(first.events[0]?.message.toString().slice(0, 5)) > count / 4);
  // Sealed files are opened by their index.
  const again = opened.reopen();
  assert.equal((await again.tail(ALICE, "f", 1)).toString(), last);
  assert.ok((await segmentsOf(opened.directory, ALICE, "f")).length <= 17);
});

test("LogStore: retention hides old events at once and removes their files", async () => {
  await using opened = await testLogs();
  const { logs, clock } = opened;
  const now = clock.now();
  const day = 24 * 3600 * 1000;
  logs.append(targetOf("f"), [event(now - 3 * day, "old"), event(now, "new")]);
  await logs.flush();
  await logs.retain(ALICE, "/aws/lambda/f", 1);
  assert.deepEqual(await messagesOf(logs, "/aws/lambda/f"), ["new"]);
  assert.equal((await logs.tail(ALICE, "f", 9)).toString(), "new\n");
  await logs.retain(ALICE, "/aws/lambda/f", undefined);
  assert.deepEqual(await messagesOf(logs, "/aws/lambda/f"), ["old", "new"]);
  await logs.retain(ALICE, "/aws/lambda/f", 1);
  await clock.advance(2 * day);
  await logs.sweep();
  assert.deepEqual(await segmentsOf(opened.directory, ALICE, "f"), []);
});

test("LogStore: what a sweep finds unclaimed is removed", async () => {
  await using opened = await testLogs();
  const { logs, directory } = opened;
  logs.append(targetOf("kept"), [event(1, "a")]);
  await logs.flush();
  const { mkdir } = await import("node:fs/promises");
  await mkdir(join(directory, ALICE, "left-behind.0011223344556677"));
  await logs.sweep();
  const names = await readdir(join(directory, ALICE));
  assert.equal(names.length, 1);
  assert.match(names[0] ?? "", /^-aws-lambda-kept\.[0-9a-f]{16}$/);
});

test("LOG-4: owners never see each other's groups", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  logs.append(targetOf("f"), [event(1, "alice")]);
  logs.append(targetOf("f", { owner: BOB }), [event(1, "bob")]);
  assert.deepEqual(await messagesOf(logs, "/aws/lambda/f"), ["alice"]);
  assert.deepEqual(await messagesOf(logs, "/aws/lambda/f", BOB), ["bob"]);
  await logs.removeGroup(ALICE, "/aws/lambda/f");
  assert.deepEqual(await messagesOf(logs, "/aws/lambda/f", BOB), ["bob"]);
  await assert.rejects(messagesOf(logs, "/aws/lambda/f"), (error) =>
    isPlatformError(error, "not_found"),
  );
  assert.deepEqual(
    (await logs.groups(BOB, { limit: 50 })).map(({ name }) => name),
    ["/aws/lambda/f"],
  );
  assert.deepEqual(await logs.groups(ALICE, { limit: 50 }), []);
});

test("LogStore: a group of an old one's name has none of its events", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  logs.append(targetOf("f"), [event(1, "first life")]);
  await logs.removeGroup(ALICE, "/aws/lambda/f");
  logs.append(targetOf("f"), [event(2, "second life")]);
  assert.deepEqual(await messagesOf(logs, "/aws/lambda/f"), ["second life"]);
});

test("LogStore: a deleted stream is gone, also after a restart, and may come again", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  const group = "/aws/lambda/f";
  logs.append(targetOf("f", { stream: "a" }), [event(1, "of a")]);
  logs.append(targetOf("f", { stream: "b" }), [event(2, "of b")]);
  await logs.removeStream(ALICE, group, "a");
  assert.deepEqual(await messagesOf(logs, group), ["of b"]);
  logs.append(targetOf("f", { stream: "a" }), [event(3, "again")]);
  await logs.flush();
  const again = opened.reopen();
  assert.deepEqual(await messagesOf(again, group), ["of b", "again"]);
  const streams = await again.streams(ALICE, group);
  assert.deepEqual(
    streams.map(({ name, firstMs }) => [name, firstMs]),
    [
      ["b", 2],
      ["a", 3],
    ],
  );
});

test("LogStore: pages of a stream go both ways and stand still at its ends", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  const group = "/aws/lambda/f";
  const events = Array.from({ length: 10 }, (_, at) => event(100 + (at >> 1), `m${at}`));
  logs.append(targetOf("f", { stream: "s" }), events);
  const read = (position: Parameters<LogStore["readStream"]>[2]["position"], limit = 4) =>
    logs.readStream(ALICE, group, { ...ALL, stream: "s", position, limit });
  const text = (page: Awaited<ReturnType<typeof read>>): string =>
    page.events.map(({ message }) => message.toString()).join(" ");
  const head = await read("head");
  assert.equal(text(head), "m0 m1 m2 m3");
  const second = await read({ from: head.forward });
  assert.equal(text(second), "m4 m5 m6 m7");
  const third = await read({ from: second.forward });
  assert.equal(text(third), "m8 m9");
  const end = await read({ from: third.forward });
  assert.deepEqual([text(end), end.forward], ["", third.forward]);
  logs.append(targetOf("f", { stream: "s" }), [event(200, "late")]);
  assert.equal(text(await read({ from: end.forward })), "late");
  assert.equal(text(await read({ before: end.backward })), "m6 m7 m8 m9");
  const tail = await read("tail");
  assert.equal(text(tail), "m7 m8 m9 late");
  const before = await read({ before: head.backward });
  assert.deepEqual([text(before), before.backward], ["", head.backward]);
});

test("LogStore: a search over much goes on where the request before it stopped", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  const line = "y".repeat(1000);
  for (let turn = 0; turn < 8; turn++) {
    const events = Array.from({ length: 1000 }, (_, at) => event(turn * 1000 + at, line));
    logs.append(targetOf("f"), [...events, event(turn * 1000 + 999, `hit ${turn}`)]);
    await logs.flush();
  }
  const matches = (message: Buffer): boolean => message.includes("hit");
  const found: string[] = [];
  let requests = 0;
  type Next = Awaited<ReturnType<LogStore["filter"]>>["next"];
  for (let next: Next, isFirst = true; isFirst || next !== undefined; isFirst = false) {
    const from = next === undefined ? {} : { from: next };
    const page = await logs.filter(ALICE, "/aws/lambda/f", { ...EVERYTHING, ...from, matches });
    found.push(...page.events.map(({ message }) => message.toString()));
    next = page.next;
    requests++;
  }
  assert.deepEqual(
    found,
    Array.from({ length: 8 }, (_, turn) => `hit ${turn}`),
  );
  assert.ok(requests > 1, `${requests} requests`);
});

test("LogStore: a search lets others have their turn", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  const line = "y".repeat(1000);
  logs.append(
    targetOf("f"),
    Array.from({ length: 3000 }, (_, at) => event(at, line)),
  );
  await logs.flush();
  let isDone = false;
  let bytes = 0;
  let bytesMost = 0;
  const turn = (): void => {
    bytes = 0;
    if (!isDone) setImmediate(turn);
  };
  turn();
  const matches = (message: Buffer): boolean => {
    bytes += message.length;
    bytesMost = Math.max(bytesMost, bytes);
    return false;
  };
  await logs.filter(ALICE, "/aws/lambda/f", { ...EVERYTHING, matches });
  isDone = true;
  assert.ok(bytesMost > 0 && bytesMost < 512 * 1024, `${bytesMost} bytes in one turn`);
});

test("LOG-2: what a client puts is on the disk when it is acknowledged", async () => {
  await using opened = await testLogs();
  const { logs, clock } = opened;
  const now = clock.now();
  await logs.createGroup(ALICE, "own", {});
  await logs.createStream(ALICE, "own", "s");
  const day = 24 * 3600 * 1000;
  const accepted = await logs.put(ALICE, "own", "s", [event(now, "a"), event(now + 1, "b")]);
  assert.equal(accepted.events.length, 2);
  const old = await logs.put(ALICE, "own", "s", [event(now - 15 * day, "x")]);
  assert.deepEqual(old, { events: [], tooOldEnd: 1 });
  const early = await logs.put(ALICE, "own", "s", [
    event(now, "c"),
    event(now + day / 2, "too new"),
  ]);
  assert.equal(early.tooNewStart, 1);
  // Nothing was closed: as after kill -9.
  assert.deepEqual(await messagesOf(opened.reopen(), "own"), ["a", "c", "b"]);
  const backwards = [event(2, "b"), event(1, "a")];
  await assert.rejects(logs.put(ALICE, "own", "s", backwards), /chronological order/);
  await assert.rejects(
    logs.put(ALICE, "own", "s", [event(now - day - 1, ""), event(now, "")]),
    /24/,
  );
  await assert.rejects(
    logs.put(ALICE, "own", "s", [event(now, "z".repeat(1024 * 1024))]),
    /Upload too large: 1048602 bytes/,
  );
  await assert.rejects(logs.put(ALICE, "own", "t", [event(now, "a")]), /log stream does not exist/);
});

test("LOG-3: a flood of one function delays and loses nothing of another's", async () => {
  await using opened = await testLogs();
  const { logs, clock } = opened;
  const burstOf = () =>
    Array.from({ length: 10 }, () => ({ timestampMs: 1, message: Buffer.alloc(100_000, 120) }));
  let slowestMs = 0;
  for (let turn = 0; turn < 400; turn++) {
    const burst = burstOf();
    const from = performance.now();
    logs.append(targetOf("flood", { stream: `s${turn % 7}` }), burst);
    slowestMs = Math.max(slowestMs, performance.now() - from);
    if (turn % 20 === 0) logs.append(targetOf("quiet"), [event(turn, `quiet ${turn}`)]);
    if (turn % 100 === 0) await clock.advance(200);
  }
  assert.ok(slowestMs < 50, `one append took ${slowestMs} ms`);
  const quiet = (await logs.tail(ALICE, "quiet", 100)).toString().trim().split("\n");
  assert.deepEqual(
    quiet,
    Array.from({ length: 20 }, (_, at) => `quiet ${at * 20}`),
  );
  await logs.flush();
  const said = await logs.filter(ALICE, "/aws/lambda/flood", {
    ...EVERYTHING,
    fromMs: 2,
    matches: (message) => message.includes("[hearth]"),
  });
  assert.match(said.events[0]?.message.toString() ?? "", /\d+ log events of \d+ bytes dropped/);
});

test("LOG-3: many flooding functions leave room for one that logs little", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  const burst = Array.from({ length: 100 }, () => event(1, "x".repeat(10_000)));
  for (let turn = 0; turn < 8; turn++) {
    for (let at = 0; at < 100; at++) logs.append(targetOf(`flood${at}`), burst);
  }
  logs.append(targetOf("quiet"), [event(1, "heard")]);
  assert.equal((await logs.tail(ALICE, "quiet", 9)).toString(), "heard\n");
});

test("LogStore: followers see events as they are appended, a slow one loses the oldest", async () => {
  await using opened = await testLogs();
  const { logs } = opened;
  using left = new DisposableStack();
  const control = new AbortController();
  left.defer(() => control.abort());
  const slow = logs.follow(ALICE, "f", control.signal)[Symbol.asyncIterator]();
  const other = logs.follow(BOB, "f", control.signal)[Symbol.asyncIterator]();
  const first = slow.next();
  const others = other.next();
  logs.append(targetOf("f"), [event(1, "a"), event(2, "b")]);
  assert.equal(String((await first).value), "a\nb\n");
  for (let at = 0; at < 10; at++) {
    logs.append(targetOf("f"), [event(1, "z".repeat(limits.LOG_FOLLOWER_BYTES_MAX / 5))]);
  }
  assert.match(String((await slow.next()).value), /^\[hearth\] \d+ bytes skipped/);
  control.abort();
  assert.equal((await others).done, true);
  assert.equal(logs.followed(ALICE, "f") !== undefined, true);
  while (!(await slow.next()).done);
  assert.equal(logs.followed(ALICE, "f"), undefined);
});

test("LogStore: a failed write is said in the server's log and harms no later one", async () => {
  await using opened = await testLogs();
  const said: string[] = [];
  const { table, clock } = opened;
  const { LogStore: Store } = await import("./log-store.ts");
  const { writeFile } = await import("node:fs/promises");
  const { secureRandom, silentLog } = await import("../base/mod.ts");
  const directory = join(opened.directory, "blocked");
  await writeFile(directory, "a file where a directory must be");
  const options: LogStoreOptions = {
    ...{ directory, table, clock, random: secureRandom },
    groupOf: async () => "g",
    log: { ...silentLog, warn: (name) => void said.push(name) },
  };
  await using blocked = new Store(options);
  blocked.append(targetOf("f", { group: "g" }), [event(1, "a")]);
  await blocked.flush();
  assert.deepEqual(said, ["log_store.write_failed"]);
});
