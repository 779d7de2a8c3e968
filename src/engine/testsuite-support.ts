/** What the conformance suites share: places, full mode, and children to kill. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** HEARTH_TEST_FULL=1 runs more kills and more random histories. */
export const FULL: boolean = process.env.HEARTH_TEST_FULL === "1";

/** How a child process opens the same driver: `module` exports `name`, called with the path. */
export interface Opener {
  readonly module: URL;
  readonly name: string;
}

/** A directory that goes away with its scope; `path` does not exist yet. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

export async function scratch(): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), "hearth-engine-"));
  return {
    path: join(directory, "store"),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

/**
 * Runs `work` of testsuite-crash.ts on the driver in a child process and kills it with SIGKILL
 * after `count` acknowledged lines. Returns every whole line it printed.
 */
export async function linesUntilKilled(
  opener: Opener,
  path: string,
  work: "commitUntilKilled" | "putUntilKilled",
  count: number,
): Promise<string[]> {
  const source = `
    import { ${opener.name} as open } from ${JSON.stringify(opener.module.href)};
    import { ${work} as work } from ${JSON.stringify(import.meta.resolve("./testsuite-crash.ts"))};
    await work(await open(${JSON.stringify(path)}));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    return await collect(child, count);
  } finally {
    child.kill("SIGKILL");
  }
}

async function collect(child: ChildProcess, count: number): Promise<string[]> {
  assert.ok(child.stdout, "Child has standard output");
  const closed = once(child, "close");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === count) child.kill("SIGKILL");
  }
  const [code, signal] = await closed;
  assert.equal(signal, "SIGKILL", `The child was killed, it did not end with code ${code}`);
  return lines;
}
