import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isPlatformError, messageOf, silentLog, systemClock } from "../base/mod.ts";
import type { HostFinding } from "../sandbox/mod.ts";
import type { CgroupHost } from "../sandbox/process/cgroup.ts";
import { findProgram, runCommand } from "../sandbox/process/command.ts";
import { forwards } from "../sandbox/process/network.ts";
import { openInspected, type Problems } from "../sandbox/process/process-driver.ts";

export interface HostProbe {
  readonly findings: readonly HostFinding[];
  /** Sandboxes of isolation "process" can be booted. */
  readonly canIsolate: boolean;
}

/**
 * Finds what isolation this host really offers, by booting sandboxes and trying each feature.
 * Changes nothing that outlasts it; takes about half a second.
 */
export async function probeHost(): Promise<HostProbe> {
  const directory = await mkdtemp(`${tmpdir()}/hearth-probe-`);
  try {
    const [programs, isolation, others] = await Promise.all([
      Promise.all([bubblewrap(), python()]),
      isolationFindings(`${directory}/instances`),
      Promise.all([userNamespaces(), kvm(), criu()]),
    ]);
    const canIsolate = isolation[0]?.status === "ok";
    return { findings: [...programs, ...isolation, ...others], canIsolate };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function bubblewrap(): Promise<HostFinding> {
  const topic = "bubblewrap";
  const program = findProgram("bwrap");
  const version = program ? await runCommand(program, ["--version"]) : undefined;
  if (version?.ok) return { topic, status: "ok", detail: version.output };
  const remedy = "apt-get install bubblewrap";
  return { topic, status: "missing", detail: version?.output ?? "Not installed", remedy };
}

async function python(): Promise<HostFinding> {
  const topic = "python3";
  const program = findProgram("python3");
  const check =
    "import os, socket, sys; os.pidfd_open, socket.recv_fds; print(sys.version.split()[0])";
  const version = program ? await runCommand(program, ["-I", "-S", "-c", check]) : undefined;
  if (version?.ok) return { topic, status: "ok", detail: `${program} ${version.output}` };
  const detail = version ? "Python is older than 3.9" : "Not installed";
  return { topic, status: "missing", detail, remedy: "apt-get install python3" };
}

/** What a booted sandbox proves; the first finding is the sandbox itself. */
async function isolationFindings(directory: string): Promise<HostFinding[]> {
  const topic = "process sandbox";
  const forwarding = forwards();
  try {
    const { driver, cgroups, problems } = await openInspected({
      ...{ directory, dataId: directory, log: silentLog, clock: systemClock },
      // Turning forwarding on is the server's to do, not a probe's.
      network: forwarding ? "auto" : "off",
    });
    const users = driver.capabilities.distinctUsers
      ? "a user for each instance"
      : "one user for all, since this is not root";
    await driver[Symbol.asyncDispose]();
    return [
      { topic, status: "ok", detail: `Boots, with system call filter and ${users}` },
      ...cgroupFindings(cgroups),
      storageFinding(problems),
      networkFinding(problems, forwarding),
      nameFinding(problems),
    ];
  } catch (error) {
    const remedy = isPlatformError(error, "unsupported")
      ? error.detail.remedy
      : "See the detail; Hearth must be able to make namespaces and mounts";
    return [{ topic, status: "missing", detail: messageOf(error), remedy }];
  }
}

function cgroupFindings(cgroups: CgroupHost): HostFinding[] {
  // Where no cgroup counts processes an rlimit does.
  const limits = { memory: cgroups.memory, "processor share": cgroups.cpu };
  const missing = Object.entries(limits)
    .filter(([, has]) => !has)
    .map(([name]) => name);
  const found = cgroups.version === "none" ? "no cgroup is writable" : `version ${cgroups.version}`;
  const remedy = "Run Hearth as root, or as a systemd service with Delegate=yes";
  const topic = "limits";
  const limitsFinding: HostFinding =
    missing.length === 0
      ? { topic, status: "ok", detail: `${found}: memory, processor share, processes` }
      : { topic, status: "limited", detail: `${found}: ${missing.join(", ")} not limited`, remedy };
  const freezer: HostFinding = cgroups.freezer
    ? { topic: "freezer", status: "ok", detail: "Idle functions use no processor time" }
    : { topic: "freezer", status: "limited", detail: "Idle functions go on running", remedy };
  return [limitsFinding, freezer];
}

function storageFinding({ disk }: Problems): HostFinding {
  const topic = "temporary storage";
  if (disk === undefined) return { topic, status: "ok", detail: "/tmp on disk, of limited size" };
  const detail = `/tmp in memory, of limited size: ${disk}`;
  const remedy = "Run Hearth as root with loop devices and mkfs.ext4";
  return { topic, status: "limited", detail, remedy };
}

function networkFinding({ network }: Problems, forwarding: boolean): HostFinding {
  const topic = "outbound network";
  if (network === undefined) {
    return { topic, status: "ok", detail: "Functions reach outside addresses, not the host's" };
  }
  if (!forwarding && process.geteuid?.() === 0 && findProgram("nft")) {
    const detail = "net.ipv4.ip_forward is 0; a server with network sets it to 1 when it starts";
    return { topic, status: "limited", detail, remedy: "sysctl net.ipv4.ip_forward=1" };
  }
  const remedy = findProgram("nft") ? "Run Hearth as root" : "apt-get install nftables";
  return { topic, status: "limited", detail: network, remedy };
}

function nameFinding({ names }: Problems): HostFinding {
  const topic = "name servers";
  if (names === undefined) return { topic, status: "ok", detail: "Reachable by functions" };
  const remedy = "Name one in /etc/resolv.conf by an address that is not the host's own";
  return { topic, status: "limited", detail: names, remedy };
}

async function userNamespaces(): Promise<HostFinding> {
  const topic = "user namespaces";
  const program = findProgram("unshare");
  const result = program
    ? await runCommand(program, ["--user", "--map-root-user", "true"])
    : undefined;
  if (result?.ok) return { topic, status: "ok", detail: "Ordinary users can make sandboxes" };
  const remedy =
    "sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0";
  const detail = `${result?.output ?? "unshare is not installed"}; only root needs none`;
  return { topic, status: "limited", detail, remedy };
}

async function kvm(): Promise<HostFinding> {
  const topic = "virtualisation";
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    const detail =
      "/dev/kvm can be opened (only booting a guest proves it); not used by this version";
    return { topic, status: "ok", detail };
  } catch {
    const remedy = "Nothing to do: this version does not use it";
    return { topic, status: "limited", detail: "/dev/kvm cannot be opened", remedy };
  }
}

async function criu(): Promise<HostFinding> {
  const topic = "snapshots";
  const program = findProgram("criu");
  const remedy = "Nothing to do: this version does not offer snapshots";
  if (!program) return { topic, status: "limited", detail: "CRIU is not installed", remedy };
  const result = await runCommand(program, ["check"]);
  const detail = result.ok ? "CRIU works" : result.output;
  return { topic, status: "limited", detail, remedy };
}
