import { readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { limits, type Owner } from "../model/mod.ts";
import type { LogArchive } from "./log-archive.ts";
import type { LogCatalog, LogGroupRecord } from "./log-catalog.ts";

const DAY_MS = 24 * 3600 * 1000;

interface SegmentFile {
  readonly group: LogGroupRecord;
  readonly path: string;
  readonly bytes: number;
  readonly writtenMs: number;
}

/** Before this, events of a group are gone. */
export function retentionStart({ retentionDays }: LogGroupRecord, nowMs: number): number {
  return retentionDays === undefined ? 0 : nowMs - retentionDays * DAY_MS;
}

/**
 * Removes what no group claims any more, what is older than its group keeps, and the oldest of
 * owners that have more than an owner may.
 */
export async function sweepLogs(
  directory: string,
  catalog: LogCatalog,
  archive: LogArchive,
  nowMs: number,
): Promise<void> {
  // Directories are listed before groups: a group is always recorded before its directory is made.
  const found = await directoriesOf(directory);
  const groups = await catalog.everyGroup();
  const claimed = new Set(groups.map((each) => archive.directoryOf(each.owner, each)));
  for (const path of found.filter((each) => !claimed.has(each))) {
    await rm(path, { recursive: true, force: true });
  }
  for (const group of groups.filter(({ retentionDays }) => retentionDays !== undefined)) {
    await archive.dropBefore(group.owner, group.name, retentionStart(group, nowMs));
  }
  for (const [owner, own] of Map.groupBy(groups, (group) => group.owner)) {
    await trimOwner(archive, owner, own);
  }
}

async function trimOwner(
  archive: LogArchive,
  owner: Owner,
  groups: readonly LogGroupRecord[],
): Promise<void> {
  const files: SegmentFile[] = [];
  for (const group of groups) files.push(...(await segmentFiles(archive, owner, group)));
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  files.sort((a, b) => a.writtenMs - b.writtenMs);
  for (const file of files) {
    if (bytes <= limits.LOG_BYTES_PER_OWNER_MAX) return;
    await archive.exclusively(owner, file.group.name, async () => {
      await rm(file.path, { force: true });
      await rm(file.path.replace(/\.log$/, ".json"), { force: true });
      archive.forget(owner, file.group.name);
    });
    bytes -= file.bytes;
  }
}

async function segmentFiles(
  archive: LogArchive,
  owner: Owner,
  group: LogGroupRecord,
): Promise<SegmentFile[]> {
  const directory = archive.directoryOf(owner, group);
  const names = (await namesIn(directory)).filter((name) => name.endsWith(".log"));
  const files = names.map(async (name): Promise<SegmentFile[]> => {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return [];
    return [{ group, path, bytes: found.size, writtenMs: found.mtimeMs }];
  });
  return (await Promise.all(files)).flat();
}

/** Every directory of a group, whether there is such a group or not. */
async function directoriesOf(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const owner of await namesIn(root)) {
    const names = await namesIn(join(root, owner));
    found.push(...names.map((name) => join(root, owner, basename(name))));
  }
  return found;
}

async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}
