import { chmodSync, constants, copyFileSync, linkSync, mkdirSync } from "node:fs";
import { chmod, copyFile, link, mkdir, readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { forEachParallel } from "./parallel.ts";

/** An unpacked package: a read-only directory and what is in it. */
export interface CodeTree {
  /** Absolute host path. */
  readonly root: string;
  /** Relative, sorted by UTF-16 units: every parent before its children. */
  readonly directories: readonly string[];
  /** Relative, sorted likewise. */
  readonly files: readonly string[];
  readonly unpackedBytes: number;
}

/** Entries that are placed without a promise; 64 links take about 0.5 ms. */
const SYNCHRONOUS_ENTRIES_MAX = 64;
/** Operations in the thread pool at once; more than its threads, so that none waits for us. */
const PARALLEL_WIDTH = 16;

/** Lists an unpacked package. */
export async function readTree(root: string): Promise<CodeTree> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const pathOf = (entry: { parentPath: string; name: string }): string =>
    relative(root, join(entry.parentPath, entry.name));
  const directories = entries.filter((entry) => entry.isDirectory()).map(pathOf);
  const files = entries.filter((entry) => !entry.isDirectory()).map(pathOf);
  let unpackedBytes = 0;
  await forEachParallel(files, PARALLEL_WIDTH, async (file) => {
    const { size } = await stat(join(root, file));
    unpackedBytes += size;
  });
  return { root, directories: directories.sort(), files: files.sort(), unpackedBytes };
}

/**
 * Fills an empty directory with a tree's files as hard links (copies where the file system refuses
 * links). Small trees are placed before this returns, and it returns nothing: a promise costs the
 * first call more than the links do. Large ones go through the thread pool.
 */
export function placeTree(tree: CodeTree, targetDirectory: string): Promise<void> | void {
  if (tree.directories.length + tree.files.length > SYNCHRONOUS_ENTRIES_MAX) {
    return placeLarge(tree, targetDirectory);
  }
  for (const directory of tree.directories) {
    const path = join(targetDirectory, directory);
    mkdirSync(path);
    chmodSync(path, 0o755);
  }
  for (const file of tree.files) placeFile(join(tree.root, file), join(targetDirectory, file));
}

async function placeLarge(tree: CodeTree, targetDirectory: string): Promise<void> {
  for (const directory of tree.directories) {
    const path = join(targetDirectory, directory);
    await mkdir(path);
    await chmod(path, 0o755);
  }
  await forEachParallel(tree.files, PARALLEL_WIDTH, async (file) => {
    const [source, target] = [join(tree.root, file), join(targetDirectory, file)];
    try {
      await link(source, target);
    } catch (error) {
      if (!isLinkRefusal(error)) throw error;
      await copyFile(source, target, constants.COPYFILE_EXCL);
    }
  });
}

function placeFile(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch (error) {
    if (!isLinkRefusal(error)) throw error;
    copyFileSync(source, target, constants.COPYFILE_EXCL);
  }
}

/** Another file system, no link count left, or links forbidden (fs.protected_hardlinks). */
function isLinkRefusal(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error)) return false;
  return error.code === "EXDEV" || error.code === "EMLINK" || error.code === "EPERM";
}
