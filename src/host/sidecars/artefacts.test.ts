import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { silentLog } from "../../base/mod.ts";
import { ManualClock } from "../../base/testing.ts";
import { limits, ownerOf } from "../../model/mod.ts";
import { ArtefactStore } from "./artefacts.ts";
import { FileSinks } from "./file-sinks.ts";
import { isOutside } from "./http-sinks.ts";

const ANN = ownerOf("000000000001");
const BOB = ownerOf("000000000002");
const TEXT = { type: "text/plain", more: false };
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "hearth-artefacts-"));
});
after(() => rm(directory, { recursive: true, force: true }));

async function keep(store: ArtefactStore, requestId: string, text = "x"): Promise<void> {
  const writer = store.begin(ANN, requestId);
  await writer.append("own", { name: "a.txt", ...TEXT }, Buffer.from(text));
  await writer.finish();
}

test("ArtefactStore: pieces make one file, found by its owner alone, after a restart too", async () => {
  const clock = new ManualClock();
  const path = join(directory, "pieces");
  {
    await using store = await ArtefactStore.open(path, clock, silentLog);
    const writer = store.begin(ANN, "r1");
    await Promise.all([
      writer.append("own", { name: "a.txt", type: "text/plain", more: true }, Buffer.from("one ")),
      writer.append("own", { name: "a.txt", type: "text/plain", more: false }, Buffer.from("two")),
    ]);
    writer.warn("own: a word");
    await writer.finish();
  }
  await mkdir(join(path, ANN, "half-done"));
  await writeFile(join(path, ANN, "half-done", "0.data"), "lost");
  await using store = await ArtefactStore.open(path, clock, silentLog);
  const artefact = { name: "a.txt", type: "text/plain", bytes: 7, sidecar: "own" };
  const kept = { requestId: "r1", artefacts: [artefact], warnings: ["own: a word"] };
  assert.deepEqual(store.list(ANN, "r1"), kept);
  assert.equal((await store.read(ANN, "r1", "a.txt")).bytes.toString(), "one two");
  assert.throws(() => store.list(BOB, "r1"), /No artifacts of invocation r1/);
  await assert.rejects(store.read(ANN, "r1", "../index.json"), /No artifact/);
  while ((await readdir(join(path, ANN))).length > 1) await new Promise(setImmediate);
});

test("ArtefactStore: names that are no names, other types and second artefacts are refused", async () => {
  await using store = await ArtefactStore.open(join(directory, "n"), new ManualClock(), silentLog);
  const writer = store.begin(ANN, "r1");
  const append = (name: unknown, type: unknown = "text/plain", sidecar = "own") =>
    writer.append(sidecar, { name, type, more: false }, Buffer.from("x"));
  for (const name of ["../x", "", ".x", "a/b", 7, "x".repeat(200)]) {
    await assert.rejects(append(name), /name must match/);
  }
  await assert.rejects(append("a.html", "text/html\r\nx: y"), /has no media type/);
  await append("a.txt");
  await assert.rejects(append("a.txt", "text/plain", "other"), /a.txt exists already/);
  for (let i = 1; i < limits.ARTEFACTS_PER_CALL_MAX; i++) await append(`b${i}`);
  await assert.rejects(append("c"), /one too many/);
  await writer.finish();
});

test("ArtefactStore: the oldest calls of an owner make room, and all go with time", async () => {
  const clock = new ManualClock();
  await using store = await ArtefactStore.open(join(directory, "room"), clock, silentLog);
  const most = limits.ARTEFACT_CALLS_PER_OWNER_MAX;
  for (let i = 0; i <= most; i++) await keep(store, `r${i}`);
  assert.throws(() => store.list(ANN, "r0"));
  assert.equal(store.list(ANN, "r1").artefacts.length, 1);
  await clock.advance(limits.ARTEFACT_AGE_MS_MAX + 20 * 60 * 1000);
  assert.throws(() => store.list(ANN, `r${most}`));
});

test("ArtefactStore: a call that runs again replaces what its earlier run brought", async () => {
  const store = await ArtefactStore.open(join(directory, "again"), new ManualClock(), silentLog);
  await keep(store, "r1", "first");
  await keep(store, "r2");
  await keep(store, "r1", "second");
  assert.equal((await store.read(ANN, "r1", "a.txt")).bytes.toString(), "second");
  await store[Symbol.asyncDispose]();
});

test("FileSinks: files that are made at the same time are counted, too", async () => {
  const sinks = new FileSinks(join(directory, "crowd"));
  const names = Array.from({ length: 200 }, (_, index) => `f${index}`);
  await Promise.allSettled(names.map((name) => sinks.append(ANN, name, Buffer.from("x"))));
  assert.equal((await sinks.list(ANN)).length, limits.SINK_FILES_PER_OWNER_MAX);
});

test("FileSinks: lines of an owner stay in order and in bounds, apart from others'", async () => {
  const sinks = new FileSinks(join(directory, "sinks"));
  const lines = Array.from({ length: 50 }, (_, index) => `${index}\n`);
  await Promise.all(lines.map((line) => sinks.append(ANN, "log", Buffer.from(line))));
  assert.equal((await sinks.read(ANN, "log")).toString(), lines.join(""));
  await assert.rejects(sinks.read(BOB, "log"), /No sink/);
  await assert.rejects(sinks.append(ANN, "../x", Buffer.from("x")), /must match/);
  const half = Buffer.alloc(limits.SINK_FILE_BYTES_MAX / 2, "y");
  for (let i = 0; i < 4; i++) await sinks.append(ANN, "big", half);
  const [big] = await sinks.list(ANN);
  assert.ok((big?.bytes ?? 0) <= limits.SINK_FILE_BYTES_MAX);
  for (let i = 2; i < limits.SINK_FILES_PER_OWNER_MAX; i++) {
    await sinks.append(ANN, `f${i}`, Buffer.from("x"));
  }
  await assert.rejects(sinks.append(ANN, "last", Buffer.from("x")), /which is the limit/);
});

test("isOutside: this machine and its networks are not, in whatever notation", () => {
  const inside = [
    ...["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1"],
    ...["169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::"],
    ...["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "fe80::1", "fc00::1", "ff02::1"],
    ...["64:ff9b::7f00:1", "2002:7f00:1::1", "not an address"],
  ];
  for (const address of inside) assert.equal(isOutside(address), false, address);
  for (const address of ["1.1.1.1", "93.184.216.34", "2606:4700::1111"]) {
    assert.equal(isOutside(address), true, address);
  }
});
