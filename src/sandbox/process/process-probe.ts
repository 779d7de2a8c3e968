import { messageOf, PlatformError } from "../../base/mod.ts";
import type { SandboxSpec } from "../driver.ts";
import type { Identity } from "./bubblewrap.ts";
import { WIRES_MAX } from "./network.ts";
import type { ProcessHost } from "./process-host.ts";
import { type BootVariant, ProcessInstance } from "./process-instance.ts";

/** Each is undefined when the feature works, else what went wrong. */
export interface Features {
  readonly diskProblem: string | undefined;
  readonly networkProblem: string | undefined;
}

const PROBE_MEMORY_MIB = 128;
const PROBE_PROCESSES = 32;
const PROBE_TEMPORARY_MIB = 512;

/**
 * Boots a sandbox that does nothing, then one more for each feature that a host may lack.
 * @throws PlatformError kind "unsupported" when not even the first can be booted
 */
export async function findFeatures(host: ProcessHost, identity: Identity): Promise<Features> {
  await using instance = await ProcessInstance.create(
    host,
    `probe-${process.pid}`,
    identity,
    () => {},
  );
  const plain = await problemOf(instance, "plain", { disk: false, wire: null });
  if (plain !== undefined) throw cannotBoot(plain);
  const [diskProblem, networkProblem] = await Promise.all([
    host.facts.storage.kind === "disk"
      ? problemOf(instance, "disk", { disk: true, wire: null })
      : "Only root with mkfs.ext4 and loop devices can make disks",
    host.network
      ? problemOf(instance, "network", { disk: false, wire: host.network.wire(WIRES_MAX - 1) })
      : "No network",
  ]);
  return { diskProblem, networkProblem };
}

async function problemOf(
  instance: ProcessInstance,
  id: string,
  variant: BootVariant,
): Promise<string | undefined> {
  let output = "";
  const spec: SandboxSpec = {
    id,
    image: { id: "probe", argv: ["/usr/bin/true"], environment: {}, mounts: [] },
    temporaryMiB: PROBE_TEMPORARY_MIB,
    limits: { memoryMiB: PROBE_MEMORY_MIB, cpuWeight: 1024, processes: PROBE_PROCESSES },
    network: variant.wire !== null,
    onOutput: (chunk) => {
      output += chunk.toString();
    },
  };
  try {
    const sandbox = await instance.bootVariant(spec, variant);
    const exit = await sandbox.exited;
    return exit.code === 0 ? undefined : output.trim() || `Ended with ${exit.code ?? exit.signal}`;
  } catch (error) {
    return messageOf(error);
  }
}

function cannotBoot(problem: string): PlatformError {
  const remedy =
    process.geteuid?.() === 0
      ? "Give this container or service CAP_SYS_ADMIN and permission to mount"
      : "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 " +
        "kernel.apparmor_restrict_unprivileged_userns=0, or run Hearth as root";
  return new PlatformError(
    { kind: "unsupported", feature: "process sandbox", remedy },
    `A sandbox cannot be started on this host: ${problem}`,
  );
}
