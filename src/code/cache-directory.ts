import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

const TEMPORARY = "temporary";
const BOOT_ID = "boot-id";

/**
 * Unpacked packages on disk, `<directory>/<owner>/<hex sha256>`, each put in place whole by one
 * rename. They are not fsynced (that is what blobs are for): a cache written before the machine
 * last booted may have lost bytes with the power, so it is thrown away, and packages unpack anew.
 */
export class CacheDirectory implements AsyncDisposable {
  readonly #directory: string;
  readonly #sweep: Promise<void>;

  /** Creates the directory; removes in the background what is incomplete or of an earlier boot. */
  constructor(directory: string, bootId: string) {
    this.#directory = directory;
    mkdirSync(this.#temporary(), { recursive: true, mode: 0o700 });
    const leftovers = readdirSync(this.#temporary());
    if (readBootId(join(directory, BOOT_ID)) !== bootId) {
      leftovers.push(...this.#retireTrees());
      writeFileSync(join(directory, BOOT_ID), bootId);
    }
    this.#sweep = this.#remove(leftovers);
  }

  pathOf(key: string): string {
    return join(this.#directory, key);
  }

  async has(key: string): Promise<boolean> {
    return await access(this.pathOf(key)).then(
      () => true,
      () => false,
    );
  }

  /** Lets `fill` make a directory's contents, then puts it in place; nothing stays on failure. */
  async create(key: string, fill: (directory: string) => Promise<void>): Promise<void> {
    const temporary = await mkdtemp(join(this.#temporary(), "tree-"));
    try {
      const filled = join(temporary, "root");
      await fill(filled);
      await mkdir(dirname(this.pathOf(key)), { recursive: true, mode: 0o700 });
      await rename(filled, this.pathOf(key));
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Gone from its place at once, whole; removing what is absent succeeds. */
  async remove(key: string): Promise<void> {
    const temporary = await mkdtemp(join(this.#temporary(), "gone-"));
    try {
      await rename(this.pathOf(key), join(temporary, "root"));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Waits for the sweep begun at construction. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep;
  }

  /** Moves all owners' trees among the temporary ones and returns their names there. */
  #retireTrees(): string[] {
    const owners = readdirSync(this.#directory).filter((name) => /^\d{12}$/.test(name));
    for (const owner of owners) {
      renameSync(join(this.#directory, owner), join(this.#temporary(), `owner-${owner}`));
    }
    return owners.map((owner) => `owner-${owner}`);
  }

  /** Never rejects: what cannot be removed now is tried again at the next start. */
  async #remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await rm(join(this.#temporary(), name), { recursive: true, force: true }).catch(() => {});
    }
  }

  #temporary(): string {
    return join(this.#directory, TEMPORARY);
  }
}

function readBootId(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
