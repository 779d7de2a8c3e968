import { chmodSync, constants, copyFileSync, linkSync, mkdirSync } from "node:fs";
import { chmod, copyFile, link, mkdir, readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { parentOf } from "./entry-name.ts";
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
  return place(tree.directories, tree.files, () => tree.root, targetDirectory);
}

/**
 * Fills an empty directory with several trees, each laid over those before it: of two files at one
 * path the later is there, of a file and a directory too, with nothing left of the other.
 */
export function placeTrees(
  trees: readonly CodeTree[],
  targetDirectory: string,
): Promise<void> | void {
  const [first] = trees;
  if (first === undefined) return;
  if (trees.length === 1) return placeTree(first, targetDirectory);
  const { directories, roots } = mergedTrees(trees);
  return place(directories, [...roots.keys()], (file) => roots.get(file) ?? "", targetDirectory);
}

/** What several trees come to: their directories, sorted, and the root that each file is under. */
function mergedTrees(trees: readonly CodeTree[]): {
  directories: readonly string[];
  roots: ReadonlyMap<string, string>;
} {
  const directories = new Set<string>();
  const roots = new Map<string, string>();
  for (const tree of trees) {
    makeWay(directories, roots, new Set(tree.files));
    for (const directory of tree.directories) {
      roots.delete(directory);
      directories.add(directory);
    }
    for (const file of tree.files) roots.set(file, tree.root);
  }
  return { directories: [...directories].sort(), roots };
}

/**
 * Takes away directories in whose place files come, with all that is below them. Cost: one look at
 * each path, however many files do that.
 * @param directories every parent before its children
 */
function makeWay(
  directories: Set<string>,
  roots: Map<string, string>,
  files: ReadonlySet<string>,
): void {
  const gone = new Set<string>();
  for (const directory of directories) {
    if (!files.has(directory) && !gone.has(parentOf(directory))) continue;
    directories.delete(directory);
    gone.add(directory);
  }
  if (gone.size === 0) return;
  for (const file of roots.keys()) if (gone.has(parentOf(file))) roots.delete(file);
}

/** `rootOf` says which directory a file is linked from. */
function place(
  directories: readonly string[],
  files: readonly string[],
  rootOf: (file: string) => string,
  targetDirectory: string,
): Promise<void> | void {
  if (directories.length + files.length > SYNCHRONOUS_ENTRIES_MAX) {
    return placeLarge(directories, files, rootOf, targetDirectory);
  }
  for (const directory of directories) {
    const path = join(targetDirectory, directory);
    mkdirSync(path);
    chmodSync(path, 0o755);
  }
  for (const file of files) placeFile(join(rootOf(file), file), join(targetDirectory, file));
}

async function placeLarge(
  directories: readonly string[],
  files: readonly string[],
  rootOf: (file: string) => string,
  targetDirectory: string,
): Promise<void> {
  for (const level of levelsOf(directories)) {
    await forEachParallel(level, PARALLEL_WIDTH, async (directory) => {
      const path = join(targetDirectory, directory);
      await mkdir(path);
      await chmod(path, 0o755);
    });
  }
  await forEachParallel(files, PARALLEL_WIDTH, async (file) => {
    const [source, target] = [join(rootOf(file), file), join(targetDirectory, file)];
    try {
      await link(source, target);
    } catch (error) {
      if (!isLinkRefusal(error)) throw error;
      await copyFile(source, target, constants.COPYFILE_EXCL);
    }
  });
}

/** Directories by how deep they are: each level's parents are in the levels before it. */
function levelsOf(directories: readonly string[]): string[][] {
  const levels: string[][] = [];
  for (const directory of directories) {
    const depth = directory.split("/").length - 1;
    levels[depth] ??= [];
    levels[depth].push(directory);
  }
  return levels;
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
