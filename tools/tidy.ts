import { conclude, readSourceFiles, type SourceFiles } from "./project.ts";

/**
 * The rules of CONTRIBUTING.md that no linter knows: sizes, names, and the calls that would let
 * time and chance into the code by the back door. A rule that makes one place harder to read is
 * lifted there with a comment `tidy-allow: RULE, reason` on the line before.
 */
const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 100;

interface LineRule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly advice: string;
  /** Whether the rule holds in this file. */
  holdsIn(path: string): boolean;
}

const isCode = (path: string): boolean => /\.([mc]?[tj]s|py|sh)$|^hearth$|\/run$/.test(path);
const isTypeScript = (path: string): boolean => path.endsWith(".ts");
const isTest = (path: string): boolean => /(\.test|\/testsuite(-\w+)*|\/testing)\.ts$/.test(path);
const isDomain = (path: string): boolean =>
  /^src\/(?!base\/|cli\/)/.test(path) && isTypeScript(path) && !isTest(path);

const RULES: readonly LineRule[] = [
  {
    name: "time-and-chance",
    pattern:
      /\b(Date\.now|performance\.now|setTimeout|setInterval|Math\.random|randomUUID)\b|\bnew Date\(\)/,
    advice: "take a Clock, Random or SecureRandom as an argument",
    holdsIn: isDomain,
  },
  {
    name: "console",
    pattern: /\bconsole\.\w+\(/,
    advice: "take a Log as an argument",
    holdsIn: (path) => /^src\//.test(path) && isTypeScript(path) && !isTest(path),
  },
  {
    name: "default-export",
    pattern: /^export default\b/,
    advice: "export by name",
    holdsIn: (path) => isTypeScript(path) && !path.startsWith("demo/"),
  },
  {
    name: "open-end",
    pattern: /\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))/,
    advice: "do it, or name its issue: TODO(#12)",
    holdsIn: (path) => isCode(path) && path !== "tools/tidy.ts" && path !== "tools/tidy.test.ts",
  },
  {
    name: "shell-string",
    pattern: /(?<![.\w])exec(Sync)?\(\s*[`"']|shell: true/,
    advice: "spawn a program with an argument array",
    holdsIn: (path) => isTypeScript(path) && !path.startsWith("tools/tidy"),
  },
  {
    name: "workplace",
    pattern: /\bregistry\.npmjs\b|(?<![\w.])\/(?:work|home\/\w+|root|Users\/\w+)\/(?!\.{3})/,
    advice: "name no machine and no registry host",
    holdsIn: (path) => !path.startsWith("tools/tidy"),
  },
];

/** Every breach as `path:line: what (advice)`, in path order. */
export function findBreaches(files: SourceFiles): string[] {
  const breaches: string[] = [];
  for (const [path, text] of files) {
    const lines = text.split("\n");
    breaches.push(...fileBreaches(path, lines), ...lineBreaches(path, lines));
  }
  return breaches;
}

function fileBreaches(path: string, lines: readonly string[]): string[] {
  const breaches: string[] = [];
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (isTypeScript(path) && !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*\.ts$/.test(name)) {
    breaches.push(`${path}: file name is not kebab-case`);
  }
  if (!isCode(path)) return breaches;
  const count = lines.length - 1;
  if (count > FILE_LINES_MAX) {
    breaches.push(`${path}: ${count} lines, at most ${FILE_LINES_MAX} (split by subject)`);
  }
  // A conformance suite is one function that lists tests.
  if (!isTypeScript(path) || /\/testsuite/.test(path)) return breaches;
  for (const { line, length } of functionsOf(lines)) {
    if (length <= FUNCTION_LINES_MAX || isAllowed(lines, line, "function-length")) continue;
    breaches.push(
      `${path}:${line + 1}: function of ${length} lines, at most ${FUNCTION_LINES_MAX}`,
    );
  }
  return breaches;
}

function lineBreaches(path: string, lines: readonly string[]): string[] {
  const breaches: string[] = [];
  const rules = RULES.filter((rule) => rule.holdsIn(path));
  for (const [index, line] of lines.entries()) {
    const comment = (isTypeScript(path) ? /^\s*(\/\/|\*|\/\*)/ : /^\s*#/).test(line);
    if (isCode(path) && line.length > LINE_COLUMNS_MAX && !isUnbreakable(line, comment)) {
      breaches.push(`${path}:${index + 1}: ${line.length} columns`);
    }
    for (const rule of rules) {
      if (!rule.pattern.test(line) || isAllowed(lines, index, rule.name)) continue;
      if (comment && rule.name !== "open-end" && rule.name !== "workplace") continue;
      breaches.push(`${path}:${index + 1}: ${rule.name} (${rule.advice})`);
    }
  }
  return breaches;
}

/** The formatter leaves long literals alone, and an address cannot be broken. */
function isUnbreakable(line: string, comment: boolean): boolean {
  return /https?:\/\//.test(line) || (!comment && /["'`/]/.test(line));
}

function isAllowed(lines: readonly string[], index: number, rule: string): boolean {
  return lines[index - 1]?.includes(`tidy-allow: ${rule}, `) ?? false;
}

const NOT_A_FUNCTION = /^(if|for|while|switch|else|try|catch|do|class|interface|export class)\b/;
const FUNCTION_HEAD = /\bfunction\b|=> \{$|^[\w#*\s.[\]]+\(.*\).*\{$|^\).*\{$/;

/**
 * Functions by their indentation, which the formatter guarantees: a head ends in `{`, its end is
 * the next line that closes a brace at the same depth.
 */
function functionsOf(lines: readonly string[]): { line: number; length: number }[] {
  const found: { line: number; length: number }[] = [];
  const open: { line: number; indent: number }[] = [];
  for (const [index, line] of lines.entries()) {
    const code = line.trimStart();
    const indent = line.length - code.length;
    if (code.startsWith("}")) {
      const last = open.findLastIndex((head) => head.indent === indent);
      const head = last >= 0 ? open.splice(last)[0] : undefined;
      if (head) found.push({ line: head.line, length: index - head.line + 1 });
    }
    if (code.endsWith("{") && FUNCTION_HEAD.test(code) && !NOT_A_FUNCTION.test(code)) {
      open.push({ line: index, indent });
    }
  }
  return found;
}

if (import.meta.main) {
  const files = readSourceFiles();
  conclude("tidy", findBreaches(files), `${files.size} files`);
}
