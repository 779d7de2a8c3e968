import { existsSync, globSync, readFileSync } from "node:fs";
import { renderTable } from "../src/cli/table.ts";

/** What V8 writes with --cpu-prof, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before the sample of the same index. */
  readonly timeDeltas: readonly number[];
}

const ROWS_MAX = 40;
const root = new URL("../", import.meta.url).href;

/** The functions in which each profiled thread itself spent most time, idle time left out. */
export function renderProfiles(directory: string): string {
  if (!existsSync(directory)) return "No server was profiled";
  return globSync("*.cpuprofile", { cwd: directory })
    .map((file) => `\n${file}\n${renderProfile(readFileSync(`${directory}/${file}`, "utf8"))}`)
    .join("");
}

function renderProfile(text: string): string {
  const profile = JSON.parse(text) as CpuProfile;
  const selfMs = new Map<string, number>();
  const labels = new Map(profile.nodes.map(({ id, callFrame }) => [id, labelOf(callFrame)]));
  for (const [index, id] of profile.samples.entries()) {
    const label = labels.get(id) ?? "";
    if (label.startsWith("(idle)") || label.startsWith("(program)")) continue;
    selfMs.set(label, (selfMs.get(label) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1000);
  }
  const totalMs = selfMs.values().reduce((sum, value) => sum + value, 0);
  const rows = [...selfMs]
    .sort(([, left], [, right]) => right - left)
    .slice(0, ROWS_MAX)
    .map(([label, ms]) => [ms.toFixed(1), ((ms / totalMs) * 100).toFixed(1), label]);
  return renderTable(["self ms", "%", "function"], rows);
}

function labelOf(frame: CpuProfile["nodes"][number]["callFrame"]): string {
  const place = frame.url.startsWith(root) ? frame.url.slice(root.length) : frame.url;
  const name = frame.functionName || "(anonymous)";
  return place === "" ? name : `${name} ${place}:${frame.lineNumber + 1}`;
}
