import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type CgroupHost, CgroupV1, CgroupV2, NoCgroups, type V1Directories } from "./cgroup.ts";

/** What the kernel says about cgroups of this process; texts of the files of the same name. */
export interface CgroupFacts {
  /** /proc/self/cgroup */
  readonly membership: string;
  /** /proc/self/mountinfo */
  readonly mounts: string;
}

export function readCgroupFacts(): CgroupFacts {
  return {
    membership: readFileSync("/proc/self/cgroup", "utf8"),
    mounts: readFileSync("/proc/self/mountinfo", "utf8"),
  };
}

const V1_CONTROLLERS = ["memory", "cpu", "cpuacct", "pids", "freezer"] as const;
const V2_CONTROLLERS = ["memory", "cpu", "pids"] as const;

/**
 * The best cgroup interface in which this process may make the group `name`: version 1 where any
 * of its controllers is usable, else version 2, else none.
 */
export function probeCgroups(name: string, facts: CgroupFacts = readCgroupFacts()): CgroupHost {
  const v1: { -readonly [K in keyof V1Directories]: string } = {};
  for (const controller of V1_CONTROLLERS) {
    const directory = v1Directory(controller, facts);
    if (directory !== undefined && canMakeGroup(`${directory}/${name}`)) v1[controller] = directory;
  }
  if (Object.keys(v1).length > 0) return new CgroupV1(v1);
  return probeV2(name, facts) ?? new NoCgroups();
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Lines of mountinfo: id parent major:minor root point options [tags] - type source options. */
function parseMounts(text: string): Mount[] {
  return text
    .split("\n")
    .filter((line) => line.includes(" - cgroup"))
    .map((line) => {
      const [left = "", right = ""] = line.split(" - ");
      const fields = left.split(" ");
      const [type = "", , options = ""] = right.split(" ");
      return { root: fields[3] ?? "/", point: fields[4] ?? "", type, options: options.split(",") };
    });
}

/** The directory of this process in a mounted hierarchy. */
function ownDirectory(mount: Mount, path: string): string {
  const inside = mount.root === "/" ? path : path.slice(mount.root.length);
  const known = mount.root === "/" || path === mount.root || path.startsWith(`${mount.root}/`);
  return known ? `${mount.point}${inside}`.replace(/\/+$/, "") : mount.point;
}

function membershipOf(controller: string, membership: string): string | undefined {
  for (const line of membership.split("\n")) {
    const [, names = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controller === "" ? names === "" : names.split(",").includes(controller)) {
      return path === "" ? undefined : path;
    }
  }
  return undefined;
}

function v1Directory(controller: string, facts: CgroupFacts): string | undefined {
  const mounts = parseMounts(facts.mounts);
  const mount = mounts.find((m) => m.type === "cgroup" && m.options.includes(controller));
  const path = membershipOf(controller, facts.membership);
  return mount && path !== undefined ? ownDirectory(mount, path) : undefined;
}

/**
 * In version 2 a group with processes cannot give controllers to children, so the server's own
 * group seldom will do; the nearest ancestor is taken that lets us make a group with controllers.
 */
function probeV2(name: string, facts: CgroupFacts): CgroupHost | undefined {
  const mount = parseMounts(facts.mounts).find((m) => m.type === "cgroup2");
  const path = membershipOf("", facts.membership);
  if (!mount || path === undefined) return undefined;
  let best: CgroupV2 | undefined;
  let bestCount = -1;
  for (let directory = ownDirectory(mount, path); ; directory = dirname(directory)) {
    const controllers = usableControllers(directory, name);
    if (controllers && controllers.size > bestCount) {
      best = new CgroupV2(directory, controllers);
      bestCount = controllers.size;
    }
    if (bestCount === V2_CONTROLLERS.length) return best;
    if (!directory.startsWith(`${mount.point}/`)) return best;
  }
}

/** Controllers that children of `directory` have or can be given; undefined: no child possible. */
function usableControllers(directory: string, name: string): Set<string> | undefined {
  if (!canMakeGroup(`${directory}/${name}`)) return undefined;
  try {
    accessSync(`${directory}/cgroup.procs`, constants.W_OK);
  } catch {
    return undefined;
  }
  const control = `${directory}/cgroup.subtree_control`;
  const offered = words(`${directory}/cgroup.controllers`);
  const already = words(control);
  for (const controller of V2_CONTROLLERS) {
    if (offered.has(controller) && !already.has(controller)) tryWrite(control, `+${controller}`);
  }
  const given = words(control);
  return new Set(V2_CONTROLLERS.filter((controller) => given.has(controller)));
}

function words(file: string): Set<string> {
  try {
    return new Set(readFileSync(file, "utf8").split(/\s+/));
  } catch {
    return new Set();
  }
}

function tryWrite(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // The group holds processes or the controller is not ours to give; what remains is read back.
  }
}

/** A group of this name may be left from an earlier server: then it can be made again. */
function canMakeGroup(directory: string): boolean {
  const trial = `${directory}-probe`;
  try {
    mkdirSync(trial);
    rmdirSync(trial);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return false;
    rmdirSync(trial);
    return true;
  }
}
