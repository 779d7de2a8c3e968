import { readFileSync } from "node:fs";
import type { SandboxUsage } from "./driver.ts";

/** USER_HZ: /proc counts processor time in hundredths of a second on every Linux. */
const MS_PER_TICK = 10;
const USER_TIME_FIELD = 11;

/**
 * What one process uses, for where no cgroup counts a whole sandbox; zeros when it has ended.
 * Processor time includes children that ended.
 */
export function usageOfProcess(pid: number): SandboxUsage {
  const status = readProcFile(pid, "status");
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  const fields = statFields(pid);
  const ticks = [0, 1, 2, 3].map((offset) => Number(fields[USER_TIME_FIELD + offset] ?? 0));
  return {
    memoryBytes: bytes("VmRSS"),
    memoryPeakBytes: bytes("VmHWM"),
    cpuMs: ticks.reduce((sum, each) => sum + each, 0) * MS_PER_TICK,
  };
}

/** The first child of `pid`. */
export function childOf(pid: number): number | undefined {
  const children = readProcFile(pid, `task/${pid}/children`);
  return children === "" ? undefined : Number.parseInt(children, 10);
}

/** Fields of /proc/PID/stat after the program's name; empty when there is no such process. */
export function statFields(pid: number): readonly string[] {
  const text = readProcFile(pid, "stat");
  return text === "" ? [] : text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function readProcFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}
