import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the checkout, with a slash at the end. */
export const root: string = fileURLToPath(new URL("../", import.meta.url));

/** Path below the root -> text. */
export type SourceFiles = ReadonlyMap<string, string>;

const FOLDERS = ["src", "guest", "test", "tools", "bench", "demo", "docs", "console"];
const EXTENSIONS = "ts,mts,cts,js,mjs,cjs,py,sh,json,md";

/** Every text file that people of this project write, wherever it lies, in path order. */
export function readSourceFiles(): SourceFiles {
  const patterns = [
    `{${FOLDERS.join(",")}}/**/*.{${EXTENSIONS}}`,
    "*.{md,json}",
    "{hearth,.ci/run,demo/*/bootstrap}",
  ];
  const paths = globSync(patterns, { cwd: root, exclude: isForeign });
  return new Map(
    paths.sort().map((path): [string, string] => [path, readFileSync(`${root}${path}`, "utf8")]),
  );
}

function isForeign(path: string): boolean {
  return /(^|\/)(node_modules|results|coverage)$|package-lock\.json$/.test(path);
}

/** Ends a tool: prints what it found and sets the exit code. */
export function conclude(tool: string, problems: readonly string[], checked: string): void {
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    console.error(`${tool}: ${problems.length} problems`);
    process.exitCode = 1;
  } else {
    console.error(`${tool}: ${checked}, nothing to mend`);
  }
}
