import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { assert, type Clock, messageOf, PlatformError, type SecureRandom } from "../../base/mod.ts";
import { type CodeStore, placeTree } from "../../code/mod.ts";
import { limits, type Owner, type SidecarPackage } from "../../model/mod.ts";
import type { Instance, RuntimeImage, Sandbox, SandboxDriver } from "../../sandbox/mod.ts";
import { SidecarChannel } from "./sidecar-channel.ts";

const GUEST_DIRECTORY: string = fileURLToPath(new URL("../../../guest/sidecar", import.meta.url));
const MOUNTED_NODE = "/var/lang/bin/node";
const MOUNTED_GUEST = "/var/runtime";
const ID_BYTES = 8;
/** A sidecar that is not ready by then is given up; ours. */
const BOOT_MS_MAX = 10_000;
/** What a sidecar that does not start may say about it, in characters. */
const LAST_WORDS_MAX = 500;
/** Memory of all sidecars of an owner together. Ours: eight at their limit. */
const OWNER_MIB = 8 * limits.SIDECAR_MEMORY_MIB;
/** How long an owner's empty instance waits for the next sidecar. */
const INSTANCE_IDLE_MS = 30_000;
/** As much as a plain environment. */
const CPU_WEIGHT = 74;

export interface SidecarMachineOptions {
  readonly driver: SandboxDriver;
  readonly code: CodeStore;
  /** A Node image; its binary runs the sidecars. */
  image(): Promise<RuntimeImage>;
  readonly clock: Clock;
  readonly random: SecureRandom;
}

/** What to boot: one of the library, or an owner's own. */
export interface SidecarProgram {
  readonly name: string;
  /** Absent for the library's. */
  readonly own?: SidecarPackage;
}

/** A booted sidecar, ready to be attached to calls. */
export interface BootedSidecar {
  readonly sandbox: Sandbox;
  readonly channel: SidecarChannel;
}

/** One owner's sidecars: an instance of its own, with a user that no environment has. */
interface Yard {
  readonly instance: Promise<Instance>;
  sidecars: number;
}

/**
 * Boots sidecars in sandboxes of their own, in instances that hold nothing but sidecars of one
 * owner: no process of a function shares their user, files, network or budget. They have no network
 * at all; what they send goes through the host.
 */
export class SidecarMachine implements AsyncDisposable {
  readonly #options: SidecarMachineOptions;
  readonly #yards = new Map<Owner, Yard>();
  #image: Promise<RuntimeImage> | undefined;
  #isClosed = false;

  constructor(options: SidecarMachineOptions) {
    this.#options = options;
  }

  /** @throws PlatformError kind "unavailable" with what the sidecar said */
  async boot(owner: Owner, program: SidecarProgram): Promise<BootedSidecar> {
    const yard = this.#enter(owner);
    try {
      const booted = await this.#boot(await yard.instance, owner, program);
      void booted.sandbox.exited.then(() => this.#leave(owner, yard));
      return booted;
    } catch (error) {
      this.#leave(owner, yard);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#yards.keys()].map((owner) => this.#endYard(owner)));
  }

  async #boot(instance: Instance, owner: Owner, program: SidecarProgram): Promise<BootedSidecar> {
    let lastWords = "";
    this.#image ??= this.#options.image().then(sidecarImage);
    const sandbox = await instance.boot({
      id: this.#options.random.hex(ID_BYTES),
      image: await this.#image,
      temporaryMiB: limits.EPHEMERAL_STORAGE_MIB_MIN,
      limits: {
        memoryMiB: limits.SIDECAR_MEMORY_MIB,
        cpuWeight: CPU_WEIGHT,
        processes: limits.SIDECAR_PROCESSES_MAX,
      },
      network: false,
      onOutput: (chunk) => {
        lastWords = (lastWords + chunk.toString()).slice(-LAST_WORDS_MAX);
      },
    });
    const signal = AbortSignal.timeout(BOOT_MS_MAX);
    let channel: SidecarChannel | undefined;
    const abort = (): void => channel?.close("it did not start in time");
    signal.addEventListener("abort", abort);
    try {
      channel = new SidecarChannel(await sandbox.connect(signal));
      await channel.ready;
      await this.#load(channel, sandbox, owner, program);
      return { sandbox, channel };
    } catch (error) {
      await sandbox.kill();
      throw new PlatformError(
        { kind: "unavailable", what: "sidecar" },
        `Sidecar ${program.name} did not start: ${messageOf(error)}${lastWords && `; it said: ${lastWords}`}`,
        { cause: error },
      );
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async #load(
    channel: SidecarChannel,
    sandbox: Sandbox,
    owner: Owner,
    { name, own }: SidecarProgram,
  ): Promise<void> {
    if (own === undefined) return await channel.load({ library: name });
    const tree = await this.#options.code.tree(owner, own.sha256);
    await placeTree(tree, sandbox.taskDirectory);
    await channel.load({ own: true });
  }

  #enter(owner: Owner): Yard {
    if (this.#isClosed) {
      throw new PlatformError({ kind: "unavailable", what: "server" }, "The server is stopping");
    }
    let yard = this.#yards.get(owner);
    if (yard === undefined) {
      yard = { instance: this.#createInstance(), sidecars: 0 };
      this.#yards.set(owner, yard);
    }
    yard.sidecars++;
    return yard;
  }

  async #createInstance(): Promise<Instance> {
    const { driver, random } = this.#options;
    const instance = await driver.createInstance({ id: random.hex(ID_BYTES) });
    instance.limit(OWNER_MIB);
    return instance;
  }

  #leave(owner: Owner, yard: Yard): void {
    yard.sidecars--;
    if (yard.sidecars > 0) return;
    this.#options.clock.after(INSTANCE_IDLE_MS, () => {
      if (yard.sidecars === 0 && this.#yards.get(owner) === yard) void this.#endYard(owner);
    });
  }

  async #endYard(owner: Owner): Promise<void> {
    const yard = this.#yards.get(owner);
    this.#yards.delete(owner);
    const instance = await yard?.instance.catch(() => undefined);
    await instance?.[Symbol.asyncDispose]();
  }
}

/** The Node of an image with the sidecars' program instead of the functions' runtime. */
function sidecarImage(image: RuntimeImage): RuntimeImage {
  const node = image.mounts.find(({ target }) => target === MOUNTED_NODE);
  assert(node, "a Node image mounts a Node");
  const { PATH = "", LANG = "", TZ = "" } = image.environment;
  return {
    id: `sidecar-${digestOfGuest()}-${image.id}`,
    argv: [MOUNTED_NODE, "--max-semi-space-size=4", `${MOUNTED_GUEST}/runner.cjs`],
    environment: { PATH, LANG, TZ },
    mounts: [node, { source: GUEST_DIRECTORY, target: MOUNTED_GUEST }],
  };
}

function digestOfGuest(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(GUEST_DIRECTORY, { recursive: true, encoding: "utf8" }).sort()) {
    if (!name.endsWith(".cjs")) continue;
    hash.update(`${name}\0`).update(readFileSync(path.join(GUEST_DIRECTORY, name)));
  }
  return hash.digest("hex").slice(0, 12);
}
