import { execFile } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const GIB = 1024 ** 3;

/** Where and of what the figures are. */
export interface Machine {
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
}

export async function describeMachine(): Promise<Machine> {
  return {
    commit: await commitNow(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / GIB),
    kernel: release(),
    node: process.version,
  };
}

/** The commit checked out; `+` when files differ from it, `unknown` outside a git checkout. */
async function commitNow(): Promise<string> {
  const git = async (...words: string[]): Promise<string> => {
    const cwd = fileURLToPath(new URL("../", import.meta.url));
    return (await promisify(execFile)("git", words, { cwd })).stdout.trim();
  };
  try {
    const changes = await git("status", "--porcelain");
    return `${await git("rev-parse", "--short=12", "HEAD")}${changes === "" ? "" : "+"}`;
  } catch {
    return "unknown";
  }
}
