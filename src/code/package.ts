import { chmod, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { crc32, createInflateRaw } from "node:zlib";
import type { ZipFile } from "yauzl";
import { messageOf } from "../base/mod.ts";
import { sha256Of } from "./digest.ts";
import { invalidPackage } from "./invalid-package.ts";
import { forEachParallel } from "./parallel.ts";
import { type PlannedFile, planPackage } from "./plan.ts";

export interface PackageFacts {
  /** Base64, as AWS's CodeSha256. */
  readonly sha256: string;
  readonly zipBytes: number;
  readonly unpackedBytes: number;
  /** Files and directories, those implied by files included. */
  readonly entries: number;
}

/** Files being unpacked at once: what Node's thread pool has threads. */
const UNPACK_WIDTH = 4;
/** Bytes of one file in memory at a time. */
const CHUNK_BYTES = 64 * 1024;
const STORED = 0;

/**
 * Checks what can be told without unpacking: names, kinds, declared sizes, counts.
 * @throws PlatformError kind "invalid_package"
 */
export async function inspectPackage(zip: Buffer): Promise<PackageFacts> {
  const [plan, sha256] = await Promise.all([planPackage(zip), sha256Of(zip)]);
  return {
    sha256: sha256.toString("base64"),
    zipBytes: zip.length,
    unpackedBytes: plan.unpackedBytes,
    entries: plan.directories.length + plan.files.length,
  };
}

/**
 * Unpacks a zip into `targetDirectory`, which is created when absent and must be empty otherwise.
 * Directories get 0755, files 0444 or 0555. Data is checked against declared size and CRC while it
 * is written, 64 KB at a time. After a failure the directory holds rubbish, the caller's to remove.
 * @throws PlatformError kind "invalid_package"
 */
export async function extractPackage(zip: Buffer, targetDirectory: string): Promise<void> {
  const plan = await planPackage(zip);
  await mkdir(targetDirectory, { recursive: true });
  await chmod(targetDirectory, 0o755);
  for (const directory of plan.directories) {
    const path = join(targetDirectory, directory);
    await mkdir(path);
    // mkdir's and open's own modes would be cut by the server's umask.
    await chmod(path, 0o755);
  }
  await forEachParallel(plan.files, UNPACK_WIDTH, async (file) => {
    const packed = await packedBytes(zip, plan.zipFile, file);
    await using handle = await open(join(targetDirectory, file.path), "wx", 0o600);
    await handle.writeFile(checkedBytes(packed, file));
    await handle.chmod(file.mode);
  });
}

/** One file of a package, in memory. */
export interface PackageFile {
  readonly path: string;
  /** 0o444, or 0o555 when it may be executed. */
  readonly mode: number;
  readonly content: Buffer;
}

/**
 * The files of a zip one after the other, checked as `extractPackage` checks them.
 * @throws PlatformError kind "invalid_package"
 */
export async function* packageFiles(zip: Buffer): AsyncGenerator<PackageFile> {
  const plan = await planPackage(zip);
  for (const file of plan.files) {
    const packed = await packedBytes(zip, plan.zipFile, file);
    const content = await buffer(checkedBytes(packed, file));
    yield { path: file.path, mode: file.mode, content };
  }
}

/** The bytes of an entry as they are in the zip; a view, not a copy. */
async function packedBytes(zip: Buffer, zipFile: ZipFile, { entry, path }: PlannedFile) {
  try {
    const { fileDataStart } = await zipFile.readLocalFileHeaderPromise(entry, { minimal: true });
    return zip.subarray(fileDataStart, fileDataStart + entry.compressedSize);
  } catch (cause) {
    const message = `Entry has no readable data: ${messageOf(cause)}`;
    throw invalidPackage("malformed", message, { entry: path, cause });
  }
}

/** A file's bytes, never more than its entry declares, and an error unless exactly those. */
async function* checkedBytes(packed: Buffer, { entry, path }: PlannedFile): AsyncIterable<Buffer> {
  let bytes = 0;
  let crc = 0;
  const chunks = entry.compressionMethod === STORED ? [packed] : inflated(packed);
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > entry.uncompressedSize) break;
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (cause) {
    const message = `Entry cannot be unpacked: ${messageOf(cause)}`;
    throw invalidPackage("malformed", message, { entry: path, cause });
  }
  if (bytes !== entry.uncompressedSize || crc !== entry.crc32) {
    const message = "Entry does not unpack to the size and CRC it declares";
    throw invalidPackage("malformed", message, { entry: path });
  }
}

function inflated(packed: Buffer): AsyncIterable<Buffer> {
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  inflate.end(packed);
  return inflate;
}
