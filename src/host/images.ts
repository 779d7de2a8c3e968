import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PlatformError } from "../base/mod.ts";
import { familyOf, RUNTIME_NAMES, type RuntimeName } from "../model/mod.ts";
import type { RuntimeImage } from "../sandbox/mod.ts";
import { installNode, type NodePackage, nodeBinary, nodePackage } from "./runtime-install.ts";

/** Programs that run inside sandboxes; part of this package. */
export const GUEST_DIRECTORY: string = fileURLToPath(new URL("../../guest", import.meta.url));
export const PERL = "/usr/bin/perl";
const MOUNTED_NODE = "/var/lang/bin/node";
const MOUNTED_GUEST = "/var/runtime";

/** As on Lambda. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html */
const SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/bin";
const LIBRARY_PATH =
  "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";
/**
 * V8 sees the host's memory, not the sandbox's limit, and would let garbage grow past 128 MB before
 * it collects for the first time. Small at the start, so that every size of function can take the
 * same waiting runtime; the guest sets the rest when it learns the size (guest/node/memory.cjs).
 */
const NODE_HEAP_FLAGS = ["--initial-old-space-size=16", "--max-semi-space-size=8"];
const COMMON = { TZ: ":UTC", LD_LIBRARY_PATH: LIBRARY_PATH };

export interface RuntimeOptions {
  /** Where runtimes that are not part of Hearth are installed, on first use. */
  readonly directory: string;
  /** Told in sentences what an installation is doing. */
  onProgress?(message: string): void;
  readonly signal?: AbortSignal;
}

const images: Map<string, Promise<RuntimeImage>> = new Map();

/**
 * What a sandbox needs to run this runtime. Installs a Node that is missing; once it is known, the
 * same image is returned without any I/O.
 * @throws PlatformError kind "unsupported" when this machine lacks it, with what to do about it;
 *   kind "corrupt" when the registry sends other bytes than the pinned ones
 */
export function runtimeImage(name: RuntimeName, options: RuntimeOptions): Promise<RuntimeImage> {
  const key = `${name} ${options.directory}`;
  const known = images.get(key);
  if (known) return known;
  const image = makeImage(name, options);
  images.set(key, image);
  image.catch(() => images.delete(key));
  return image;
}

/** Runtimes that can start now, without installing anything. */
export function installedRuntimes(directory: string): RuntimeName[] {
  return RUNTIME_NAMES.filter((name) => {
    if (familyOf(name) === "node") return findNode(name, directory) !== undefined;
    return existsSync(familyOf(name) === "python" ? interpreterOf(name) : PERL);
  });
}

/**
 * Makes sure that a runtime can start; a no-op when it can.
 * @throws as `runtimeImage`
 */
export async function installRuntime(name: RuntimeName, options: RuntimeOptions): Promise<void> {
  await runtimeImage(name, options);
}

async function makeImage(name: RuntimeName, options: RuntimeOptions): Promise<RuntimeImage> {
  switch (familyOf(name)) {
    case "node":
      return nodeImage(name, options);
    case "python":
      return pythonImage(name);
    case "provided":
      return providedImage();
  }
}

async function nodeImage(name: RuntimeName, options: RuntimeOptions): Promise<RuntimeImage> {
  const wanted = nodePackage(name);
  const binary = findNode(name, options.directory) ?? (await installNode(name, options));
  const guest = path.join(GUEST_DIRECTORY, "node");
  return {
    id: `${name}-${wanted.version}-${process.arch}-${digestOf(guest)}`,
    argv: [MOUNTED_NODE, ...NODE_HEAP_FLAGS, `${MOUNTED_GUEST}/bootstrap.cjs`],
    environment: {
      ...COMMON,
      LANG: "en_US.UTF-8",
      PATH: `/var/lang/bin:${SYSTEM_PATH}`,
      NODE_PATH: `/opt/nodejs/node${wanted.major}/node_modules:/opt/nodejs/node_modules:/var/task`,
    },
    mounts: [
      { source: binary, target: MOUNTED_NODE },
      { source: guest, target: MOUNTED_GUEST },
    ],
  };
}

function pythonImage(name: RuntimeName): RuntimeImage {
  const interpreter = interpreterOf(name);
  const { size, mtimeMs } = statSync(interpreter, { throwIfNoEntry: false }) ?? missingPython(name);
  const guest = path.join(GUEST_DIRECTORY, "python");
  return {
    id: `${name}-${size}-${Math.trunc(mtimeMs)}-${digestOf(guest)}`,
    // No bytecode files beside code that is read-only, no packages of some user's home.
    argv: [interpreter, "-B", "-s", `${MOUNTED_GUEST}/bootstrap.py`],
    environment: { ...COMMON, LANG: "en_US.UTF-8", PATH: `/var/lang/bin:${SYSTEM_PATH}` },
    mounts: [{ source: guest, target: MOUNTED_GUEST }],
  };
}

function missingPython(name: RuntimeName): never {
  const present = RUNTIME_NAMES.filter((other) => familyOf(other) === "python").filter((other) =>
    existsSync(interpreterOf(other)),
  );
  const instead = present.length > 0 ? ` or use ${present.join(", ")} (present)` : "";
  throw new PlatformError(
    { kind: "unsupported", feature: name, remedy: `apt-get install ${name}${instead}` },
    `${interpreterOf(name)} does not exist`,
  );
}

/** @throws PlatformError kind "unsupported" where there is no Perl */
export function requirePerl(feature: string): void {
  if (existsSync(PERL)) return;
  throw new PlatformError(
    { kind: "unsupported", feature, remedy: "apt-get install perl-base" },
    `${PERL} does not exist`,
  );
}

function providedImage(): RuntimeImage {
  requirePerl("custom runtimes");
  const guest = path.join(GUEST_DIRECTORY, "provided");
  return {
    id: `provided-${digestOf(guest)}`,
    argv: [PERL, `${MOUNTED_GUEST}/launch.pl`],
    // Not en_US.UTF-8: Debian rarely has it, and perl and other tools complain in the log.
    environment: { ...COMMON, LANG: "C.UTF-8", PATH: SYSTEM_PATH },
    mounts: [{ source: guest, target: MOUNTED_GUEST }],
  };
}

function interpreterOf(name: RuntimeName): string {
  return `/usr/bin/${name}`;
}

/** The binary in Hearth's own dependencies, or one installed earlier. */
function findNode(name: RuntimeName, directory: string): string | undefined {
  const wanted = nodePackage(name);
  const candidates = [bundledNode(wanted), nodeBinary(wanted, directory)];
  return candidates.find((file) => file !== undefined && existsSync(file));
}

function bundledNode(wanted: NodePackage): string | undefined {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`hearth-node${wanted.major}-${process.arch}/package.json`);
    return path.join(path.dirname(manifest), "bin/node");
  } catch {
    return undefined;
  }
}

/** Short name for the contents of a folder: 12 hexadecimal digits. */
function digestOf(folder: string): string {
  const hash = createHash("sha256");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  for (const name of names) {
    const file = path.join(folder, name);
    if (!statSync(file).isFile()) continue;
    hash.update(`${name}\0`).update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 12);
}
