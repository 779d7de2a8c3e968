import { styleText } from "node:util";
import { renderTable } from "../src/cli/table.ts";
import { type Findings, formatNumber } from "./bench.ts";
import type { Machine } from "./machine.ts";
import type { Growth } from "./statistics.ts";

/** One run, as it is written to bench/results/ and printed with --json. */
export interface Report {
  readonly startedAt: string;
  readonly smoke: boolean;
  readonly machine: Machine;
  readonly sizes: object;
  /** How requests were made; the same for every subject but for the signature. */
  readonly client: string;
  readonly benches: readonly ({ readonly name: string; readonly title: string } & Findings)[];
}

/** One benchmark as text: figures, targets, growth, notes. */
export function renderFindings(title: string, findings: Findings, colours: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const columns = [...new Set(findings.rows.flatMap(({ figures }) => Object.keys(figures)))];
  const cells = findings.rows.map(({ subject, figures }) => [
    subject,
    ...columns.map((column) => formatNumber(figures[column] ?? Number.NaN)),
  ]);
  const lines = [
    ...findings.verdicts.map(({ target, measured, reached }) => {
      const verdict = reached ? paint("green", "reached") : paint("yellow", "missed");
      return `  target ${target}: ${measured}, ${verdict}`;
    }),
    ...findings.growths.map((growth) => paint("dim", `  growth ${growthLine(growth)}`)),
    ...findings.notes.map((note) => paint("dim", `  ${note}`)),
    ...findings.faults.map((fault) => paint("red", `  WRONG ${fault}`)),
  ];
  return `\n${paint("bold", title)}\n${renderTable(["", ...columns], cells)}${lines.map((line) => `${line}\n`).join("")}`;
}

function growthLine({ what, sizes, costs, exponent }: Growth): string {
  const [size, cost] = [sizes.join(" to "), costs.map(formatNumber).join(" to ")];
  return `${what}: ${size} costs ${cost}, exponent ${exponent.toFixed(2)}`;
}
