import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Log, messageOf, PlatformError, type Timer } from "../../base/mod.ts";
import { isOwner, limits, type Owner } from "../../model/mod.ts";

/** One file that a sidecar made of a call. */
export interface Artefact {
  readonly name: string;
  /** Media type. */
  readonly type: string;
  readonly bytes: number;
  readonly sidecar: string;
}

/** What is kept of one call. */
export interface CallArtefacts {
  readonly requestId: string;
  readonly artefacts: readonly Artefact[];
  readonly warnings: readonly string[];
}

interface KeptCall {
  readonly requestId: string;
  readonly createdMs: number;
  readonly artefacts: OpenArtefact[];
  readonly warnings: string[];
}

interface OpenArtefact extends Artefact {
  bytes: number;
  /** Its file in the call's directory. */
  readonly file: string;
  isComplete: boolean;
}

const INDEX = "index.json";
const SWEEP_INTERVAL_MS = 10 * 60 * 1000;
const NAME: RegExp = /^[a-zA-Z0-9][\w.-]{0,127}$/;
const TYPE: RegExp = /^[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,64}(; ?charset=[\w-]{1,32})?$/;
const REQUEST_ID: RegExp = /^[\w-]{1,64}$/;
const WARNINGS_MAX = 100;

/**
 * What sidecars bring, as files: `<directory>/<owner>/<request id>/`, with an index beside them.
 * Evidence, not acknowledged data: bounded for each owner, the oldest call going first, gone after
 * ARTEFACT_AGE_MS_MAX, and only its owner finds it.
 */
export class ArtefactStore implements AsyncDisposable {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #owners = new Map<Owner, Map<string, KeptCall>>();
  #sweep: Timer | undefined;

  private constructor(directory: string, clock: Clock, log: Log) {
    this.#directory = directory;
    this.#clock = clock;
    this.#log = log;
    this.#sweepLater();
  }

  /** Finds what an earlier server kept; what it left half done is removed. */
  static async open(directory: string, clock: Clock, log: Log): Promise<ArtefactStore> {
    const store = new ArtefactStore(directory, clock, log);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const owner of await readdir(directory)) {
      if (isOwner(owner)) await store.#recover(owner);
    }
    return store;
  }

  /** Makes room for a call's artefacts. */
  begin(owner: Owner, requestId: string): CallWriter {
    const call = { requestId, createdMs: this.#clock.now(), artefacts: [], warnings: [] };
    return new CallWriter({
      directory: join(this.#directory, owner, requestId),
      call,
      keep: () => {
        const calls = this.#callsOf(owner);
        calls.delete(requestId); // an earlier run of the same call is the older one
        calls.set(requestId, call);
        this.#makeRoom(owner);
      },
    });
  }

  /** @throws PlatformError kind "not_found" */
  list(owner: Owner, requestId: string): CallArtefacts {
    const { artefacts, warnings } = this.#find(owner, requestId);
    return {
      requestId,
      warnings,
      artefacts: artefacts
        .filter(({ isComplete }) => isComplete)
        .map(({ name, type, bytes, sidecar }) => ({ name, type, bytes, sidecar })),
    };
  }

  /** @throws PlatformError kind "not_found" */
  async read(
    owner: Owner,
    requestId: string,
    name: string,
  ): Promise<{ readonly type: string; readonly bytes: Buffer }> {
    const { artefacts } = this.#find(owner, requestId);
    const found = artefacts.find((artefact) => artefact.name === name && artefact.isComplete);
    if (found === undefined) throw notFound("artifact", name);
    const path = join(this.#directory, owner, requestId, found.file);
    return { type: found.type, bytes: await readFile(path) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweep?.cancel();
  }

  #find(owner: Owner, requestId: string): KeptCall {
    const call = this.#owners.get(owner)?.get(requestId);
    if (call !== undefined) return call;
    throw notFound("artifacts of invocation", requestId);
  }

  #callsOf(owner: Owner): Map<string, KeptCall> {
    let calls = this.#owners.get(owner);
    if (calls === undefined) {
      calls = new Map();
      this.#owners.set(owner, calls);
    }
    return calls;
  }

  #makeRoom(owner: Owner): void {
    const calls = this.#callsOf(owner);
    let bytes = 0;
    for (const call of calls.values()) bytes += bytesOf(call);
    for (const [requestId, call] of calls) {
      const fits =
        calls.size <= limits.ARTEFACT_CALLS_PER_OWNER_MAX &&
        bytes <= limits.ARTEFACT_BYTES_PER_OWNER_MAX;
      if (fits) return;
      bytes -= bytesOf(call);
      this.#forget(owner, requestId);
    }
  }

  #forget(owner: Owner, requestId: string): void {
    this.#owners.get(owner)?.delete(requestId);
    const directory = join(this.#directory, owner, requestId);
    rm(directory, { recursive: true, force: true }).catch((error) => {
      this.#log.warn("artefacts.remove_failed", { reason: messageOf(error) });
    });
  }

  #sweepLater(): void {
    this.#sweep = this.#clock.after(SWEEP_INTERVAL_MS, () => {
      const oldestMs = this.#clock.now() - limits.ARTEFACT_AGE_MS_MAX;
      for (const [owner, calls] of this.#owners) {
        for (const { requestId, createdMs } of [...calls.values()]) {
          if (createdMs < oldestMs) this.#forget(owner, requestId);
        }
        if (calls.size === 0) this.#owners.delete(owner);
      }
      this.#sweepLater();
    });
  }

  async #recover(owner: Owner): Promise<void> {
    const found: KeptCall[] = [];
    for (const requestId of await readdir(join(this.#directory, owner))) {
      const call = await readIndex(join(this.#directory, owner, requestId, INDEX));
      if (call === undefined) this.#forget(owner, requestId);
      else found.push(call);
    }
    found.sort((a, b) => a.createdMs - b.createdMs);
    for (const call of found) this.#callsOf(owner).set(call.requestId, call);
    this.#makeRoom(owner);
  }
}

/** Writes the artefacts of one call, piece by piece. */
export class CallWriter {
  readonly #directory: string;
  readonly #call: KeptCall;
  readonly #keep: () => void;
  /** Set when there is a directory, or soon will be. */
  #begun: Promise<unknown> | undefined;
  /** Appends follow one another. */
  #written: Promise<void> = Promise.resolve();

  constructor(options: { directory: string; call: KeptCall; keep(): void }) {
    this.#directory = options.directory;
    this.#call = options.call;
    this.#keep = options.keep;
  }

  warn(text: string): void {
    if (this.#call.warnings.length < WARNINGS_MAX) this.#call.warnings.push(text);
  }

  /**
   * Appends a piece to an artefact.
   * @param more whether further pieces follow
   * @throws PlatformError kinds "invalid", "too_large"
   */
  async append(
    sidecar: string,
    header: Readonly<Record<string, unknown>>,
    piece: Buffer,
  ): Promise<void> {
    const artefact = this.#open(sidecar, header);
    if (artefact.bytes + piece.length > limits.ARTEFACT_BYTES_MAX) {
      artefact.isComplete = true;
      throw new PlatformError(
        {
          kind: "too_large",
          what: "artifact",
          limitBytes: limits.ARTEFACT_BYTES_MAX,
          actualBytes: artefact.bytes + piece.length,
        },
        `Artifact ${artefact.name} is cut at ${limits.ARTEFACT_BYTES_MAX} bytes`,
      );
    }
    artefact.bytes += piece.length;
    artefact.isComplete = header.more !== true;
    const file = join(this.#directory, artefact.file);
    const writing = this.#written.then(async () => {
      await this.#begin();
      await appendFile(file, piece, { mode: 0o600 });
    });
    this.#written = writing.catch(() => {});
    await writing;
  }

  /** The sidecars have said all that they had to say. */
  async finish(): Promise<void> {
    await this.#written;
    for (const artefact of this.#call.artefacts) artefact.isComplete = true;
    if (this.#begun === undefined && this.#call.warnings.length === 0) return;
    await this.#begin();
    const index = join(this.#directory, INDEX);
    await writeFile(`${index}.tmp`, JSON.stringify(this.#call), { mode: 0o600 });
    await rename(`${index}.tmp`, index);
    this.#keep();
  }

  async #begin(): Promise<void> {
    this.#begun ??= makeEmpty(this.#directory);
    await this.#begun;
  }

  #open(sidecar: string, { name, type }: Readonly<Record<string, unknown>>): OpenArtefact {
    if (typeof name !== "string" || !NAME.test(name))
      throw invalid(`name must match ${NAME.source}`);
    const { artefacts } = this.#call;
    const present = artefacts.find((artefact) => artefact.name === name);
    if (present?.isComplete || (present && present.sidecar !== sidecar)) {
      throw invalid(`${name} exists already`);
    }
    if (present !== undefined) return present;
    if (typeof type !== "string" || !TYPE.test(type)) throw invalid(`${name} has no media type`);
    if (artefacts.length >= limits.ARTEFACTS_PER_CALL_MAX) {
      throw invalid(`${name} is one too many: a call may have ${limits.ARTEFACTS_PER_CALL_MAX}`);
    }
    const file = `${artefacts.length}.data`;
    const artefact = { name, type, bytes: 0, sidecar, file, isComplete: false };
    artefacts.push(artefact);
    return artefact;
  }
}

/** An asynchronous call that runs again has the id, and so the directory, of its earlier run. */
async function makeEmpty(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
}

function bytesOf({ artefacts }: KeptCall): number {
  return artefacts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Ours, so its shape is known; undefined when a crash came before it. */
async function readIndex(path: string): Promise<KeptCall | undefined> {
  try {
    const call = JSON.parse(await readFile(path, "utf8")) as KeptCall;
    return REQUEST_ID.test(call.requestId) ? call : undefined;
  } catch {
    return undefined;
  }
}

function invalid(problem: string): PlatformError {
  return new PlatformError({ kind: "invalid", field: "artifact" }, `Artifact ${problem}`);
}

function notFound(resource: string, id: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource, id },
    `No ${resource} ${id.slice(0, 100)}; artifacts are kept for a while only`,
  );
}
