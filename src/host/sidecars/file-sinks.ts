import { appendFile, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../base/mod.ts";
import { limits, type Owner } from "../../model/mod.ts";
import { KeyedLock } from "../../registry/mod.ts";

export interface SinkFile {
  readonly name: string;
  readonly bytes: number;
}

const NAME: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/;
const CURRENT = ".log";
const PREVIOUS = ".previous";

/**
 * Files that an owner's sidecars append lines to: `<directory>/<owner>/<name>.log` and its older
 * half. Appends to a file follow one another; each is in the file when its promise resolves.
 */
export class FileSinks {
  readonly #directory: string;
  readonly #writing = new Map<string, Promise<void>>();
  readonly #creating = new KeyedLock();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws PlatformError kinds "invalid" (the name), "quota" (too many files) */
  async append(owner: Owner, name: unknown, lines: Buffer): Promise<void> {
    if (typeof name !== "string" || !NAME.test(name)) throw badName();
    const path = join(this.#directory, owner, name);
    const before = this.#writing.get(path) ?? Promise.resolve();
    const writing = before.catch(() => {}).then(() => this.#write(owner, path, lines));
    this.#writing.set(path, writing);
    try {
      await writing;
    } finally {
      if (this.#writing.get(path) === writing) this.#writing.delete(path);
    }
  }

  async list(owner: Owner): Promise<readonly SinkFile[]> {
    const files = await readdir(join(this.#directory, owner)).catch(() => []);
    const names = files.filter((file) => file.endsWith(CURRENT)).sort();
    return await Promise.all(
      names.map(async (file) => {
        const name = file.slice(0, -CURRENT.length);
        const sizes = await Promise.all(
          [CURRENT, PREVIOUS].map((end) => this.#size(owner, name + end)),
        );
        return { name, bytes: sizes.reduce((sum, size) => sum + size, 0) };
      }),
    );
  }

  /** @throws PlatformError kind "not_found" */
  async read(owner: Owner, name: string): Promise<Buffer> {
    if (!NAME.test(name)) throw badName();
    const path = join(this.#directory, owner, name);
    const current = await readFile(path + CURRENT).catch(() => undefined);
    if (current === undefined) {
      throw new PlatformError({ kind: "not_found", resource: "sink", id: name }, `No sink ${name}`);
    }
    const previous = await readFile(path + PREVIOUS).catch(() => Buffer.alloc(0));
    return Buffer.concat([previous, current]);
  }

  async #write(owner: Owner, path: string, lines: Buffer): Promise<void> {
    const file = path + CURRENT;
    const size = await stat(file).then(
      ({ size }) => size,
      () => undefined,
    );
    if (size === undefined) await this.#create(owner, file);
    else if (size + lines.length > limits.SINK_FILE_BYTES_MAX / 2) {
      await rename(file, path + PREVIOUS);
    }
    await appendFile(file, lines, { mode: 0o600 });
  }

  /** One after another for an owner: what is counted must not change meanwhile. */
  async #create(owner: Owner, file: string): Promise<void> {
    using _ = await this.#creating.acquire(owner);
    await this.#requireRoom(owner);
    await writeFile(file, "", { flag: "a", mode: 0o600 });
  }

  async #requireRoom(owner: Owner): Promise<void> {
    const directory = join(this.#directory, owner);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const files = (await readdir(directory)).filter((file) => file.endsWith(CURRENT));
    const limit = limits.SINK_FILES_PER_OWNER_MAX;
    if (files.length < limit) return;
    throw new PlatformError(
      { kind: "quota", resource: "sinks", limit },
      `The owner has ${files.length} sink files, which is the limit`,
    );
  }

  #size(owner: Owner, file: string): Promise<number> {
    return stat(join(this.#directory, owner, file)).then(
      ({ size }) => size,
      () => 0,
    );
  }
}

function badName(): PlatformError {
  return new PlatformError({ kind: "invalid", field: "file" }, `Sink must match ${NAME.source}`);
}
