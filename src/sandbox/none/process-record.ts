import { readFile, writeFile } from "node:fs/promises";
import { statFields } from "../process-usage.ts";

const RECORD = "process";

/** Position of the start time among the fields after the program's name in /proc/PID/stat. */
const START_TIME_FIELD = 19;

/** Notes in `directory` which process group runs there, so that a later server can end it. */
export async function recordProcess(directory: string, pid: number): Promise<void> {
  await writeFile(`${directory}/${RECORD}`, `${pid} ${startTimeOf(pid)}`);
}

/**
 * Ends the process group noted in `directory` unless the number now means another process.
 * @returns its number when it still ran
 */
export async function endRecorded(directory: string): Promise<number | undefined> {
  const text = await readFile(`${directory}/${RECORD}`, "utf8").catch(() => "");
  const [pid = "", startTime = ""] = text.split(" ");
  if (pid === "" || startTime === "" || startTimeOf(Number(pid)) !== startTime) return undefined;
  endGroup(Number(pid));
  return Number(pid);
}

/** Kills every process of a group; none left is no error. */
export function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function startTimeOf(pid: number): string {
  return statFields(pid)[START_TIME_FIELD] ?? "";
}
