import type { Dirent } from "node:fs";
import { access, type FileHandle, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { messageOf, PlatformError } from "../../base/mod.ts";
import type { BlobStore } from "../blob.ts";
import { makeDirectoryDurably, syncDirectory } from "../durable.ts";
import { directoryOfPrefix, keyOfPath, pathOfKey } from "./blob-path.ts";

/** "~" is outside the key alphabet: no blob can be in here. */
const TEMPORARY = "~temporary";

/**
 * BlobStore on one directory: a blob is written to a temporary file, fsynced, renamed to its place,
 * and the directory fsynced. One server at a time may have a directory open.
 */
class DiskBlobStore implements BlobStore {
  readonly #directory: string;
  #lastTemporary = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    const temporary = join(this.#directory, TEMPORARY, String(++this.#lastTemporary));
    try {
      await writeDurably(temporary, bytes);
      await makeDirectoryDurably(dirname(path));
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw unavailable(error);
    }
    await syncDirectory(dirname(path));
  }

  async get(key: string): Promise<Buffer> {
    const path = this.#path(key);
    try {
      return await readFile(path);
    } catch (error) {
      throw isAbsence(error) ? notFound(key) : unavailable(error);
    }
  }

  async stream(key: string): Promise<Readable> {
    const path = this.#path(key);
    let handle: FileHandle;
    try {
      handle = await open(path, "r");
    } catch (error) {
      throw isAbsence(error) ? notFound(key) : unavailable(error);
    }
    return handle.createReadStream();
  }

  async has(key: string): Promise<boolean> {
    const path = this.#path(key);
    try {
      await access(path);
      return true;
    } catch (error) {
      if (isAbsence(error)) return false;
      throw unavailable(error);
    }
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    try {
      await rm(path);
      await syncDirectory(dirname(path));
    } catch (error) {
      if (!isAbsence(error)) throw unavailable(error);
    }
  }

  async *list(prefix: string): AsyncIterable<string> {
    for await (const path of this.#walk(directoryOfPrefix(prefix))) {
      const key = keyOfPath(path);
      if (key?.startsWith(prefix)) yield key;
    }
  }

  /** Files below `directory`, as paths relative to the top. */
  async *#walk(directory: string): AsyncIterable<string> {
    for (const entry of await this.#entries(directory)) {
      if (entry.name === TEMPORARY) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) yield* this.#walk(path);
      else yield path;
    }
  }

  async #entries(directory: string): Promise<Dirent[]> {
    try {
      return await readdir(join(this.#directory, directory), { withFileTypes: true });
    } catch (error) {
      if (isAbsence(error)) return [];
      throw unavailable(error);
    }
  }

  #path(key: string): string {
    return join(this.#directory, pathOfKey(key));
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(path, "wx", 0o600);
  await handle.writeFile(bytes);
  await handle.sync();
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function notFound(key: string): PlatformError {
  return new PlatformError({ kind: "not_found", resource: "blob", id: key }, `No blob ${key}`);
}

function unavailable(error: unknown): PlatformError {
  const message = `Blob store: ${messageOf(error)}`;
  return new PlatformError({ kind: "unavailable", what: "blob store" }, message, { cause: error });
}

/** Opens or creates `directory` and removes what interrupted puts left in it. */
export async function openDiskBlobStore(directory: string): Promise<BlobStore> {
  const temporary = join(directory, TEMPORARY);
  await rm(temporary, { recursive: true, force: true });
  await makeDirectoryDurably(temporary);
  return new DiskBlobStore(directory);
}
