import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { CommandError } from "./command.ts";
import type { Output } from "./output.ts";

/** A program or file that has to be there, and the Debian or Ubuntu package that brings it. */
export interface Requirement {
  readonly package: string;
  /** Name of a program on the search path, or an absolute path. */
  readonly needs: string;
}

/** What the `process` sandbox stands on. */
const SANDBOX_REQUIREMENTS: readonly Requirement[] = [
  { package: "bubblewrap", needs: "bwrap" },
  { package: "python3", needs: "python3" },
  { package: "util-linux", needs: "setpriv" },
  { package: "mount", needs: "losetup" },
  { package: "mount", needs: "mount" },
  { package: "iproute2", needs: "ip" },
  { package: "nftables", needs: "nft" },
  { package: "e2fsprogs", needs: "mkfs.ext4" },
  { package: "ca-certificates", needs: "/etc/ssl/certs/ca-certificates.crt" },
];

/** The demo's sh function calls the Runtime API with curl. */
export const DEMO_REQUIREMENTS: readonly Requirement[] = [{ package: "curl", needs: "curl" }];

/** Clients that nobody here wrote; Debian's own builds of them. */
export const CLIENT_TEST_REQUIREMENTS: readonly Requirement[] = [
  { package: "awscli", needs: "/usr/bin/aws" },
  { package: "python3-boto3", needs: "/usr/lib/python3/dist-packages/boto3/__init__.py" },
  { package: "curl", needs: "curl" },
  { package: "zip", needs: "zip" },
];

/** Root gets every limit; an ordinary user what a sandbox cannot do without. */
export function sandboxRequirements(): readonly Requirement[] {
  if (systemHost.isRoot) return SANDBOX_REQUIREMENTS;
  return SANDBOX_REQUIREMENTS.filter(({ needs }) => needs === "bwrap" || needs === "python3");
}

/** The machine, as far as setting it up goes. */
export interface SetupHost {
  readonly isRoot: boolean;
  readonly searchPath: string;
  exists(path: string): Promise<boolean>;
  /** Whether package lists were ever fetched: a fresh container has none. */
  hasPackageLists(): Promise<boolean>;
  /** Runs apt-get with its output on our standard error; resolves with the exit code. */
  aptGet(argv: readonly string[]): Promise<number>;
}

const SYSTEM_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The packages that are missing, each once, in the order asked for. */
export async function missingPackages(
  requirements: readonly Requirement[],
  host: SetupHost,
): Promise<readonly string[]> {
  const missing = new Set<string>();
  for (const requirement of requirements) {
    if (!(await isMet(requirement, host))) missing.add(requirement.package);
  }
  return [...missing];
}

/**
 * Sees to it that `requirements` are met: as root by apt-get, otherwise by telling what to type.
 * @throws CommandError whose advice is the one command to type
 */
export async function ensurePackages(
  requirements: readonly Requirement[],
  output: Output,
  host: SetupHost = systemHost,
): Promise<void> {
  const missing = await missingPackages(requirements, host);
  if (missing.length === 0) return;
  const advice = `Type: ${host.isRoot ? "" : "sudo "}apt-get install -y ${missing.join(" ")}`;
  if (!host.isRoot || !(await isMet({ package: "apt", needs: "apt-get" }, host))) {
    throw new CommandError(`Missing on this machine: ${missing.join(", ")}`, advice);
  }
  output.say(`Installing with apt-get: ${missing.join(" ")}`);
  if (!(await host.hasPackageLists())) await host.aptGet(["update"]);
  if ((await install(missing, host)) !== 0) {
    await host.aptGet(["update"]);
    await install(missing, host);
  }
  const left = await missingPackages(requirements, host);
  if (left.length > 0) {
    throw new CommandError(`apt-get could not install: ${left.join(", ")}`, advice);
  }
}

function install(packages: readonly string[], host: SetupHost): Promise<number> {
  return host.aptGet(["install", "-y", "--no-install-recommends", ...packages]);
}

async function isMet({ needs }: Requirement, host: SetupHost): Promise<boolean> {
  if (needs.startsWith("/")) return await host.exists(needs);
  const directories = [...host.searchPath.split(delimiter), ...SYSTEM_DIRECTORIES];
  for (const directory of directories) {
    if (directory !== "" && (await host.exists(join(directory, needs)))) return true;
  }
  return false;
}

export const systemHost: SetupHost = {
  isRoot: process.getuid?.() === 0,
  searchPath: process.env.PATH ?? "",
  async exists(path) {
    try {
      await access(path, constants.R_OK);
      return true;
    } catch {
      return false;
    }
  },
  async hasPackageLists() {
    try {
      const names = await readdir("/var/lib/apt/lists");
      return names.some((name) => /_Packages(\.\w+)?$/.test(name));
    } catch {
      return false;
    }
  },
  aptGet(argv) {
    const { promise, resolve } = Promise.withResolvers<number>();
    const child = spawn("apt-get", argv, {
      stdio: ["ignore", process.stderr, process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    child.once("error", () => resolve(127));
    child.once("exit", (code) => resolve(code ?? 1));
    return promise;
  },
};
