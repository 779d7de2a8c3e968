import type { Write } from "../engine/mod.ts";
import type { Alias, FunctionVersion, Owner } from "../model/mod.ts";
import { attachedDeletions } from "./attached.ts";
import type { CodeReferences } from "./code-references.ts";
import { codeUseChanges } from "./code-uses.core.ts";
import { allDocumentsOf } from "./listing.ts";
import { ALIASES, heldConcurrency, VERSIONS } from "./record.ts";
import type { Reservations } from "./reservations.ts";
import type { FunctionStore } from "./store.ts";

export interface RemovalParts {
  readonly store: FunctionStore;
  readonly code: CodeReferences;
  readonly reservations: Reservations;
}

/** What a removed function had. */
export interface Removed {
  readonly codeBytes: number;
  readonly reserved: number;
}

/**
 * Versions that one commit deletes. Commits are bounded (COMMIT_WRITES_MAX of engine), and a
 * version with five layers takes up to 13 writes.
 */
const VERSIONS_PER_COMMIT = 64;

/**
 * Deletes a function with all it has: the last versions and the function itself in one commit,
 * older ones before it when there are many.
 * @throws PlatformError kinds "not_found", "conflict"
 */
export async function removeFunction(
  parts: RemovalParts,
  owner: Owner,
  name: string,
): Promise<Removed> {
  let codeBytes = 0;
  while (true) {
    const freed = await removeOldestVersions(parts, owner, name);
    if (freed === undefined) break;
    codeBytes += freed;
  }
  const last = await removeRest(parts, owner, name);
  return { ...last, codeBytes: codeBytes + last.codeBytes };
}

/** Bytes of the packages that are gone; undefined when few enough versions are left. */
async function removeOldestVersions(
  { store, code }: RemovalParts,
  owner: Owner,
  name: string,
): Promise<number | undefined> {
  return await store.change<number | undefined>(owner, name, async (record) => {
    const versions = await allDocumentsOf<FunctionVersion>(store.table, VERSIONS, owner, name);
    if (versions.length <= VERSIONS_PER_COMMIT) return { result: undefined };
    const oldest = versions.slice(0, VERSIONS_PER_COMMIT);
    const gone = oldest.map(({ value }) => value);
    const freed = gone.reduce((sum, version) => sum + version.code.zipBytes, 0);
    return {
      record: { ...record, codeBytes: record.codeBytes - freed },
      writes: [
        ...oldest.map(({ key }) => ({ table: VERSIONS, key, delete: true }) as const),
        ...codeUseChanges(gone, [], (user, sha256) => code.dropOf(user, sha256)),
      ],
      result: freed,
    };
  });
}

async function removeRest(
  { store, code, reservations }: RemovalParts,
  owner: Owner,
  name: string,
): Promise<Removed> {
  const { table } = store;
  return await store.change<Removed>(owner, name, async (record) => {
    const versions = await allDocumentsOf<FunctionVersion>(table, VERSIONS, owner, name);
    const aliases = await allDocumentsOf<Alias>(table, ALIASES, owner, name);
    const all = [record.latest, ...versions.map(({ value }) => value)];
    const writes: Write[] = [
      ...(await attachedDeletions(table, owner, name)),
      ...versions.map(({ key }) => ({ table: VERSIONS, key, delete: true }) as const),
      ...aliases.map(({ key }) => ({ table: ALIASES, key, delete: true }) as const),
      ...codeUseChanges(all, [], (user, sha256) => code.dropOf(user, sha256)),
    ];
    const reserved = heldConcurrency(record);
    if (reserved > 0) writes.push(await reservations.writeOf(owner, -reserved));
    return { record: "deleted", writes, result: { codeBytes: record.codeBytes, reserved } };
  });
}
