import type { Output } from "./output.ts";

/** One flag of a command, as `parseArgs` reads it and `--help` shows it. */
export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help text: `PORT`, `DIR`. Only for strings. */
  readonly value?: string;
  /** What the flag says without a value; then a value comes behind `=` only. */
  readonly alone?: string;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** Values of the flags that were given. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** What a command is given to work with. */
export interface CommandInput {
  readonly flags: FlagValues;
  readonly positionals: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
}

/**
 * One command. `run` resolves with the exit code: 0 done, 1 it could not be done. A wrong call
 * (unknown flag, missing argument) is a UsageError, exit code 2.
 */
export interface Command {
  /** Arguments after the name, as shown in the usage line: `NAME [--tail]`. */
  readonly usage: string;
  readonly flags: Flags;
  /** Least and most positional arguments. */
  readonly positionals: readonly [least: number, most: number];
  /** Closes the help text: examples and what the summary does not say. */
  readonly details?: string;
  run(input: CommandInput): Promise<number>;
}

/** The command line itself is wrong; the message says what was expected. */
export class UsageError extends Error {}

/** Something the user can mend; `advice` is the next thing to type or set. */
export class CommandError extends Error {
  readonly advice: string | undefined;

  constructor(message: string, advice?: string, options?: ErrorOptions) {
    super(message, options);
    this.advice = advice;
  }
}

/** The flag's value when it was given as text. */
export function textFlag(flags: FlagValues, name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}

/** The flag's whole number within bounds. @throws UsageError when it is anything else */
export function integerFlag(
  flags: FlagValues,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const text = textFlag(flags, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, got ${text}`);
}

/** All values of a flag that may be repeated. */
export function listFlag(flags: FlagValues, name: string): readonly string[] {
  const value = flags[name];
  return Array.isArray(value) ? value : [];
}
