import type { TableStore, Write } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import { allDocumentsOf } from "./listing.ts";
import { ATTACHED_TABLES, QUALIFIED_TABLES, qualifierKey } from "./record.ts";
import { urlIdDeletions } from "./url-record.ts";

/** The writes that delete everything attached to a function. */
export async function attachedDeletions(
  store: TableStore,
  owner: Owner,
  name: string,
): Promise<Write[]> {
  const found = ATTACHED_TABLES.map(async (table) => {
    const documents = await allDocumentsOf(store, table, owner, name);
    return documents.map(({ key }): Write => ({ table, key, delete: true }));
  });
  return (await Promise.all([...found, urlIdDeletions(store, owner, name)])).flat();
}

/** The writes that delete what is attached to one version or alias. */
export function qualifierDeletions(owner: Owner, name: string, qualifier: string): Write[] {
  const key = qualifierKey(owner, name, qualifier);
  return QUALIFIED_TABLES.map((table) => ({ table, key, delete: true }));
}
