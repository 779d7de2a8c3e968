import type { DemoFailure, DemoPhase, DemoReport } from "./demo.ts";
import type { Output } from "./output.ts";

const PHASE_TITLES: Readonly<Record<DemoPhase["name"], string>> = {
  first: "first call",
  warm: "one by one",
  parallel: "all at once",
};

/** The table that ends the demo. */
export function reportText(report: DemoReport, output: Output): string {
  const rows = report.functions.flatMap(({ name, runtime, phases }) =>
    phases.map((phase, index) => [
      index === 0 ? name : "",
      index === 0 ? runtime : "",
      PHASE_TITLES[phase.name],
      `${phase.right}/${phase.calls}`,
      startsText(phase.starts),
      phase.p50Ms.toFixed(1),
      phase.p99Ms.toFixed(1),
    ]),
  );
  const header = ["FUNCTION", "RUNTIME", "CALLS", "RIGHT", "START", "P50 MS", "P99 MS"];
  const seconds = (report.durationMs / 1000).toFixed(1);
  const errors = new Set(
    report.functions.flatMap(({ name, phases }) =>
      phases.flatMap((phase) => phase.errors.map((error) => `${name} was refused: ${error}`)),
    ),
  );
  return [
    "",
    output.table(header, rows),
    ...errors,
    failureText("A failing call", report.failing),
    failureText("A slow call", report.timingOut),
    `Isolation in force: ${output.paint("bold", report.isolation)}`,
    report.ok
      ? output.paint("green", `All answers were right, in ${seconds} s.`)
      : output.paint("red", "Some answers were wrong; see the table."),
    "",
  ].join("\n");
}

function startsText(starts: Readonly<Record<string, number>>): string {
  return Object.entries(starts)
    .sort(([, a], [, b]) => b - a)
    .map(([start, count]) => `${count} ${start}`)
    .join(", ");
}

function failureText(
  title: string,
  { errorType, errorMessage, right, wanted }: DemoFailure,
): string {
  const verdict = right ? "as it should" : `but wanted ${wanted}`;
  return `${title} answered ${errorType}: ${errorMessage} (${verdict})`;
}
