import type { Command, Flag, Flags } from "./command.ts";
import { COMMANDS } from "./command-table.ts";

/** Flags that every command takes. */
export const COMMON_FLAGS: Flags = {
  json: { type: "boolean", help: "Print the result as JSON" },
  help: { type: "boolean", short: "h", help: "Show this help" },
};

/** `hearth help` */
export function overview(): string {
  const width = Math.max(...COMMANDS.map((entry) => entry.name.length));
  const lines = COMMANDS.map((entry) => `  ${entry.name.padEnd(width)}  ${entry.summary}`);
  return [
    "Hearth runs code on demand on your own machines, behind the AWS Lambda API.",
    "",
    "Usage: hearth COMMAND [ARGUMENTS]",
    "",
    ...lines,
    "",
    "`hearth COMMAND --help` says more. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    "",
  ].join("\n");
}

/** `hearth NAME --help` */
export function helpOf(name: string, summary: string, command: Command): string {
  const flags = Object.entries({ ...command.flags, ...COMMON_FLAGS });
  const heads = flags.map(([flagName, flag]) => headOf(flagName, flag));
  const width = Math.max(...heads.map((head) => head.length));
  const lines = flags.map(([, flag], index) => `  ${heads[index]?.padEnd(width)}  ${flag.help}`);
  const details = command.details === undefined ? [] : ["", command.details.replace(/^\n/, "")];
  const usage = `Usage: hearth ${name} ${command.usage}`.trimEnd();
  return [`${summary}.`, "", usage, "", ...lines, ...details, ""].join("\n");
}

function headOf(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  if (flag.alone !== undefined) return `${short}--${name}[=${flag.value}]`;
  return `${short}--${name}${flag.value === undefined ? "" : ` ${flag.value}`}`;
}
