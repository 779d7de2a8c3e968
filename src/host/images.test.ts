import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { RUNTIME_NAMES } from "../model/mod.ts";
import { installedRuntimes, runtimeImage } from "./images.ts";
import { installNode, nodePackage } from "./runtime-install.ts";

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "hearth-images-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Puts a program called npm before all others; `script` is its shell code. */
async function pretendNpm(t: TestContext, directory: string, script: string): Promise<void> {
  const binaries = path.join(directory, "bin");
  await mkdir(binaries);
  await writeFile(path.join(binaries, "npm"), `#!/bin/sh\n${script}\n`);
  await chmod(path.join(binaries, "npm"), 0o755);
  const previous = process.env.PATH;
  process.env.PATH = `${binaries}:${previous}`;
  t.after(() => {
    process.env.PATH = previous;
  });
}

const FAKE_PACKAGE = `
echo run >> "$PWD/../count"
mkdir -p node_modules/node-linux-${process.arch}/bin
printf '#!/bin/sh\\necho v22.23.2\\n' > node_modules/node-linux-${process.arch}/bin/node
chmod +x node_modules/node-linux-${process.arch}/bin/node`;

test("images: pinned versions and hashes are those of package-lock.json", async () => {
  const lock = JSON.parse(
    await readFile(new URL("../../package-lock.json", import.meta.url), "utf8"),
  );
  for (const name of ["nodejs24.x", "nodejs26.x"] as const) {
    const { major, version, integrity } = nodePackage(name);
    for (const architecture of ["x64", "arm64"] as const) {
      const locked = lock.packages[`node_modules/hearth-node${major}-${architecture}`];
      assert.deepEqual([version, integrity[architecture]], [locked.version, locked.integrity]);
    }
  }
});

test("images: each installed runtime has an image whose files exist", async (t) => {
  const directory = await temporaryDirectory(t);
  const names = installedRuntimes(directory);
  assert.ok(names.includes("nodejs24.x") && names.includes("provided.al2023"));
  assert.ok(!names.includes("nodejs22.x"));
  for (const name of names) {
    const image = await runtimeImage(name, { directory });
    assert.equal(await runtimeImage(name, { directory }), image);
    assert.equal(image.environment.TZ, ":UTC");
    for (const { source } of image.mounts)
      await assert.doesNotReject(readFile(source).catch(ignoreDirectory));
    assert.match(image.id, /^[\w.-]+$/);
  }
});

function ignoreDirectory(error: NodeJS.ErrnoException): void {
  if (error.code !== "EISDIR") throw error;
}

test("images: a Python that is not installed is refused with the command for it", async (t) => {
  const directory = await temporaryDirectory(t);
  const installed = installedRuntimes(directory);
  const missing = RUNTIME_NAMES.find(
    (name) => name.startsWith("python") && !installed.includes(name),
  );
  if (!missing) return t.skip("Every Python is installed");
  await assert.rejects(
    runtimeImage(missing, { directory }),
    (error: { detail: { remedy: string } }) => {
      assert.match(error.detail.remedy, new RegExp(`^apt-get install ${missing}`));
      return true;
    },
  );
});

test("installNode: installs whole, once for callers at the same time, and cleans up", async (t) => {
  const directory = await temporaryDirectory(t);
  await pretendNpm(t, directory, FAKE_PACKAGE);
  const progress: string[] = [];
  const options = { directory, onProgress: (message: string) => void progress.push(message) };
  const [first, second] = await Promise.all([
    installNode("nodejs22.x", options),
    installNode("nodejs22.x", options),
  ]);
  assert.equal(first, second);
  assert.equal(await readFile(path.join(directory, "count"), "utf8"), "run\n");
  assert.match(progress[0] ?? "", /^Downloading Node\.js 22\.23\.2/);
  const home = `node-22.23.2-${process.arch}`;
  assert.deepEqual((await readdir(directory)).sort(), ["bin", "count", home]);
  const lock = JSON.parse(await readFile(path.join(directory, home, "package-lock.json"), "utf8"));
  const pinned = lock.packages[`node_modules/node-linux-${process.arch}`];
  assert.match(pinned.integrity, /^sha512-/);
  assert.ok(installedRuntimes(directory).includes("nodejs22.x"));
});

const FAILURES: readonly [string, string, string][] = [
  ["no network", "echo 'npm error code ENOTFOUND' >&2; exit 1", "unsupported"],
  ["other bytes", "echo 'npm error code EINTEGRITY' >&2; exit 1", "corrupt"],
  ["another failure", "echo 'npm error code E500' >&2; exit 1", "unavailable"],
  ["another version", FAKE_PACKAGE.replace("22.23.2", "21.0.0"), "unavailable"],
];

for (const [kind, script, expected] of FAILURES) {
  test(`installNode: ${kind} is an error of kind ${expected}, nothing is left`, async (t) => {
    const directory = await temporaryDirectory(t);
    await pretendNpm(t, directory, script);
    await assert.rejects(installNode("nodejs22.x", { directory }), { kind: expected });
    assert.ok(!installedRuntimes(directory).includes("nodejs22.x"));
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.startsWith(".")),
      [],
    );
  });
}
