import { mkdirSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { type Clock, type Log, PlatformError } from "../../base/mod.ts";
import type { Instance, InstanceSpec, SandboxCapabilities, SandboxDriver } from "../driver.ts";
import type { Identity } from "./bubblewrap.ts";
import type { CgroupHost } from "./cgroup.ts";
import { probeCgroups } from "./cgroup-probe.ts";
import { findProgram, isExecutable, runCommand } from "./command.ts";
import { makeEtc } from "./etc.ts";
import { HelperClient } from "./helper-client.ts";
import { type Lease, takeLease } from "./lease.ts";
import { groupName, hostId } from "./names.ts";
import { Network } from "./network.ts";
import { type HostFacts, ProcessHost } from "./process-host.ts";
import { ProcessInstance } from "./process-instance.ts";
import { findFeatures } from "./process-probe.ts";
import { recordGroups, removeLeftovers } from "./recover.ts";
import { seccompProgram } from "./seccomp.ts";
import { Slots } from "./slots.ts";
import { DiskStorage, memoryStorage } from "./temporary-storage.ts";

export interface ProcessDriverOptions {
  /** Made when absent; holds a directory for each instance and nothing else. */
  readonly directory: string;
  /** Distinguishes servers of one host; what the data directory's path is hashed to. */
  readonly dataId: string;
  readonly log: Log;
  readonly clock: Clock;
  /** A Python of at least 3.9; the system's unless told. */
  readonly helperPython?: string;
  /** `auto`: wherever the host can be prepared for it. Preparing sets ip_forward. */
  readonly network: "on" | "off" | "auto";
  /** First of the host users that sandboxes run as; 32 blocks of 4096 follow. */
  readonly uidBase?: number;
}

const UID_BASE = 200_000;
const USERS_PER_SERVER = 4096;
/** What an ordinary user's sandboxes see as their own user; Lambda's numbers. */
const MAPPED_IDENTITY: Identity = { kind: "mapped", uid: 993, gid: 990 };

/**
 * Opens the driver that isolates by namespaces, cgroups and a system call filter.
 * Every capability is found by trying it, the whole by booting a sandbox.
 * @throws PlatformError kind "unsupported" with a remedy when bubblewrap or Python is missing, no
 *   sandbox can be booted, or `network` is "on" and cannot be had
 */
export async function openProcessDriver(options: ProcessDriverOptions): Promise<SandboxDriver> {
  const { driver, problems } = await openInspected(options);
  const { log } = options;
  if (problems.network !== undefined && options.network === "on") {
    await driver[Symbol.asyncDispose]();
    const remedy = "Run `hearth doctor` to see what is missing, or use --network off";
    throw unsupported("network of sandboxes", problems.network, remedy);
  }
  if (problems.network !== undefined && options.network === "auto") {
    log.warn("sandbox.no_network", { reason: problems.network });
  }
  if (problems.disk !== undefined) log.warn("sandbox.no_disk", { reason: problems.disk });
  if (problems.names !== undefined) log.warn("sandbox.no_names", { reason: problems.names });
  if (!driver.capabilities.memoryLimit) {
    const reason = "No cgroup with a memory controller is ours: functions may use all memory";
    log.warn("sandbox.no_memory_limit", { reason });
  }
  return driver;
}

/** Why a feature is not offered; undefined when it is. */
export interface Problems {
  readonly disk: string | undefined;
  readonly network: string | undefined;
  /** Resolving host names. */
  readonly names: string | undefined;
}

/** As `openProcessDriver`, with what was found on the way. */
export async function openInspected(
  options: ProcessDriverOptions,
): Promise<{ driver: SandboxDriver; cgroups: CgroupHost; problems: Problems }> {
  await using stack = new AsyncDisposableStack();
  const { clock, log } = options;
  const { facts, nameServers } = await prepareHost(options);
  const lease = isRoot() ? stack.use(await ownNumbers(options.dataId)) : undefined;
  const helper = stack.use(new HelperClient(facts.python, log));
  const opened = lease ? await openNetwork(options, lease) : "Only root can wire sandboxes";
  const network = opened instanceof Network ? opened : undefined;
  if (network) stack.defer(() => network.close());
  const identities = lease ? distinctIdentities(options, lease) : mappedIdentities();
  const trial = new ProcessHost(facts, { clock, log, helper, network });
  const identity = identities.take();
  const found = await findFeatures(trial, identity);
  identities.give(identity);
  const problems: Problems = {
    disk: found.diskProblem,
    network: opened instanceof Network ? found.networkProblem : opened,
    names: nameServers.length > 0 ? undefined : "The host has no name server beyond its loopback",
  };
  const host = new ProcessHost(
    { ...facts, storage: problems.disk === undefined ? facts.storage : memoryStorage },
    { clock, log, helper, network: problems.network === undefined ? network : undefined },
  );
  stack.use(host); // a later helper replaces the first
  const driver = new ProcessDriver(host, options.dataId, identities, stack.move());
  return { driver, cgroups: facts.cgroups, problems };
}

/** Users for instances, given back when nothing of an instance is left. */
interface Identities {
  take(): Identity;
  give(identity: Identity): void;
}

class ProcessDriver implements SandboxDriver {
  readonly capabilities: SandboxCapabilities;
  readonly #host: ProcessHost;
  readonly #dataId: string;
  readonly #identities: Identities;
  readonly #stack: AsyncDisposableStack;
  readonly #instances = new Set<Instance>();

  constructor(
    host: ProcessHost,
    dataId: string,
    identities: Identities,
    stack: AsyncDisposableStack,
  ) {
    this.#host = host;
    this.#dataId = dataId;
    this.#identities = identities;
    this.#stack = stack;
    this.capabilities = {
      isolation: "process",
      memoryLimit: host.cgroups.memory,
      cpuShare: host.cgroups.cpu,
      processLimit: true,
      freeze: host.cgroups.freezer,
      temporaryStorage: host.facts.storage.kind,
      outboundNetwork: host.network !== undefined,
      distinctUsers: isRoot(),
      capture: "none",
    };
  }

  async recover(): Promise<{ readonly removed: readonly string[] }> {
    const removed = await removeLeftovers(this.#host.facts, hostId(this.#dataId), this.#host.clock);
    await this.#host.helper().run(this.#host.cgroups.create(this.#host.group, { delegate: true }));
    return { removed };
  }

  async createInstance(spec: InstanceSpec): Promise<Instance> {
    const identity = this.#identities.take();
    try {
      const instance = await ProcessInstance.create(this.#host, spec.id, identity, () => {
        this.#instances.delete(instance);
        this.#identities.give(identity);
      });
      this.#instances.add(instance);
      return instance;
    } catch (error) {
      this.#identities.give(identity);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#instances].map((instance) => instance[Symbol.asyncDispose]()));
    await this.#host.removeGroup(this.#host.group);
    await this.#stack.disposeAsync();
  }
}

/** Finds the programs, makes the shared files and the server's own group. */
async function prepareHost(
  options: ProcessDriverOptions,
): Promise<{ facts: HostFacts; nameServers: readonly string[] }> {
  const bubblewrap = findProgram("bwrap");
  if (!bubblewrap) {
    const remedy = "Install it with: apt-get install bubblewrap";
    throw unsupported("process sandbox", "bubblewrap is not installed", remedy);
  }
  const python = options.helperPython ?? findPython();
  if (!python) {
    const remedy = "Install it with: apt-get install python3";
    throw unsupported("process sandbox", "python3 is not installed", remedy);
  }
  const shared = `${options.directory}/.shared`;
  await mkdir(shared, { recursive: true, mode: 0o755 });
  await writeFile(`${shared}/seccomp.bpf`, seccompProgram(process.arch));
  const help = await runCommand(bubblewrap, ["--help"]);
  const nameServers = await makeEtc(`${shared}/etc`);
  const group = groupName(hostId(options.dataId));
  const cgroups = probeCgroups(group);
  makeGroup(cgroups, group);
  await recordGroups(options.directory, cgroups.directories(group));
  const disk = isRoot() && findProgram("mkfs.ext4") !== undefined;
  const facts: HostFacts = {
    ...{ bubblewrap, python, group, cgroups, directory: options.directory },
    etc: `${shared}/etc`,
    seccomp: `${shared}/seccomp.bpf`,
    storage: disk ? new DiskStorage(shared) : memoryStorage,
    disableUserNamespaces: help.output.includes("--disable-userns"),
  };
  return { facts, nameServers };
}

function makeGroup(cgroups: CgroupHost, group: string): void {
  for (const step of cgroups.create(group, { delegate: true })) {
    if ("directory" in step) mkdirSync(step.directory, { recursive: true });
    else writeFileSync(step.file, step.value);
  }
}

async function openNetwork(options: ProcessDriverOptions, lease: Lease): Promise<Network | string> {
  if (options.network === "off") return "Network is off";
  if (!findProgram("nft")) return "nft is not installed";
  return Network.open(hostId(options.dataId), lease.number);
}

async function ownNumbers(dataId: string): Promise<Lease> {
  const lease = await takeLease(hostId(dataId));
  if (lease) return lease;
  throw unsupported("process sandbox", "32 servers run already", "Stop another Hearth server");
}

function distinctIdentities(options: ProcessDriverOptions, lease: Lease): Identities {
  const first = (options.uidBase ?? UID_BASE) + lease.number * USERS_PER_SERVER;
  const slots = new Slots("instances", USERS_PER_SERVER);
  return {
    take() {
      const uid = first + slots.take();
      return { kind: "distinct", uid, gid: uid };
    },
    give: ({ uid }) => slots.give(uid - first),
  };
}

function mappedIdentities(): Identities {
  return { take: () => MAPPED_IDENTITY, give: () => {} };
}

/** Debian's own Python first: it is root's to change only. */
function findPython(): string | undefined {
  return isExecutable("/usr/bin/python3") ? "/usr/bin/python3" : findProgram("python3");
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

function unsupported(feature: string, problem: string, remedy: string): PlatformError {
  return new PlatformError({ kind: "unsupported", feature, remedy }, problem);
}
