import { dirname, normalize } from "node:path/posix";
import { conclude, readSourceFiles, type SourceFiles } from "./project.ts";

/** The rooms of src/ from the ground up: each may import only those before it (ARCHITECTURE.md). */
export const ROOMS: readonly string[] = [
  "base",
  "model",
  "engine",
  "code",
  "registry",
  "monitoring",
  "sandbox",
  "host",
  "fleet",
  "invoke",
  "event",
  "durable",
  "api",
  "app",
  "cli",
];

/** Implementations behind an interface: named by the composition and by tests alone. */
const DRIVERS: readonly string[] = [
  "src/sandbox/process/",
  "src/sandbox/none/",
  "src/engine/sqlite/",
  "src/engine/disk/",
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const STATEMENT =
  /^\s*(?:import|export)\b(?<clause>[^"';]*?)\bfrom\s+"(?<target>[^"]+)"|^\s*import\s+"(?<effect>[^"]+)"|\bimport\("(?<lazy>[^"]+)"\)/gm;

/** Every import of another file of the project, resolved to a path below the root. */
export function importsOf(path: string, text: string): Import[] {
  const imports: Import[] = [];
  for (const { groups = {} } of text.matchAll(STATEMENT)) {
    const target = groups.target ?? groups.effect ?? groups.lazy ?? "";
    if (!target.startsWith(".")) continue;
    imports.push({
      from: path,
      to: normalize(`${dirname(path)}/${target}`),
      typeOnly: /^\s+type\b/.test(groups.clause ?? ""),
    });
  }
  return imports;
}

/** Breaches of the room order, one line each. */
export function findBreaches(files: SourceFiles): string[] {
  const breaches: string[] = [];
  const imports = [...files]
    .filter(([path]) => /\.[mc]?[tj]s$/.test(path))
    .flatMap(([path, text]) => importsOf(path, text));
  for (const each of imports) {
    const problem = problemOf(each);
    if (problem !== undefined) breaches.push(`${each.from}: imports ${each.to}: ${problem}`);
  }
  breaches.push(...cyclesOf(imports).map((cycle) => `cycle of imports: ${cycle.join(" -> ")}`));
  return breaches;
}

function problemOf({ from, to }: Import): string | undefined {
  if (isTest(from)) return undefined;
  if (from.startsWith("guest/") && !to.startsWith("guest/")) return "guest stands alone";
  const room = roomOf(from);
  if (room === undefined) return undefined;
  const target = roomOf(to);
  if (target === undefined) return "src imports nothing outside src";
  const driver = DRIVERS.find((folder) => to.startsWith(folder));
  if (driver !== undefined && !from.startsWith(driver)) {
    return room === "app" ? undefined : "a driver is named only in app/ and in tests";
  }
  if (target === room) return undefined;
  if (!ROOMS.includes(room)) return `room ${room} has no place in the order`;
  if (ROOMS.indexOf(target) > ROOMS.indexOf(room)) return `${target} stands above ${room}`;
  if (to !== `src/${target}/mod.ts`) return `only through src/${target}/mod.ts`;
  return undefined;
}

function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function isTest(path: string): boolean {
  return (
    /(\.test|\/testsuite(-\w+)*|\/testing)\.ts$/.test(path) || /^(test|bench|tools)\//.test(path)
  );
}

/** Files of src/ that need each other to load; imports of types alone load nothing. */
function cyclesOf(imports: readonly Import[]): string[][] {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) {
    if (typeOnly || !from.startsWith("src/")) continue;
    edges.set(from, [...(edges.get(from) ?? []), to]);
  }
  const cycles: string[][] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path]);
    if (finished.has(path) || trail.includes(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return cycles;
}

if (import.meta.main) {
  const files = readSourceFiles();
  conclude("imports", findBreaches(files), `${ROOMS.length} rooms in order`);
}
