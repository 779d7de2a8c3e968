import { parseArgs } from "node:util";
import { messageOf } from "../base/mod.ts";
import { type Command, CommandError, type Flags, type FlagValues, UsageError } from "./command.ts";
import { type CommandEntry, findCommand, suggestionsFor } from "./command-table.ts";
import { COMMON_FLAGS, helpOf, overview } from "./help.ts";
import { Output, type TextStream } from "./output.ts";

export interface CommandLineHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
}

/** Runs one command line from its words to its exit code; every error becomes a message here. */
export async function runCommandLine(
  words: readonly string[],
  host: CommandLineHost,
): Promise<number> {
  const colours = !host.environment.NO_COLOR && host.environment.TERM !== "dumb";
  const json = words.includes("--json");
  const output = new Output({ stdout: host.stdout, stderr: host.stderr, json, colours });
  const [first] = words;
  if (first === undefined || first === "--help" || first === "-h") {
    output.write(overview());
    return first === undefined ? 2 : 0;
  }
  if (first === "--version") return await printVersion(output);
  const found = findCommand(first === "help" ? words.slice(1) : words);
  if (first === "help") return await printHelp(words.slice(1), found?.entry, output);
  if (!found) return unknownCommand(words, output);
  return await runCommand(found.entry, found.rest, host, output);
}

async function runCommand(
  entry: CommandEntry,
  words: readonly string[],
  host: CommandLineHost,
  output: Output,
): Promise<number> {
  try {
    const command = await entry.load();
    const { flags, positionals } = parse(entry.name, command, words);
    if (flags.help === true) return await printHelp([entry.name], entry, output);
    return await command.run({ flags, positionals, environment: host.environment, output });
  } catch (error) {
    return reportError(entry.name, error, output);
  }
}

function parse(
  name: string,
  command: Command,
  words: readonly string[],
): { flags: FlagValues; positionals: readonly string[] } {
  const { values, positionals } = parseWords(command, words);
  const [least, most] = command.positionals;
  if (values.help === true) return { flags: values, positionals };
  if (positionals.length < least || positionals.length > most) {
    throw new UsageError(`Wrong number of arguments, expected: hearth ${name} ${command.usage}`);
  }
  return { flags: values, positionals };
}

function parseWords(
  command: Command,
  words: readonly string[],
): { values: FlagValues; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: completed(words, command.flags),
      options: { ...command.flags, ...COMMON_FLAGS },
      allowPositionals: true,
    });
    return { values: values as FlagValues, positionals };
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}

/** Words in which flags that may stand alone have their value. */
function completed(words: readonly string[], flags: Flags): string[] {
  const end = words.indexOf("--");
  return words.map((word, index) => {
    const isFlag = word.startsWith("--") && (end < 0 || index < end);
    const alone = isFlag ? flags[word.slice(2)]?.alone : undefined;
    return alone === undefined ? word : `${word}=${alone}`;
  });
}

function unknownCommand(words: readonly string[], output: Output): number {
  const typed = words.slice(0, 2).filter((word) => !word.startsWith("-"));
  const names = new Set([...suggestionsFor(typed.join(" ")), ...suggestionsFor(typed[0] ?? "")]);
  output.error(`There is no command \`hearth ${typed.join(" ")}\``);
  if (names.size > 0) output.say(`Did you mean ${[...names].map((n) => `\`${n}\``).join(" or ")}?`);
  output.say("`hearth help` lists all commands.");
  return 2;
}

function reportError(name: string, error: unknown, output: Output): number {
  output.error(messageOf(error));
  if (error instanceof UsageError) {
    output.say(`See \`hearth ${name} --help\`.`);
    return 2;
  }
  if (error instanceof CommandError && error.advice !== undefined) output.say(error.advice);
  else if (error instanceof Error && !(error instanceof CommandError)) explain(error, output);
  return 1;
}

/** Errors nobody foresaw keep their trace for whoever reports them. */
function explain(error: Error, output: Output): void {
  const detail: unknown = "detail" in error ? error.detail : undefined;
  if (typeof detail === "object" && detail !== null && "remedy" in detail) {
    output.say(String(detail.remedy));
  } else if (detail === undefined && error.stack !== undefined) {
    output.say(output.paint("dim", error.stack));
  }
}

async function printHelp(
  words: readonly string[],
  entry: CommandEntry | undefined,
  output: Output,
): Promise<number> {
  if (words.length > 0 && entry === undefined) return unknownCommand(words, output);
  if (entry === undefined) output.write(overview());
  else output.write(helpOf(entry.name, entry.summary, await entry.load()));
  return 0;
}

async function printVersion(output: Output): Promise<number> {
  const { packageVersion } = await import("./installation.ts");
  output.write(`${await packageVersion()}\n`);
  return 0;
}
