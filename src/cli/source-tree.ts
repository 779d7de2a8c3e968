import type { Stats } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";
import { limits } from "../model/mod.ts";
import { CommandError } from "./command.ts";

/** One file of a function, on its way into the zip. */
export interface SourceFile {
  /** Path in the zip, with slashes. */
  readonly path: string;
  readonly diskPath: string;
  readonly bytes: number;
  readonly isExecutable: boolean;
}

/** What PATH of `hearth deploy` stands for. */
export interface SourceTree {
  /** In path order, so that equal trees make equal zips. */
  readonly files: readonly SourceFile[];
  /** PATH named one file. */
  readonly isSingleFile: boolean;
  /** What the function is called unless told: the folder, or the file without its ending. */
  readonly defaultName: string;
}

/** Settings of a function, kept beside its code and no part of it. */
export const PROJECT_FILE = "hearth.json";

/** Never part of a function: history, caches, secrets of the developer's machine. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ".git",
  ".hg",
  ".svn",
  ".DS_Store",
  ".hearth",
  ".gitignore",
  ".env",
  "__pycache__",
  ".pytest_cache",
  ".venv",
]);

/**
 * Lists a file or folder, following symbolic links (package managers use them; zips may not).
 * @throws CommandError when there is nothing, or more than a function may hold
 */
export async function readSourceTree(path: string): Promise<SourceTree> {
  const absolute = resolve(path);
  const status = await statOf(absolute);
  if (status.isFile()) return singleFile(absolute, status.size, status.mode);
  const files: SourceFile[] = [];
  await walk(absolute, "", [], files);
  const settings = files.findIndex((file) => file.path === PROJECT_FILE);
  if (settings >= 0) files.splice(settings, 1);
  if (files.length === 0) throw new CommandError(`Nothing to deploy in ${path}`);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > limits.PACKAGE_UNPACKED_BYTES_MAX) {
    throw new CommandError(
      `${path} holds ${bytes} bytes, a function at most ${limits.PACKAGE_UNPACKED_BYTES_MAX}`,
      "Leave out what the function does not need when it runs.",
    );
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, isSingleFile: false, defaultName: resourceName(basename(absolute)) };
}

export async function readSourceText(tree: SourceTree, path: string): Promise<string | undefined> {
  const file = tree.files.find((candidate) => candidate.path === path);
  return file === undefined ? undefined : await readFile(file.diskPath, "utf8");
}

/** The zip of a tree: equal contents give equal bytes, whatever the clock and the time zone. */
export async function zipOf(tree: SourceTree): Promise<Buffer> {
  const zip = new ZipFile();
  // DOS time has no zone: the local first of January 1980 is the same bytes everywhere.
  const mtime = new Date(1980, 0, 1);
  for (const { path, diskPath, isExecutable } of tree.files) {
    const mode = isExecutable ? 0o100755 : 0o100644;
    zip.addFile(diskPath, path, { mtime, mode, forceDosTimestamp: true });
  }
  zip.on("error", (error) => zip.outputStream.emit("error", error));
  zip.end();
  const bytes = await buffer(zip.outputStream);
  if (bytes.length <= limits.PACKAGE_ZIP_BYTES_MAX) return bytes;
  throw new CommandError(
    `The zip has ${bytes.length} bytes, at most ${limits.PACKAGE_ZIP_BYTES_MAX} can be sent`,
    "Leave out what the function does not need when it runs.",
  );
}

function singleFile(absolute: string, bytes: number, mode: number): SourceTree {
  const name = basename(absolute);
  const stem = name.replace(/\.\w+$/, "");
  const isProgram = name === "bootstrap" || name.endsWith(".sh");
  const defaultName = /^(index|bootstrap|main|app|lambda_function)$/.test(stem)
    ? basename(dirname(absolute))
    : stem;
  return {
    files: [
      {
        path: isProgram ? "bootstrap" : name,
        diskPath: absolute,
        bytes,
        isExecutable: isProgram || (mode & 0o111) !== 0,
      },
    ],
    isSingleFile: true,
    defaultName: resourceName(defaultName),
  };
}

/** `ancestors` are the real directories on the way down: meeting one again is a loop of links. */
async function walk(
  directory: string,
  prefix: string,
  ancestors: readonly string[],
  files: SourceFile[],
): Promise<void> {
  const real = await realpath(directory);
  if (ancestors.includes(real)) return;
  for (const name of await readdir(directory)) {
    if (LEFT_OUT.has(name) || name.endsWith(".pyc")) continue;
    const diskPath = join(directory, name);
    const status = await statOf(diskPath);
    if (status.isDirectory()) {
      await walk(diskPath, `${prefix}${name}/`, [...ancestors, real], files);
    } else if (status.isFile()) {
      const isExecutable = (status.mode & 0o111) !== 0;
      files.push({ path: prefix + name, diskPath, bytes: status.size, isExecutable });
    }
    if (files.length > limits.PACKAGE_ENTRIES_MAX) {
      throw new CommandError(`More than ${limits.PACKAGE_ENTRIES_MAX} files in ${directory}`);
    }
  }
}

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`Cannot read ${path}: ${code}`, undefined, { cause: error });
  }
}

/** `name` with everything the name of a function or layer may not have replaced. */
export function resourceName(name: string): string {
  return name.replace(/[^a-zA-Z0-9-_]+/g, "-").slice(0, 64) || "function";
}
