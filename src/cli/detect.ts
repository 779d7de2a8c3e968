import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { familyOf, isRuntimeName, type RuntimeFamily, type RuntimeName } from "../model/mod.ts";
import { CommandError } from "./command.ts";
import { readSourceText, type SourceTree } from "./source-tree.ts";

export interface DetectedFunction {
  readonly runtime: RuntimeName;
  readonly handler: string;
}

/** What the user already said. */
export interface Wishes {
  readonly runtime?: RuntimeName | undefined;
  readonly handler?: string | undefined;
}

const NODE_RUNTIME: RuntimeName = "nodejs24.x";
const PYTHON_RUNTIME: RuntimeName = "python3.11";
const CUSTOM_RUNTIME: RuntimeName = "provided.al2023";

const NODE_FILE = /\.[mc]?[jt]s$/;
const NODE_ENTRIES = ["index", "src/index", "handler", "main", "app"].flatMap((stem) =>
  ["js", "mjs", "cjs", "ts", "mts", "cts"].map((ending) => `${stem}.${ending}`),
);
const PYTHON_ENTRIES = ["lambda_function.py", "main.py", "app.py", "handler.py", "index.py"];

/**
 * Finds out how a source tree is run: a `bootstrap` program, package.json's `main`, one of the
 * usual file names, or the only file there is.
 * @throws CommandError that says what was looked for
 */
export async function detectFunction(tree: SourceTree, wishes: Wishes): Promise<DetectedFunction> {
  const family = wishes.runtime === undefined ? undefined : familyOf(wishes.runtime);
  const entry = await entryOf(tree, family, wishes.handler);
  if (entry === undefined) throw nothingFound(family);
  const runtime = wishes.runtime ?? (await runtimeOf(entry));
  const handler = wishes.handler ?? (await handlerIn(tree, entry));
  return { runtime, handler };
}

/** The Runtime that --runtime names. @throws CommandError for one that Hearth does not know */
export function runtimeNamed(text: string | undefined): RuntimeName | undefined {
  if (text === undefined || isRuntimeName(text)) return text;
  throw new CommandError(`There is no runtime ${text}`, "`hearth runtime ls` lists them.");
}

async function entryOf(
  tree: SourceTree,
  family: RuntimeFamily | undefined,
  handler: string | undefined,
): Promise<string | undefined> {
  const paths = new Set(tree.files.map((file) => file.path));
  const isWanted = (path: string): boolean => family === undefined || familyOfFile(path) === family;
  const candidates = [
    ...(handler === undefined ? [] : filesOfHandler(handler)),
    "bootstrap",
    ...(await mainOf(tree)),
    ...NODE_ENTRIES,
    ...PYTHON_ENTRIES,
    ...onlyFiles(tree),
  ];
  return candidates.find((path) => paths.has(path) && isWanted(path));
}

/** `src/app.handler` may stand in any file that can be `src/app`. */
function filesOfHandler(handler: string): string[] {
  const module = handler.replace(/\.[^./]+$/, "");
  const endings = ["js", "mjs", "cjs", "ts", "mts", "cts", "py"];
  return [...endings.map((ending) => `${module}.${ending}`), `${module.replaceAll(".", "/")}.py`];
}

async function mainOf(tree: SourceTree): Promise<string[]> {
  const text = await readSourceText(tree, "package.json");
  if (text === undefined) return [];
  try {
    const { main } = JSON.parse(text) as { main?: unknown };
    if (typeof main !== "string") return [];
    const path = main.replace(/^\.\//, "");
    return [path, `${path}.js`, `${path.replace(/\/$/, "")}/index.js`];
  } catch (error) {
    throw new CommandError("package.json is not JSON", undefined, { cause: error });
  }
}

/** The single source file at the top, when there is exactly one. */
function onlyFiles(tree: SourceTree): string[] {
  const sources = tree.files
    .map((file) => file.path)
    .filter((path) => !path.includes("/") && familyOfFile(path) !== undefined)
    .filter((path) => !/\.(test|spec|config|d)\.\w+$/.test(path));
  return sources.length === 1 ? sources : [];
}

function familyOfFile(path: string): RuntimeFamily | undefined {
  if (path === "bootstrap") return "provided";
  if (path.endsWith(".py")) return "python";
  return NODE_FILE.test(path) ? "node" : undefined;
}

async function runtimeOf(entry: string): Promise<RuntimeName> {
  const family = familyOfFile(entry);
  if (family === "provided") return CUSTOM_RUNTIME;
  return family === "python" ? await pythonRuntime() : NODE_RUNTIME;
}

/** Python functions run on the system's Python: its version is the runtime's name. */
async function pythonRuntime(): Promise<RuntimeName> {
  const print = "import sys; print('python%d.%d' % sys.version_info[:2])";
  try {
    const { stdout } = await promisify(execFile)("/usr/bin/python3", ["-c", print]);
    const name = stdout.trim();
    return isRuntimeName(name) ? name : PYTHON_RUNTIME;
  } catch {
    return PYTHON_RUNTIME; // the server may be on another machine, which has one
  }
}

async function handlerIn(tree: SourceTree, entry: string): Promise<string> {
  if (entry === "bootstrap") return "bootstrap";
  const text = (await readSourceText(tree, entry)) ?? "";
  const isPython = entry.endsWith(".py");
  const module = isPython ? entry.slice(0, -3).replaceAll("/", ".") : entry.replace(NODE_FILE, "");
  const name = isPython ? pythonHandler(text) : nodeHandler(text);
  if (name !== undefined) return `${module}.${name}`;
  throw new CommandError(
    `${entry} exports no handler`,
    isPython
      ? "Define lambda_handler(event, context), or name the function: --handler FILE.FUNCTION"
      : "Export a function named handler, or name it: --handler FILE.EXPORT",
  );
}

/** A static look, good enough for what people write; --handler covers the rest. */
export function nodeHandler(text: string): string | undefined {
  const names = new Set<string>();
  const declared = /(?:^|;)\s*export\s+(?:async\s+)?(?:const|let|var|function\*?)\s+(\w+)/gm;
  const assigned = /\b(?:module\.)?exports\.(\w+)\s*=/g;
  for (const [, name = ""] of text.matchAll(declared)) names.add(name);
  for (const [, name = ""] of text.matchAll(assigned)) names.add(name);
  for (const [, list = ""] of text.matchAll(/(?:^|;)\s*export\s*\{([^}]*)\}/gm)) {
    for (const item of list.split(","))
      names.add(
        item
          .trim()
          .split(/\s+as\s+/)
          .at(-1) ?? "",
      );
  }
  for (const [, list = ""] of text.matchAll(/\bmodule\.exports\s*=\s*\{([^}]*)\}/g)) {
    for (const item of list.split(",")) names.add(/\w+/.exec(item)?.[0] ?? "");
  }
  names.delete("");
  if (names.has("handler")) return "handler";
  if (/(?:^|;)\s*export\s+default\b/m.test(text)) return "default";
  return names.size === 1 ? [...names][0] : undefined;
}

/** `lambda_handler` or `handler`, else the only function at the top level. */
export function pythonHandler(text: string): string | undefined {
  const pattern = /^(?:def\s+(\w+)\s*\(|(\w*handler)\s*=)/gm;
  const names = Array.from(text.matchAll(pattern), ([, def, variable]) => def ?? variable ?? "");
  const known = ["lambda_handler", "handler"].find((name) => names.includes(name));
  return known ?? (names.length === 1 ? names[0] : undefined);
}

function nothingFound(family: RuntimeFamily | undefined): CommandError {
  const looked = [
    family === "python" ? "" : "package.json's main, index.js (.mjs .cjs .ts .mts .cts)",
    family === "node" ? "" : PYTHON_ENTRIES.slice(0, 3).join(", "),
    "an executable named bootstrap",
  ];
  return new CommandError(
    `Found nothing to run; looked for ${looked.filter((text) => text !== "").join(", ")}`,
    "Say what to run: --runtime nodejs24.x --handler FILE.EXPORT",
  );
}
