import { type ExecFileOptions, execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { zipFiles } from "./zip.ts";

/** Programs of other languages that tests run inside Hearth, built once on each machine. */

const SOURCES = fileURLToPath(new URL("../fixtures/", import.meta.url));
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "hearth-test");
const STEP_MS_MAX = 4 * 60 * 1000;

const run = promisify(execFile);

/** How a fixture comes from its sources in test/fixtures. */
export interface FixtureRecipe {
  /** Folder under test/fixtures, copied to where the steps run. */
  readonly source: string;
  /** Programs that must be there; the test is skipped, and says so, where one is missing. */
  readonly needs: readonly string[];
  /** Command lines, run one after the other in the copy. */
  readonly steps: readonly (readonly string[])[];
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * The directory of a built fixture; undefined, and the test skipped with the reason, where this
 * machine cannot build it.
 */
export async function fixtureOrSkip(
  t: TestContext,
  recipe: FixtureRecipe,
): Promise<string | undefined> {
  const missing = recipe.needs.filter((program) => !isProgram(program));
  if (missing.length > 0) {
    t.skip(`NOT TESTED: this machine has no ${missing.join(", ")}`);
    return undefined;
  }
  const source = join(SOURCES, recipe.source);
  const directory = join(CACHE, `${recipe.source.replaceAll("/", "-")}-${await keyOf(recipe)}`);
  if (existsSync(directory)) return directory;
  await mkdir(CACHE, { recursive: true });
  const building = await mkdtemp(`${directory}.`);
  try {
    await cp(source, building, { recursive: true });
    for (const [program = "", ...rest] of recipe.steps) {
      const options: ExecFileOptions = {
        cwd: building,
        timeout: STEP_MS_MAX,
        env: { ...process.env, ...recipe.environment },
      };
      await run(program, rest, options);
    }
    await rename(building, directory).catch((error: NodeJS.ErrnoException) => {
      // Another process was quicker.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return directory;
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    t.skip(`NOT TESTED: the fixture cannot be built here: ${message} ${stderr.slice(-500)}`);
    return undefined;
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

export function isProgram(name: string): boolean {
  if (name.includes("/")) return existsSync(name);
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** A zip of everything in a directory; modes are kept. */
export async function zipOfDirectory(
  directory: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const names = await readdir(directory, { recursive: true });
  const files: { path: string; bytes: Buffer; mode: number }[] = [];
  for (const path of names.sort()) {
    const status = await stat(join(directory, path));
    if (!status.isFile()) continue;
    files.push({ path, bytes: await readFile(join(directory, path)), mode: status.mode });
  }
  for (const [path, text] of Object.entries(more)) {
    files.push({ path, bytes: Buffer.from(text), mode: 0o100755 });
  }
  return await zipFiles(files);
}

/** Changes with the sources and with how they are built. */
async function keyOf(recipe: FixtureRecipe): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(recipe));
  const source = join(SOURCES, recipe.source);
  for (const path of (await readdir(source, { recursive: true })).sort()) {
    if (!(await stat(join(source, path))).isFile()) continue;
    hash.update(path).update(await readFile(join(source, path)));
  }
  return hash.digest("hex").slice(0, 16);
}
