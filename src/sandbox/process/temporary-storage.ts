import { rename, rm, truncate, writeFile } from "node:fs/promises";
import { PlatformError } from "../../base/mod.ts";
import { runCommand } from "./command.ts";
import type { BootMount } from "./helper-client.ts";

/**
 * What backs /tmp and /run/hearth. Both belong to the sandbox alone and vanish with its last
 * process, since only its own mount namespace ever knows them.
 */
export interface TemporaryStorage {
  readonly kind: "disk" | "memory";
  /** The mount that gives a sandbox `sizeMiB` at `target`, for the user `uid`. */
  mount(target: string, sizeMiB: number): Promise<BootMount>;
}

/** Without a bound on inodes, empty files would fill kernel memory instead. */
const INODES_PER_MIB = 64;
const INODES_MIN = 1024;

/** /tmp in memory: counts as memory of the sandbox where a cgroup counts it. */
export const memoryStorage: TemporaryStorage = {
  kind: "memory",
  async mount(target, sizeMiB) {
    const inodes = Math.max(INODES_MIN, sizeMiB * INODES_PER_MIB);
    const options = `size=${sizeMiB}m,nr_inodes=${inodes},mode=1777`;
    return { kind: "memory", target, options };
  },
};

/** The directory of the control socket: small, since user code may write there. */
export function runDirectoryMount(target: string, uid: number, gid: number): BootMount {
  const options = `size=1m,nr_inodes=256,mode=0700,uid=${uid},gid=${gid}`;
  return { kind: "memory", target, options };
}

/**
 * /tmp as a file system of its own size in a nameless sparse file of `directory`: a full disk is
 * ENOSPC for one sandbox, and what is written counts neither as memory nor against others.
 */
export class DiskStorage implements TemporaryStorage {
  readonly kind = "disk";
  readonly #directory: string;
  readonly #templates = new Map<number, Promise<string>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async mount(target: string, sizeMiB: number): Promise<BootMount> {
    let template = this.#templates.get(sizeMiB);
    if (!template) {
      template = this.#make(sizeMiB);
      this.#templates.set(sizeMiB, template);
      template.catch(() => this.#templates.delete(sizeMiB));
    }
    return { kind: "disk", target, template: await template, directory: this.#directory };
  }

  /** An empty file system, formatted once for each size and copied for each sandbox. */
  async #make(sizeMiB: number): Promise<string> {
    const path = `${this.#directory}/tmp-${sizeMiB}.ext4`;
    const unfinished = `${path}.new`;
    await rm(unfinished, { force: true });
    await writeFile(unfinished, "");
    await truncate(unfinished, sizeMiB * 1024 * 1024);
    const features = "^has_journal,^resize_inode,^metadata_csum,uninit_bg";
    const result = await runCommand("mkfs.ext4", [
      ...["-q", "-F", "-O", features, "-m", "0", "-b", "4096"],
      ...["-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", unfinished],
    ]);
    if (!result.ok) {
      throw new PlatformError(
        { kind: "unavailable", what: "temporary storage" },
        `mkfs.ext4 failed: ${result.output}`,
      );
    }
    await rename(unfinished, path);
    return path;
  }
}
