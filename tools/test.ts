import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { compose, type Readable } from "node:stream";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { root } from "./project.ts";

/**
 * Runs the project's tests: every `*.test.ts` in the folders below, files in parallel, each in a
 * process of its own. Ends with the runner's summary; fails when a test fails or none ran.
 *
 * Usage: node tools/test.ts [--full] [--name PATTERN] [FILE-PART...]
 */
const FOLDERS = "{src,guest,test,tools,bench,demo}";
/** A file that hangs fails after this; the longest takes under a minute on two cores. */
const FILE_MS_MAX = 5 * 60 * 1000;
const SLOWEST_SHOWN = 5;

interface RunnerEvent {
  readonly type: string;
  readonly data: {
    readonly file?: string;
    readonly message?: string;
    readonly nesting?: number;
    readonly duration_ms?: number;
    readonly counts?: { readonly tests: number; readonly failed: number };
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { full: { type: "boolean" }, name: { type: "string" } },
});
if (values.full) process.env.HEARTH_TEST_FULL = "1";

const files = filesMatching(positionals);
if (files.length === 0) {
  console.error(`No test file matches ${positionals.join(" ") || FOLDERS}`);
  process.exit(1);
}
const events = run({
  files,
  concurrency: Math.max(2, availableParallelism()),
  timeout: FILE_MS_MAX,
  ...(values.name === undefined ? {} : { testNamePatterns: values.name }),
});
const report = compose(events as unknown as Readable, withSlowestFiles, new spec());
report.pipe(process.stdout);

function filesMatching(parts: readonly string[]): string[] {
  return globSync(`${FOLDERS}/**/*.test.ts`, { cwd: root, exclude: ["**/node_modules"] })
    .filter((path) => parts.length === 0 || parts.some((part) => path.includes(part)))
    .sort()
    .map((path) => root + path);
}

/** Passes the events on, puts the slowest files above the summary and sets the exit code. */
async function* withSlowestFiles(source: AsyncIterable<RunnerEvent>): AsyncGenerator<RunnerEvent> {
  const durations: { path: string; ms: number }[] = [];
  let shown = false;
  for await (const event of source) {
    const { file, duration_ms: ms = 0, counts } = event.data;
    if (event.type === "test:summary") {
      if (file !== undefined) durations.push({ path: file.replace(root, ""), ms });
      else if (counts && (counts.failed > 0 || counts.tests === 0)) process.exitCode = 1;
    }
    if (!shown && event.type === "test:diagnostic" && /^tests \d/.test(event.data.message ?? "")) {
      shown = true;
      yield* slowest(durations);
    }
    yield event;
  }
}

function slowest(durations: readonly { path: string; ms: number }[]): RunnerEvent[] {
  return [...durations]
    .sort((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST_SHOWN)
    .map(({ path, ms }) => ({
      type: "test:diagnostic",
      data: { nesting: 0, message: `slowest ${path} ${(ms / 1000).toFixed(1)} s` },
    }));
}
