import { readdir, readFile } from "node:fs/promises";
import { groupName, hostId, interfacePrefix } from "./names.ts";

/**
 * Everything on this host that belongs to instances of one driver, found without its help: for
 * tests that nothing stays.
 */
export async function leftoversOf(directory: string, dataId: string): Promise<readonly string[]> {
  const id = hostId(dataId);
  const found = await Promise.all([
    processes(directory),
    groups("/sys/fs/cgroup", groupName(id), 6),
    loopDevices(directory),
    interfaces(interfacePrefix(id)),
    mounts(directory),
    directories(directory),
  ]);
  return found.flat().sort();
}

async function processes(directory: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")),
  );
  return lines
    .filter((line) => /^[^\0]*bwrap\0/.test(line) && line.includes(`\0${directory}/`))
    .map((line) => `process ${line.split("\0").find((part) => part.endsWith("/task"))}`);
}

/** Groups below the server's own. */
async function groups(directory: string, name: string, depth: number): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const children = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const deeper = depth > 0 ? children : [];
  const below = await Promise.all(deeper.map((c) => groups(`${directory}/${c}`, name, depth - 1)));
  const own = directory.includes(`/${name}/`) ? [`group ${directory}`] : [];
  return [...own, ...below.flat()];
}

async function loopDevices(directory: string): Promise<string[]> {
  const names = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
  const files = await Promise.all(
    names.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "")),
  );
  return files.filter((file) => file.startsWith(`${directory}/`)).map((file) => `loop ${file}`);
}

async function interfaces(prefix: string): Promise<string[]> {
  const names = await readdir("/sys/class/net");
  return names.filter((name) => name.startsWith(prefix)).map((name) => `interface ${name}`);
}

async function mounts(directory: string): Promise<string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.filter((line) => line.includes(` ${directory}/`)).map((line) => `mount ${line}`);
}

async function directories(directory: string): Promise<string[]> {
  const instances = (await readdir(directory)).filter((name) => !name.startsWith("."));
  const inside = await Promise.all(
    instances.map(async (instance) => {
      const names = await readdir(`${directory}/${instance}`);
      return names.map((name) => `directory ${instance}/${name}`);
    }),
  );
  return [...instances.map((name) => `directory ${name}`), ...inside.flat()];
}
