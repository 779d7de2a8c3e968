import { type PackageProblem, PlatformError } from "../base/mod.ts";

/**
 * An error of kind "invalid_package". `entry` is the name as the archive has it, written by a
 * stranger: the message shows it quoted, with control characters escaped, and cut.
 */
export function invalidPackage(
  problem: PackageProblem,
  message: string,
  { entry, cause }: { readonly entry?: string | undefined; readonly cause?: unknown } = {},
): PlatformError {
  if (entry === undefined) {
    return new PlatformError({ kind: "invalid_package", problem }, message, { cause });
  }
  const shown = JSON.stringify(entry.slice(0, 200));
  const detail = { kind: "invalid_package", problem, entry } as const;
  return new PlatformError(detail, `${message}: ${shown}`, { cause });
}
