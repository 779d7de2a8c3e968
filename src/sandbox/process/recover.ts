import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { Clock } from "../../base/mod.ts";
import { removeGroups } from "./cgroup-removal.ts";
import { runCommand } from "./command.ts";
import { interfacePrefix } from "./names.ts";
import type { HostFacts } from "./process-host.ts";

/** Files of the driver in its directory, which are no instance's. */
const RECORD = ".cgroups.json";
const SHARED = ".shared";
const GONE_ATTEMPTS_MAX = 500;
const GONE_INTERVAL_MS = 10;

/**
 * Writes down where this server's groups are, beside those of earlier servers: a server that is
 * started another way may find itself elsewhere in the cgroup tree.
 */
export async function recordGroups(directory: string, groups: readonly string[]): Promise<void> {
  const known = new Set([...(await recordedGroups(directory)), ...groups]);
  await writeFile(`${directory}/${RECORD}`, JSON.stringify([...known]));
}

async function recordedGroups(directory: string): Promise<readonly string[]> {
  const text = await readFile(`${directory}/${RECORD}`, "utf8").catch(() => "[]");
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/**
 * Ends and removes what a killed server left: processes, groups, interfaces, directories. Its
 * mounts and loop devices went with its last process. Only before the first instance is made.
 * @param id as of `hostId`
 * @returns what was found, in words for the log
 */
export async function removeLeftovers(
  facts: HostFacts,
  id: string,
  clock: Clock,
): Promise<readonly string[]> {
  const { directory } = facts;
  const processes = await killSandboxes(directory, clock);
  const groups = await removeGroups(await recordedGroups(directory), clock);
  const nested = groups.filter((group) => !facts.cgroups.directories(facts.group).includes(group));
  const interfaces = await removeInterfaces(interfacePrefix(id));
  const directories = await removeDirectories(directory);
  await writeFile(`${directory}/${RECORD}`, JSON.stringify(facts.cgroups.directories(facts.group)));
  return [
    ...processes.map((pid) => `process ${pid}`),
    ...nested.map((path) => `cgroup ${path}`),
    ...interfaces.map((name) => `interface ${name}`),
    ...directories.map((name) => `directory ${name}`),
  ];
}

/** Processes of bwrap that name the directory; whatever is inside ends with them. */
async function killSandboxes(directory: string, clock: Clock): Promise<readonly number[]> {
  const found = await sandboxProcesses(directory);
  for (const pid of found) process.kill(pid, "SIGKILL");
  for (let attempt = 0; attempt < GONE_ATTEMPTS_MAX; attempt++) {
    if ((await sandboxProcesses(directory)).length === 0) break;
    await clock.sleep(GONE_INTERVAL_MS);
  }
  return found;
}

async function sandboxProcesses(directory: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const matches = await Promise.all(
    pids.map(async (pid) => {
      const argv = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      return /^[^\0]*bwrap\0/.test(argv) && argv.includes(`\0${directory}/`);
    }),
  );
  return pids.filter((_, index) => matches[index]).map(Number);
}

async function removeInterfaces(prefix: string): Promise<readonly string[]> {
  const names = await readdir("/sys/class/net").catch((): string[] => []);
  const ours = names.filter((name) => name.startsWith(prefix));
  for (const name of ours) await runCommand("ip", ["link", "delete", name]);
  return ours;
}

async function removeDirectories(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter((name) => name !== SHARED && name !== RECORD);
  await Promise.all(names.map((name) => rm(`${directory}/${name}`, { recursive: true })));
  return names;
}
