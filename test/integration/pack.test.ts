import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import {
  checkout,
  type HearthProgram,
  HearthServer,
  runHearth,
} from "../support/hearth-process.ts";

const run = promisify(execFile);

/** What `npm install` of the tarball gives, with the dependencies linked instead of downloaded. */
async function installInto(folder: string): Promise<HearthProgram> {
  const words = ["pack", "--json", "--pack-destination", folder];
  const { stdout } = await run("npm", words, { cwd: checkout, maxBuffer: 16 * 1024 * 1024 });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as [{ filename: string }];
  const modules = join(folder, "node_modules");
  const target = join(modules, "hearth-faas");
  await mkdir(target, { recursive: true });
  await run("tar", ["-xzf", join(folder, filename), "-C", target, "--strip-components=1"]);
  await rm(join(folder, filename));
  for (const name of await readdir(join(checkout, "node_modules"))) {
    if (!name.startsWith("."))
      await symlink(join(checkout, "node_modules", name), join(modules, name));
  }
  await mkdir(join(modules, ".bin"));
  await symlink("../hearth-faas/hearth", join(modules, ".bin/hearth"));
  return { file: join(modules, ".bin/hearth"), words: [] };
}

test("npm pack: the installed package serves from an empty folder", async () => {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "hearth-pack-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const program = await installInto(folder);
  const package_ = join(folder, "node_modules/hearth-faas");
  const names = await readdir(package_, { recursive: true });
  assert.deepEqual(
    names.filter((name) => /\.test\.|^src|^tools|^test\b/.test(name)),
    [],
  );
  assert.ok(names.includes("dist/cli/main.js"));

  const data = join(folder, "data");
  const options = { program, directory: folder, environment: { HEARTH_DATA: data } };
  const server = cleanup.use(await HearthServer.start(["--port", "0", "--warm", ""], options));
  assert.match(server.stdout, /^hearth ready http:\/\/127\.0\.0\.1:\d+\n$/);
  for (const [name, code] of [
    ["hello.mjs", 'export const handler = async (event) => "hello " + event.name;\n'],
    ["hello.ts", 'export const handler = async (e: { name: string }) => "hello " + e.name;\n'],
    ["hello.py", "def lambda_handler(event, context):\n    return 'hello ' + event['name']\n"],
  ] as const) {
    await writeFile(join(folder, name), code);
    const deployed = await runHearth(["deploy", name], options);
    assert.equal(deployed.code, 0, deployed.stderr);
    const called = await runHearth(["invoke", "hello", "-p", '{"name":"Ada"}'], options);
    assert.equal(called.stdout, '"hello Ada"\n', called.stderr);
  }
  server.signal("SIGTERM");
  assert.equal(await server.exited, 0, server.stderr);
});
