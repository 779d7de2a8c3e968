import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes the names in a directory (created, renamed, removed ones) survive a loss of power. */
export async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, "r");
  await handle.sync();
}

/** Creates a directory with its parents, only for the server's own user, and makes them durable. */
export async function makeDirectoryDurably(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const top = dirname(first);
  for (let parent = dirname(directory); parent !== top; parent = dirname(parent)) {
    await syncDirectory(parent);
  }
  await syncDirectory(top);
}
