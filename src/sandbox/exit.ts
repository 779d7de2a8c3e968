import { constants } from "node:os";

/** Second names of signals that have an own entry: a runtime's abort() is no SIGIOT to anybody. */
const ALIASES = new Set(["SIGIOT", "SIGPOLL"]);
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, number]) => [number, name]),
);

/** "SIGKILL" for 9; undefined for a number that is no signal. */
export function signalName(number: number): string | undefined {
  return NAMES.get(number);
}
