import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, PlatformError } from "../base/mod.ts";

/** Bytes of the key under which secrets rest. */
const MASTER_KEY_BYTES = 32;

/** Where things are in a data directory. */
export interface DataPaths {
  readonly root: string;
  /** Eight hexadecimal characters that tell data directories of one machine apart. */
  readonly id: string;
  readonly database: string;
  readonly blobs: string;
  readonly codeCache: string;
  readonly instances: string;
  readonly logs: string;
  /** What sidecars make of calls. */
  readonly artefacts: string;
  /** Files that sidecars write lines to. */
  readonly sinks: string;
  readonly runtimes: string;
  readonly masterKey: string;
  readonly credentials: string;
  readonly server: string;
}

export function dataPaths(root: string): DataPaths {
  return {
    root,
    id: createHash("sha256").update(root).digest("hex").slice(0, 8),
    database: join(root, "hearth.db"),
    blobs: join(root, "blobs"),
    codeCache: join(root, "cache", "code"),
    instances: join(root, "instances"),
    logs: join(root, "logs"),
    artefacts: join(root, "artefacts"),
    sinks: join(root, "sinks"),
    runtimes: join(root, "runtimes"),
    masterKey: join(root, "master.key"),
    credentials: join(root, "credentials.json"),
    server: join(root, "server.json"),
  };
}

/**
 * Makes the directory if need be and takes it for this process, until disposed.
 * @throws PlatformError kind "conflict" when another server runs on it
 */
export async function takeDataDirectory(paths: DataPaths): Promise<AsyncDisposable> {
  await mkdir(paths.root, { recursive: true, mode: 0o700 });
  const lock = join(paths.root, "server.pid");
  const me = `${process.pid} ${await startTimeOf(process.pid)}`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await using file = await open(lock, "wx", 0o600);
      await file.writeFile(me);
      return { [Symbol.asyncDispose]: () => rm(lock, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = await readFile(lock, "utf8").catch(() => "");
      if (await isAlive(holder)) {
        const pid = holder.split(" ")[0];
        throw new PlatformError(
          { kind: "conflict", resource: "data directory", id: paths.root },
          `A server (process ${pid}) runs on ${paths.root} already; stop it or choose another --data`,
        );
      }
      await rm(lock, { force: true });
    }
  }
  throw new PlatformError(
    { kind: "conflict", resource: "data directory", id: paths.root },
    `Another server is starting on ${paths.root}`,
  );
}

/** The key under which secrets rest, made at the first start with mode 0600. */
export async function readMasterKey(path: string): Promise<Buffer> {
  try {
    const key = await readFile(path);
    if (key.length === MASTER_KEY_BYTES) return key;
    throw new PlatformError(
      { kind: "corrupt", what: "master key", id: path },
      `Master key ${path} has ${key.length} bytes, wanted ${MASTER_KEY_BYTES}`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await writeDurably(path, randomBytes(MASTER_KEY_BYTES));
    return await readFile(path);
  }
}

/** Replaces a file of the operator's alone (mode 0600), whole or not at all. */
export async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new PlatformError(
      { kind: "unavailable", what: path },
      `Cannot write ${path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** A pid alone may belong to somebody else by now: its start time says whether it is still ours. */
async function isAlive(holder: string): Promise<boolean> {
  const [pid = "", startTime = ""] = holder.trim().split(" ");
  if (!/^\d+$/.test(pid)) return false;
  return startTime === (await startTimeOf(Number(pid)));
}

/** Field 22 of /proc/PID/stat: clock ticks since boot; empty when there is no such process. */
async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
