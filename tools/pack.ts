import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname } from "node:path";
import { root } from "./project.ts";

/**
 * Makes what an installed package runs: Node strips no types below node_modules, so `npm pack`
 * finds src/ again as JavaScript in dist/, file by file and line by line. In a
 * checkout nothing uses it.
 *
 * Usage: node tools/pack.ts emit|clean
 */
const DIST = `${root}dist`;

/** A relative path to a .ts file where code names a module: imports, exports, worker URLs. */
const MODULE_NAME =
  /(?<before>\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)"(?<path>\.{1,2}\/[^"]+)\.ts"/g;

/** The JavaScript of one TypeScript file: types blanked out, `.ts` names turned into `.js`. */
export function javascriptOf(text: string): string {
  const stripped = stripTypeScriptTypes(text, { mode: "strip" });
  return stripped.replace(MODULE_NAME, '$<before>"$<path>.js"').replace(/[ \t]+$/gm, "");
}

/** Writes dist/: JavaScript for each source file, everything else of src/ as it is; no tests. */
export function emit(directory: string = DIST): number {
  rmSync(directory, { recursive: true, force: true });
  const paths = globSync("src/**/*.*", { cwd: root }).filter((path) => !isTestOnly(path));
  for (const path of paths) {
    const target = `${directory}/${path.slice("src/".length)}`;
    mkdirSync(dirname(target), { recursive: true });
    if (!path.endsWith(".ts")) cpSync(root + path, target);
    else {
      const text = javascriptOf(readFileSync(root + path, "utf8"));
      writeFileSync(target.replace(/\.ts$/, ".js"), text);
    }
  }
  return paths.length;
}

function isTestOnly(path: string): boolean {
  return /(\.test|\/testsuite(-\w+)*|\/testing)\.ts$|__pycache__/.test(path);
}

if (import.meta.main) {
  const [action] = process.argv.slice(2);
  if (action === "emit") console.error(`pack: ${emit()} files in dist/`);
  else if (action === "clean") rmSync(DIST, { recursive: true, force: true });
  else throw new Error(`Unknown action ${action}, wanted emit or clean`);
}
