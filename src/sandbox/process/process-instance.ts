import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { deferred, PlatformError } from "../../base/mod.ts";
import type { Instance, Sandbox, SandboxSpec } from "../driver.ts";
import { checkSandboxId } from "../ids.ts";
import { deliverOutput } from "../output.ts";
import { bubblewrapCommand, type Identity } from "./bubblewrap.ts";
import { applySettings, limitSettings } from "./cgroup.ts";
import { passwdText } from "./etc.ts";
import type { BootRequest, HelperExit } from "./helper-client.ts";
import type { Wire } from "./network.ts";
import type { ProcessHost } from "./process-host.ts";
import { ProcessSandbox } from "./process-sandbox.ts";
import { memoryStorage, runDirectoryMount } from "./temporary-storage.ts";

/** Handles of one process. AWS: 1,024. */
const OPEN_FILES_MAX = 1024;
const SUBDIRECTORIES = ["task", "opt", "tmp", "run"] as const;

/** What a probe may leave out, to find which part of the host is missing. */
export interface BootVariant {
  readonly disk: boolean;
  readonly wire: Wire | null;
}

/** A budget and a user of its own, and the sandboxes that share them. */
export class ProcessInstance implements Instance {
  readonly id: string;
  readonly #host: ProcessHost;
  readonly #group: string;
  readonly #directory: string;
  readonly #identity: Identity;
  readonly #onDisposed: () => void;
  /** CPU weights of the sandboxes: the instance weighs as much as all of them together. */
  readonly #weights = new Map<string, number>();
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #booting = new Set<Promise<Sandbox>>();
  #disposed: Promise<void> | undefined;

  private constructor(host: ProcessHost, id: string, identity: Identity, onDisposed: () => void) {
    this.id = id;
    this.#host = host;
    this.#group = `${host.group}/${id}`;
    this.#directory = `${host.directory}/${id}`;
    this.#identity = identity;
    this.#onDisposed = onDisposed;
  }

  static async create(
    host: ProcessHost,
    id: string,
    identity: Identity,
    onDisposed: () => void,
  ): Promise<ProcessInstance> {
    checkSandboxId(id);
    const instance = new ProcessInstance(host, id, identity, onDisposed);
    await mkdir(instance.#directory, { mode: 0o755 });
    const { uid, gid } = identity;
    await writeFile(instance.#passwdPath, passwdText(uid, gid), { mode: 0o644 });
    await chmod(instance.#passwdPath, 0o644);
    await host.helper().run(host.cgroups.create(instance.#group, { delegate: true }));
    return instance;
  }

  async boot(spec: SandboxSpec): Promise<Sandbox> {
    const { network, wires } = this.#host;
    if (!network || !spec.network) return this.bootVariant(spec, { disk: true, wire: null });
    const slot = wires.take();
    const giveBack = (): void => wires.give(slot);
    return this.bootVariant(spec, { disk: true, wire: network.wire(slot) }, giveBack);
  }

  /** As `boot`, with what the host cannot do left out; `onReleased` follows on every path. */
  async bootVariant(
    spec: SandboxSpec,
    variant: BootVariant,
    onReleased: () => void = () => {},
  ): Promise<Sandbox> {
    const booting = this.#start(spec, variant, onReleased);
    this.#booting.add(booting);
    try {
      return await booting;
    } finally {
      this.#booting.delete(booting);
    }
  }

  async #start(spec: SandboxSpec, variant: BootVariant, onReleased: () => void): Promise<Sandbox> {
    const directory = `${this.#directory}/${spec.id}`;
    const helper = this.#host.helper();
    const ended = deferred<HelperExit>();
    let claimed = false;
    let forked = false;
    const release = async (): Promise<void> => {
      if (claimed) {
        this.#sandboxes.delete(spec.id);
        this.#weigh(spec.id, 0);
        await rm(directory, { recursive: true, force: true });
      }
      onReleased();
    };
    try {
      checkSandboxId(spec.id);
      if (this.#disposed) throw unavailable(this.id);
      await mkdir(directory, { mode: 0o755 }); // fails when the id is in use
      claimed = true;
      await makeDirectories(directory);
      this.#weigh(spec.id, spec.limits.cpuWeight);
      const request = await this.#request(spec, variant, directory);
      forked = true;
      const { pid, output } = await helper.boot(request, ended.resolve);
      const sandbox = new ProcessSandbox({
        ...{ id: spec.id, helper, cgroups: this.#host.cgroups, directory, pid, release },
        group: `${this.#group}/${spec.id}`,
        ended: ended.promise,
        drained: deliverOutput(output, this.#host.clock, (chunk) => spec.onOutput(chunk)),
        onLimit: (limits) => this.#weigh(spec.id, limits.cpuWeight),
      });
      this.#sandboxes.set(spec.id, sandbox);
      return sandbox;
    } catch (error) {
      if (forked) await ended.promise;
      await release();
      throw error;
    }
  }

  limit(memoryMiB: number): void {
    applySettings(this.#host.cgroups.memoryLimit(this.#group, memoryMiB));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await Promise.allSettled(this.#booting);
    await Promise.all([...this.#sandboxes.values()].map((sandbox) => sandbox.kill()));
    await this.#host.removeGroup(this.#group);
    await rm(this.#directory, { recursive: true, force: true });
    this.#onDisposed();
  }

  get #passwdPath(): string {
    return `${this.#directory}/passwd`;
  }

  #weigh(sandbox: string, weight: number): void {
    if (weight > 0) this.#weights.set(sandbox, weight);
    else this.#weights.delete(sandbox);
    const sum = [...this.#weights.values()].reduce((total, each) => total + each, 0);
    if (sum > 0) applySettings(this.#host.cgroups.cpuWeight(this.#group, sum));
  }

  async #request(spec: SandboxSpec, variant: BootVariant, directory: string): Promise<BootRequest> {
    const { facts } = this.#host;
    const { cgroups } = facts;
    const group = `${this.#group}/${spec.id}`;
    const identity = this.#identity;
    const mapped = identity.kind === "mapped";
    // As root of its user namespace the helper's child knows the server's user as 0.
    const owner = mapped ? { uid: 0, gid: 0 } : identity;
    const storage = variant.disk ? facts.storage : memoryStorage;
    const [task, opt, temporary, run] = SUBDIRECTORIES.map((name) => `${directory}/${name}`) as [
      string,
      string,
      string,
      string,
    ];
    const { image } = spec;
    const tree = { etc: facts.etc, passwd: this.#passwdPath, task, opt, temporary, run };
    return {
      sandbox: spec.id,
      argv: bubblewrapCommand({
        ...{ program: facts.bubblewrap, image, identity, tree },
        disableUserNamespaces: facts.disableUserNamespaces,
        ...(cgroups.processes ? {} : { processes: spec.limits.processes }),
      }),
      seccomp: facts.seccomp,
      uid: mapped ? null : identity.uid,
      userNamespace: mapped,
      cgroupSteps: [
        ...cgroups.create(group, { delegate: false }),
        ...limitSettings(cgroups, group, spec.limits),
        ...cgroups.enter(group),
      ],
      cgroupDirectories: cgroups.directories(group),
      thaw: cgroups.freezing(group, false) ?? null,
      figures: { ...cgroups.figures(group) },
      rlimits: { NOFILE: OPEN_FILES_MAX, CORE: 0 },
      mounts: [
        await storage.mount(temporary, spec.temporaryMiB),
        runDirectoryMount(run, owner.uid, owner.gid),
      ],
      runDirectory: run,
      network: variant.wire,
    };
  }
}

function unavailable(id: string): PlatformError {
  const detail = { kind: "unavailable", what: "instance" } as const;
  return new PlatformError(detail, `Instance ${id} has been disposed`);
}

/** Readable by every user whatever the server's umask: the sandbox is not the server's user. */
async function makeDirectories(directory: string): Promise<void> {
  await Promise.all(
    SUBDIRECTORIES.map(async (name) => {
      const path = `${directory}/${name}`;
      await mkdir(path);
      await chmod(path, 0o755);
    }),
  );
}
