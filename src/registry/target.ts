import { PlatformError } from "../base/mod.ts";
import { functionNotFound, isVersionNumber, LATEST } from "./function.core.ts";
import { ALIASES, type AliasRecord, aliasKey, type FunctionRecord } from "./record.ts";
import type { FunctionStore } from "./store.ts";

/** What a qualifier names: a version or an alias. */
export interface Target {
  readonly arn: string;
  readonly revisionId: string;
}

/**
 * The version or alias that a qualifier of an existing function names; without one the function.
 * @throws PlatformError kind "not_found"
 */
export async function requireTarget(
  store: FunctionStore,
  { latest }: FunctionRecord,
  qualifier: string | undefined,
): Promise<Target> {
  if (qualifier === undefined || qualifier === LATEST) return latest;
  const { owner, name } = latest;
  const arn = store.arn(owner, name, qualifier);
  if (isVersionNumber(qualifier)) {
    const version = await store.findVersion(owner, name, qualifier);
    if (version) return version;
    throw functionNotFound(arn);
  }
  const alias = await store.table.get<AliasRecord>(ALIASES, aliasKey(owner, name, qualifier));
  if (alias) return alias.value;
  throw new PlatformError(
    { kind: "not_found", resource: "alias", id: arn },
    `Cannot find alias arn: ${arn}`,
  );
}
