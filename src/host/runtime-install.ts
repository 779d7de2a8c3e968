import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { isPlatformError, messageOf, PlatformError } from "../base/mod.ts";
import type { RuntimeName } from "../model/mod.ts";

const run = promisify(execFile);

/** npm's output when it fails is a page; more is not kept. */
const OUTPUT_BYTES_MAX = 1024 * 1024;

/** A Node binary as a registry package with a pinned content hash. */
export interface NodePackage {
  readonly major: number;
  readonly version: string;
  /** Subresource integrity of the package archive, by `process.arch`. */
  readonly integrity: Readonly<Record<"x64" | "arm64", string>>;
}

/** Versions and hashes of 24 and 26 are those of package-lock.json; a test keeps them so. */
const NODE_PACKAGES: Readonly<Partial<Record<RuntimeName, NodePackage>>> = {
  "nodejs22.x": {
    major: 22,
    version: "22.23.2",
    integrity: {
      x64: "sha512-lfi+07N7Y+NCz+WrWIu+VmHkXuTLuDv6JLpCAH5n+MvZeG4x9SoSGVJ+h8lUJwJKXGwZUJCdDXo6zZoLw16RGA==",
      arm64:
        "sha512-q/iQECqcUb0U0gzWPRylQbhZhvy36iRBRcxwv9jl3GalPHcQrwIce2nymh9V7LwlocRRpCspu0P3O7vJpHCQOQ==",
    },
  },
  "nodejs24.x": {
    major: 24,
    version: "24.21.0",
    integrity: {
      x64: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
      arm64:
        "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
    },
  },
  "nodejs26.x": {
    major: 26,
    version: "26.10.0",
    integrity: {
      x64: "sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==",
      arm64:
        "sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==",
    },
  },
};

export interface InstallOptions {
  readonly directory: string;
  onProgress?(message: string): void;
  readonly signal?: AbortSignal;
}

/** @throws PlatformError kind "unsupported" on a processor without packages */
export function nodePackage(name: RuntimeName): NodePackage {
  const wanted = NODE_PACKAGES[name];
  if (wanted && (process.arch === "x64" || process.arch === "arm64")) return wanted;
  throw new PlatformError(
    { kind: "unsupported", feature: name, remedy: "Use a machine with an x64 or arm64 processor" },
    `There is no ${name} for ${process.arch}`,
  );
}

/** Where `installNode` puts the binary. */
export function nodeBinary(wanted: NodePackage, directory: string): string {
  return path.join(homeOf(wanted, directory), "node_modules", packageName(), "bin/node");
}

const running: Map<string, Promise<string>> = new Map();

/**
 * Installs a Node from the npm registry under `directory` and returns its binary. Callers at the
 * same time share one installation; it appears whole or not at all. No script of a package runs.
 * @throws PlatformError kind "unsupported" without npm or network, "corrupt" when the registry
 *   sends other bytes than the pinned ones, "unavailable" when npm fails otherwise
 */
export function installNode(name: RuntimeName, options: InstallOptions): Promise<string> {
  const wanted = nodePackage(name);
  const home = homeOf(wanted, options.directory);
  const known = running.get(home);
  if (known) return known;
  const installation = install(name, wanted, options).finally(() => running.delete(home));
  running.set(home, installation);
  return installation;
}

async function install(
  name: RuntimeName,
  wanted: NodePackage,
  options: InstallOptions,
): Promise<string> {
  const { directory, onProgress } = options;
  await mkdir(directory, { recursive: true });
  const workshop = await mkdtemp(path.join(directory, ".install-"));
  try {
    onProgress?.(`Downloading Node.js ${wanted.version} for ${name} (about 45 MB)`);
    await writeManifests(workshop, wanted);
    await runNpm(name, workshop, options.signal);
    await verify(wanted, path.join(workshop, "node_modules", packageName(), "bin/node"));
    await publish(workshop, homeOf(wanted, directory));
    onProgress?.(`Node.js ${wanted.version} is installed`);
    return nodeBinary(wanted, directory);
  } catch (error) {
    if (isPlatformError(error, "unsupported") || isPlatformError(error, "corrupt")) throw error;
    throw new PlatformError(
      { kind: "unavailable", what: name },
      `Cannot install ${name}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** A package.json and the lock file that pins its one dependency by content. */
async function writeManifests(workshop: string, wanted: NodePackage): Promise<void> {
  const dependencies = { [packageName()]: wanted.version };
  const manifest = { name: "hearth-runtime", version: "1.0.0", private: true, dependencies };
  const integrity = wanted.integrity[process.arch as "x64" | "arm64"];
  const lock = {
    name: manifest.name,
    version: manifest.version,
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": { name: manifest.name, version: manifest.version, dependencies },
      [`node_modules/${packageName()}`]: { version: wanted.version, integrity },
    },
  };
  await writeFile(path.join(workshop, "package.json"), JSON.stringify(manifest));
  await writeFile(path.join(workshop, "package-lock.json"), JSON.stringify(lock));
}

async function runNpm(
  name: RuntimeName,
  workshop: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  try {
    await run("npm", command, {
      cwd: workshop,
      maxBuffer: OUTPUT_BYTES_MAX,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    throw npmFailure(name, error);
  }
}

function npmFailure(name: RuntimeName, error: unknown): unknown {
  const { code, stderr = "" } = error as { code?: string | number; stderr?: string };
  const retry = `run: hearth runtime install ${name}`;
  if (code === "ENOENT") {
    const remedy = `apt-get install npm, then ${retry}`;
    return new PlatformError({ kind: "unsupported", feature: name, remedy }, "npm was not found");
  }
  if (/\bEINTEGRITY\b/.test(stderr)) {
    return new PlatformError(
      { kind: "corrupt", what: "runtime package", id: name },
      `The registry sent another ${name} than the pinned one`,
    );
  }
  if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b/.test(stderr)) {
    const remedy = `Connect this machine to an npm registry (see npm config), then ${retry}`;
    return new PlatformError(
      { kind: "unsupported", feature: name, remedy },
      `${name} is not installed and the npm registry cannot be reached`,
      { cause: error },
    );
  }
  return error;
}

/** Runs the binary once: one that this system cannot load must not be found later. */
async function verify(wanted: NodePackage, binary: string): Promise<void> {
  const { stdout } = await run(binary, ["--version"], { env: {} });
  if (stdout.trim() !== `v${wanted.version}`) {
    throw new Error(`Wanted Node.js ${wanted.version}, the package has ${stdout.trim()}`);
  }
}

/** Another process may have been quicker; its installation is as good. */
async function publish(workshop: string, home: string): Promise<void> {
  try {
    await rename(workshop, home);
  } catch (error) {
    if (!existsSync(home)) throw error;
  }
}

function homeOf(wanted: NodePackage, directory: string): string {
  return path.join(directory, `node-${wanted.version}-${process.arch}`);
}

function packageName(): string {
  return `node-linux-${process.arch}`;
}
