import type { Write } from "../engine/mod.ts";
import type { FunctionVersion, Owner } from "../model/mod.ts";
import { CODE_USES, codeKey, codeUseKey, layerUseKey } from "./record.ts";

/** A package that somebody uses. */
interface UsedPackage {
  readonly owner: Owner;
  readonly sha256: string;
}

/**
 * The writes by which the packages that `before` used, code and layers, become those that `after`
 * uses. A key is written once: replacing a package by itself must not end with its deletion.
 */
export function codeUseChanges(
  before: readonly FunctionVersion[],
  after: readonly FunctionVersion[],
  dropOf: (owner: Owner, sha256: string) => Write,
): Write[] {
  const had = usesOf(before);
  const has = usesOf(after);
  const ended = [...had].filter(([key]) => !has.has(key));
  const begun = [...has.keys()].filter((key) => !had.has(key));
  const dropped = new Map(ended.map(([, used]) => [codeKey(used.owner, used.sha256), used]));
  return [
    ...ended.map(([key]) => ({ table: CODE_USES, key, delete: true }) as const),
    ...begun.map((key) => ({ table: CODE_USES, key, value: {} })),
    ...Array.from(dropped.values(), ({ owner, sha256 }) => dropOf(owner, sha256)),
  ];
}

function usesOf(versions: readonly FunctionVersion[]): Map<string, UsedPackage> {
  const uses = new Map<string, UsedPackage>();
  for (const version of versions) {
    uses.set(codeUseKey(version), { owner: version.owner, sha256: version.code.sha256 });
    for (const layer of version.configuration.layers) uses.set(layerUseKey(layer, version), layer);
  }
  return uses;
}
