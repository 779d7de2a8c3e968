import { readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import type { Clock } from "../../base/mod.ts";

/** The kernel needs a moment to forget killed processes; this is how long we believe it. */
const ATTEMPTS_MAX = 500;
const ATTEMPT_INTERVAL_MS = 10;

/**
 * Kills whatever still runs in these groups and removes them with all groups inside.
 * @returns those that existed
 */
export async function removeGroups(
  directories: readonly string[],
  clock: Clock,
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const directory of directories) {
    if (await removeGroup(directory, clock)) removed.push(directory);
  }
  return removed;
}

async function removeGroup(directory: string, clock: Clock): Promise<boolean> {
  const nested = await nestedGroups(directory);
  if (nested.length === 0) return false;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    for (const group of nested) await killAll(group);
    if (await removeAll(nested)) return true;
    await clock.sleep(ATTEMPT_INTERVAL_MS);
  }
  return false;
}

/** The group and all within, deepest first; empty when there is none. */
async function nestedGroups(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return [];
  const children = entries.filter((entry) => entry.isDirectory());
  const below = await Promise.all(children.map((c) => nestedGroups(`${directory}/${c.name}`)));
  return [...below.flat(), directory];
}

async function killAll(group: string): Promise<void> {
  const processes = await readFile(`${group}/cgroup.procs`, "utf8").catch(() => "");
  for (const line of processes.split("\n")) {
    if (line !== "") kill(Number(line));
  }
  if (processes === "") return;
  // In version 1 a frozen process dies only when thawed.
  await writeFile(`${group}/freezer.state`, "THAWED", { flag: "r+" }).catch(() => {});
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function removeAll(groups: readonly string[]): Promise<boolean> {
  let all = true;
  for (const group of groups) {
    await rmdir(group).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") all = false;
    });
  }
  return all;
}
