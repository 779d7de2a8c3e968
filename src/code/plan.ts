import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";
import { messageOf, PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { decodeEntryName, entryPath, parentOf } from "./entry-name.ts";
import { invalidPackage } from "./invalid-package.ts";

/** What a zip's central directory says will be unpacked, found free of tricks. */
export interface PackagePlan {
  readonly zipFile: ZipFile;
  /** Relative, every parent before its children; those implied by files included. */
  readonly directories: readonly string[];
  readonly files: readonly PlannedFile[];
  /** As declared; unpacking holds every file to it. */
  readonly unpackedBytes: number;
}

export interface PlannedFile {
  readonly path: string;
  /** 0o444, or 0o555 when it may be executed. */
  readonly mode: number;
  readonly entry: Entry;
}

/**
 * Reads and checks the central directory; no data is unpacked.
 * @throws PlatformError kind "invalid_package"
 */
export async function planPackage(zip: Buffer): Promise<PackagePlan> {
  if (zip.length === 0) throw invalidPackage("empty", "Package has no bytes");
  try {
    // Names stay raw and sizes unchecked by the library: both are judged here, in our words.
    const options = { decodeStrings: false, validateEntrySizes: false };
    return await readPlan(await fromBufferPromise(zip, options));
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    const message = `Package is not a readable zip: ${messageOf(cause)}`;
    throw invalidPackage("malformed", message, { cause });
  }
}

async function readPlan(zipFile: ZipFile): Promise<PackagePlan> {
  checkCount(zipFile.entryCount);
  const plan = new PlanBuilder();
  for await (const entry of zipFile.eachEntry()) plan.add(entry);
  const { directories, files, unpackedBytes } = plan;
  if (files.length === 0) throw invalidPackage("empty", "Package has no files");
  return { zipFile, directories: [...directories], files, unpackedBytes };
}

class PlanBuilder {
  /** In insertion order, which puts parents first. */
  readonly directories: Set<string> = new Set();
  readonly files: PlannedFile[] = [];
  readonly #filePaths = new Set<string>();
  unpackedBytes = 0;

  add(entry: Entry): void {
    const name = decodeEntryName(entry.fileNameRaw);
    const path = entryPath(name);
    if (kindOf(entry, name) === "directory") this.#addDirectory(path, name);
    else this.#addFile({ path, mode: modeOf(entry), entry }, name);
    checkCount(this.directories.size + this.files.length);
  }

  #addFile(file: PlannedFile, name: string): void {
    const { path } = file;
    if (path === "" || this.#filePaths.has(path) || this.directories.has(path)) {
      throw collision(name);
    }
    this.#addDirectory(parentOf(path), name);
    this.#filePaths.add(path);
    this.files.push(file);
    this.unpackedBytes += file.entry.uncompressedSize;
    const limit = limits.PACKAGE_UNPACKED_BYTES_MAX;
    if (this.unpackedBytes > limit) {
      throw invalidPackage("too_large", `Unzipped size must be smaller than ${limit} bytes`);
    }
  }

  #addDirectory(path: string, name: string): void {
    if (path === "" || this.directories.has(path)) return;
    if (this.#filePaths.has(path)) throw collision(name);
    this.#addDirectory(parentOf(path), name);
    this.directories.add(path);
  }
}

/** File types in Unix modes. Source: inode(7). */
const TYPE_MASK = 0o170000;
const TYPE_DIRECTORY = 0o040000;
const TYPE_REGULAR = 0o100000;
const TYPE_LINK = 0o120000;

function kindOf(entry: Entry, name: string): "file" | "directory" {
  if (entry.isEncrypted()) throw unsupported("Entry is encrypted", name);
  if (!entry.canDecodeFileData()) {
    throw unsupported(`Entry has compression method ${entry.compressionMethod}, not 0 or 8`, name);
  }
  const type = unixModeOf(entry) & TYPE_MASK;
  if (type === TYPE_LINK) {
    throw invalidPackage("link", "Entry is a symbolic link", { entry: name });
  }
  const kind = name.endsWith("/") ? "directory" : "file";
  const named = kind === "directory" ? TYPE_DIRECTORY : TYPE_REGULAR;
  // Many tools write permissions without a type; then the name alone tells.
  if (type !== 0 && type !== named) throw unsupported("Entry is no file or directory", name);
  if (kind === "directory" && entry.uncompressedSize > 0) {
    throw invalidPackage("malformed", "Directory entry has data", { entry: name });
  }
  return kind;
}

/** The Unix mode in the upper half of the external attributes; 0 when the tool wrote none. */
function unixModeOf(entry: Entry): number {
  return entry.externalFileAttributes >>> 16;
}

/**
 * Unpacked files are shared by environments: nobody may write them, everybody may read them. Where
 * the zip tells no permissions (made on Windows) all may be executed: a `bootstrap` must run.
 */
function modeOf(entry: Entry): number {
  const permissions = unixModeOf(entry) & 0o777;
  return permissions === 0 || (permissions & 0o111) !== 0 ? 0o555 : 0o444;
}

function checkCount(count: number): void {
  const limit = limits.PACKAGE_ENTRIES_MAX;
  if (count <= limit) return;
  const message = `Package has ${count} files and directories, limit ${limit}`;
  throw invalidPackage("too_many_entries", message);
}

function unsupported(message: string, entry: string): PlatformError {
  return invalidPackage("unsupported_entry", message, { entry });
}

function collision(entry: string): PlatformError {
  return invalidPackage("malformed", "Two entries claim the same path", { entry });
}
