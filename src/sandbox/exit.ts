import { constants } from "node:os";

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);

/** "SIGKILL" for 9; undefined for a number that is no signal. */
export function signalName(number: number): string | undefined {
  return NAMES.get(number);
}
