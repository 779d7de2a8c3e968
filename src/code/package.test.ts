import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isPlatformError, type PackageProblem } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { extractPackage, inspectPackage } from "./package.ts";
import { type RawEntry, rawZip, scratchDirectory, zipOf } from "./testing.ts";
import { readTree } from "./tree.ts";

test("package: facts of an ordinary zip", async () => {
  const zip = await zipOf({ "index.mjs": "export {}", "lib/a.js": "12", "empty/": "" });
  assert.deepEqual(await inspectPackage(zip), {
    sha256: createHash("sha256").update(zip).digest("base64"),
    zipBytes: zip.length,
    unpackedBytes: 11,
    entries: 4,
  });
});

test("package: unpacks files and directories, read-only, executable where it was", async () => {
  await using scratch = await scratchDirectory();
  const zip = rawZip([
    { name: "bootstrap", content: Buffer.from("#!/bin/sh\n"), mode: 0o100750 },
    { name: "lib/", mode: 0o040700 },
    { name: "lib/secret.txt", content: Buffer.from("hush"), mode: 0o100600 },
    { name: "./a//b.txt", content: Buffer.from("b"), mode: 0o644 },
    { name: "from-windows.sh", content: Buffer.from("w") },
  ]);
  const umask = process.umask(0o077);
  try {
    await extractPackage(zip, join(scratch.path, "x"));
  } finally {
    process.umask(umask);
  }
  const modeOf = async (path: string): Promise<number> =>
    (await stat(join(scratch.path, "x", path))).mode & 0o7777;
  const expected = {
    "": 0o755,
    bootstrap: 0o555,
    lib: 0o755,
    "lib/secret.txt": 0o444,
    a: 0o755,
    "a/b.txt": 0o444,
    "from-windows.sh": 0o555,
  };
  for (const [path, mode] of Object.entries(expected)) assert.equal(await modeOf(path), mode, path);
  assert.equal(await readFile(join(scratch.path, "x/lib/secret.txt"), "utf8"), "hush");
});

test("PKG-1: package: a link that leaves the package would work if it were unpacked", async () => {
  await using scratch = await scratchDirectory();
  await writeFile(join(scratch.path, "secret"), "of another owner");
  await writeFile(join(scratch.path, "link.zip"), linkZip("../secret"));
  await mkdir(join(scratch.path, "victim"));
  const script = `import os, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
for entry in archive.infolist():
    assert (entry.external_attr >> 16) & 0o170000 == 0o120000
    os.symlink(archive.read(entry).decode(), os.path.join(sys.argv[2], entry.filename))`;
  const [zip, victim] = [join(scratch.path, "link.zip"), join(scratch.path, "victim")];
  execFileSync("/usr/bin/python3", ["-c", script, zip, victim]);
  assert.equal(await readFile(join(victim, "link"), "utf8"), "of another owner");
  await refuses(linkZip("../secret"), "link");
});

test("PKG-1: package: a name that leaves the package would work if it were joined", async () => {
  await using scratch = await scratchDirectory();
  const directory = join(scratch.path, "package");
  await mkdir(directory);
  await writeFile(join(directory, "../slipped"), "");
  assert.ok((await readdir(scratch.path)).includes("slipped"));
  await refuses(rawZip([{ name: "../slipped", content: Buffer.of(1) }]), "escapes_root");
});

const escapes = [
  "../x",
  "a/../../x",
  "a/..",
  "..",
  "/etc/x",
  "//x",
  "\\x",
  "a\\..\\..\\x",
  "C:x",
  "c:/x",
];
for (const name of escapes) {
  test(`package: refuses the name ${name}`, async () => {
    await refuses(rawZip([{ name, content: Buffer.of(1) }]), "escapes_root");
  });
}

const file = (name: string | Buffer, more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  content: Buffer.from("content"),
  ...more,
});

const hostile: readonly (readonly [string, PackageProblem, () => Buffer | Promise<Buffer>])[] = [
  ["no bytes", "empty", () => Buffer.alloc(0)],
  ["no entries", "empty", () => rawZip([])],
  ["directories alone", "empty", () => zipOf({ "a/": "" })],
  ["no zip", "malformed", () => Buffer.from("PK is not enough".repeat(10))],
  ["a truncated zip", "malformed", () => rawZip([file("a")]).subarray(0, 40)],
  ["more entries than there are", "malformed", () => rawZip([file("a")], 2)],
  ["a NUL in a name", "malformed", () => rawZip([file("a\0.js")])],
  ["a name that is not UTF-8", "malformed", () => rawZip([file(Buffer.from([0x61, 0x82]))])],
  ["an empty name", "malformed", () => rawZip([file("")])],
  ["a file as the root", "malformed", () => rawZip([file("./.")])],
  ["a name too long for a file", "unsupported_entry", () => rawZip([file("n".repeat(256))])],
  ["a path too deep", "unsupported_entry", () => rawZip([file("d/".repeat(600))])],
  ["the same file twice", "malformed", () => rawZip([file("a"), file("./a")])],
  ["a file below a file", "malformed", () => rawZip([file("a"), file("a/b")])],
  ["a file over a directory", "malformed", () => rawZip([file("a/b"), file("a")])],
  ["a directory over a file", "malformed", () => rawZip([file("a"), { name: "a/" }])],
  ["a directory with data", "malformed", () => rawZip([file("a/"), file("b")])],
  ["a symbolic link", "link", () => linkZip("/etc/passwd")],
  ["a pipe", "unsupported_entry", () => rawZip([file("a", { mode: 0o010644 })])],
  ["a device", "unsupported_entry", () => rawZip([file("a", { mode: 0o020644 })])],
  [
    "a directory named as a file",
    "unsupported_entry",
    () => rawZip([{ name: "a", mode: 0o040755 }]),
  ],
  ["an encrypted entry", "unsupported_entry", () => rawZip([file("a", { flags: 1 })])],
  ["LZMA", "unsupported_entry", () => rawZip([file("a", { method: 14 })])],
];
for (const [what, problem, make] of hostile) {
  test(`package: refuses ${what}`, async () => await refuses(await make(), problem));
}

test("PKG-1: package: refuses a bomb by what it declares, before unpacking", async () => {
  // 60 entries of 5 MB each from a few KB a piece.
  const content = Buffer.alloc(5 * 1024 * 1024);
  const zip = rawZip(Array.from({ length: 60 }, (_, n) => ({ name: `f${n}`, content })));
  assert.ok(zip.length < 500_000);
  await refuses(zip, "too_large");
  await refuses(rawZip([file("a", { declaredBytes: 0xffffffff })]), "too_large");
});

test("PKG-1: package: a bomb that declares little is stopped at what it declared", async () => {
  await using scratch = await scratchDirectory();
  const content = Buffer.alloc(20 * 1024 * 1024);
  const zip = rawZip([{ name: "bomb", content, declaredBytes: 1000 }]);
  assert.ok(zip.length < 25_000);
  assert.equal((await inspectPackage(zip)).unpackedBytes, 1000);
  await assert.rejects(extractPackage(zip, scratch.path), problemIs("malformed"));
  const written = (await stat(join(scratch.path, "bomb"))).size;
  assert.ok(written <= 64 * 1024, `${written} bytes were written`);
});

test("PKG-1: package: data that contradicts its header is refused while unpacking", async () => {
  const lies: Partial<RawEntry>[] = [
    { declaredBytes: 8 },
    { declaredBytes: 6 },
    { declaredCrc: 1 },
  ];
  for (const lie of lies) {
    await using scratch = await scratchDirectory();
    const zip = rawZip([file("a", lie)]);
    await assert.rejects(extractPackage(zip, scratch.path), problemIs("malformed"));
  }
});

test("PKG-1: package: refuses too many entries, declared, real or implied", async () => {
  await refuses(rawZip([file("a")], 0xffff), "too_many_entries");
  // 110 files in 500 directories each: inodes are exhausted by names alone.
  const deep = Array.from({ length: 110 }, (_, n) => file(`${n}/${"d/".repeat(500)}f`));
  assert.ok(deep.length * 502 > limits.PACKAGE_ENTRIES_MAX);
  await refuses(rawZip(deep), "too_many_entries");
});

test("package: what is unpacked is what was packed", async () => {
  const segment = fc.stringMatching(/^[a-zA-Zäé0-9._ -]{1,8}$/).filter((s) => !/^\.{1,2}$/.test(s));
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const files = fc.dictionary(path, fc.uint8Array({ maxLength: 200 }), { minKeys: 1, maxKeys: 8 });
  await fc.assert(
    fc.asyncProperty(files, async (content) => {
      const names = Object.keys(content);
      fc.pre(!names.some((a) => names.some((b) => b.startsWith(`${a}/`))));
      await using scratch = await scratchDirectory();
      await extractPackage(await zipOf(content), scratch.path);
      const tree = await readTree(scratch.path);
      assert.deepEqual(tree.files, names.toSorted());
      for (const [name, bytes] of Object.entries(content)) {
        assert.deepEqual(await readFile(join(scratch.path, name)), Buffer.from(bytes));
      }
      const parents = names.flatMap((name) => name.split("/").slice(0, -1).map(prefixOf(name)));
      assert.deepEqual(tree.directories, [...new Set(parents)].sort());
    }),
    { numRuns: 30 },
  );
});

test("PKG-1: package: damaged bytes are refused as such or do not matter", async () => {
  const zip = await zipOf({ "index.js": "exports.handler = 1".repeat(20), "lib/a": "a" });
  const damage = fc.array(fc.tuple(fc.nat(zip.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(damage, async (changes) => {
      await using scratch = await scratchDirectory();
      const damaged = Buffer.from(zip);
      for (const [offset, byte] of changes) damaged[offset] = byte;
      try {
        await extractPackage(damaged, scratch.path);
      } catch (error) {
        assert.ok(isPlatformError(error, "invalid_package"), String(error));
      }
    }),
    { numRuns: 200 },
  );
});

function prefixOf(name: string): (segment: string, index: number) => string {
  const segments = name.split("/");
  return (_, index) => segments.slice(0, index + 1).join("/");
}

function linkZip(target: string): Buffer {
  return rawZip([{ name: "link", content: Buffer.from(target), mode: 0o120777 }]);
}

function problemIs(problem: PackageProblem): (error: unknown) => boolean {
  return (error) => isPlatformError(error, "invalid_package") && error.detail.problem === problem;
}

async function refuses(zip: Buffer, problem: PackageProblem): Promise<void> {
  await using scratch = await scratchDirectory();
  await assert.rejects(inspectPackage(zip), problemIs(problem));
  await assert.rejects(extractPackage(zip, join(scratch.path, "x")), problemIs(problem));
  assert.deepEqual(await readdir(scratch.path), [], "Nothing was written");
}
