import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { checkout } from "../support/hearth-process.ts";

const run = promisify(execFile);
const ARCHITECTURE = process.arch;

/** Installs what the launcher looks for, and notes that it ran; npm's lock file comes last. */
const FAKE_NPM = `#!/bin/sh
echo run >> npm-runs
sleep 0.2
mkdir -p node_modules/hearth-node26-${ARCHITECTURE}/bin
cp fake-node node_modules/hearth-node26-${ARCHITECTURE}/bin/node
echo "added 1 package"
touch node_modules/.package-lock.json
`;
const FAKE_NODE = '#!/bin/sh\nshift\necho "$@"\n';

/** A checkout with nothing but the launcher and stand-ins for npm and Node. */
class FakeCheckout implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(files: Readonly<Record<string, string>> = {}): Promise<FakeCheckout> {
    const fake = new FakeCheckout(await mkdtemp(join(tmpdir(), "hearth-launcher-")));
    await copyFile(join(checkout, "hearth"), join(fake.path, "hearth"));
    const all = {
      "bin/npm": FAKE_NPM,
      "fake-node": FAKE_NODE,
      "src/cli/main.ts": "",
      "package-lock.json": "{}",
      ...files,
    };
    for (const [name, text] of Object.entries(all)) await fake.write(name, text);
    return fake;
  }

  async write(name: string, text: string): Promise<void> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await chmod(path, 0o755);
  }

  async hearth(words: string[], program = "hearth"): Promise<{ stdout: string; stderr: string }> {
    const path = `${join(this.path, "bin")}:/usr/bin:/bin`;
    return await run(join(this.path, program), words, { env: { PATH: path }, cwd: tmpdir() });
  }

  async npmRuns(): Promise<number> {
    return (await readFile(join(this.path, "npm-runs"), "utf8")).trim().split("\n").length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

test("launcher: installs on the first run only, its words on standard error", async () => {
  await using fake = await FakeCheckout.create();
  const first = await fake.hearth(["ls", "--json"]);
  assert.equal(first.stdout, `${join(fake.path, "src/cli/main.ts")} ls --json\n`);
  assert.match(first.stderr, /installing npm packages[\s\S]*added 1 package[\s\S]*installed/);
  const second = await fake.hearth(["two words", ""]);
  assert.match(second.stdout, /main\.ts two words \n/);
  assert.equal(second.stderr, "");
  assert.equal(await fake.npmRuns(), 1);
});

test("launcher: runs at the same time install once", async () => {
  await using fake = await FakeCheckout.create();
  const runs = await Promise.all(["a", "b", "c"].map((word) => fake.hearth([word])));
  for (const { stdout } of runs) assert.match(stdout, /main\.ts [abc]\n/);
  assert.equal(await fake.npmRuns(), 1);
});

test("launcher: a changed lock file is installed anew", async () => {
  await using fake = await FakeCheckout.create();
  await fake.hearth(["x"]);
  await fake.write("package-lock.json", '{"changed": true}');
  await fake.hearth(["x"]);
  assert.equal(await fake.npmRuns(), 2);
});

test("launcher: finds its home through symbolic links", async () => {
  await using fake = await FakeCheckout.create();
  await symlink("../hearth", join(fake.path, "bin/linked"));
  assert.match((await fake.hearth(["x"], "bin/linked")).stdout, /main\.ts x/);
});

test("launcher: an installed package runs dist/ on the Node beside it and installs nothing", async () => {
  await using fake = await FakeCheckout.create({
    "node_modules/hearth-faas/dist/cli/main.js": "",
    [`node_modules/hearth-node26-${ARCHITECTURE}/bin/node`]: FAKE_NODE,
    "node_modules/.bin/placeholder": "",
  });
  const home = join(fake.path, "node_modules/hearth-faas");
  await copyFile(join(fake.path, "hearth"), join(home, "hearth"));
  await symlink("../hearth-faas/hearth", join(fake.path, "node_modules/.bin/hearth"));
  const { stdout, stderr } = await fake.hearth(["x"], "node_modules/.bin/hearth");
  assert.deepEqual([stdout, stderr], [`${join(home, "dist/cli/main.js")} x\n`, ""]);
});

test("launcher: what goes wrong is said", async () => {
  await using broken = await FakeCheckout.create({ "bin/npm": "#!/bin/sh\nexit 3\n" });
  await assert.rejects(broken.hearth(["x"]), (error: Error & { code: number; stderr: string }) => {
    assert.equal(error.code, 1);
    assert.match(error.stderr, /npm ci failed/);
    return true;
  });
  await using old = await FakeCheckout.create({
    "bin/npm": "#!/bin/sh\nmkdir -p node_modules && touch node_modules/.package-lock.json\n",
    "bin/node": '#!/bin/sh\n[ "$1" = --version ] && echo v20.1.0\nexit 1\n',
  });
  await assert.rejects(old.hearth(["x"]), /Node v20\.1\.0 is too old: Hearth needs >= 24\.12/);
});
