import type { TableStore, Write } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import { allDocumentsOf } from "./listing.ts";
import { ATTACHED_TABLES } from "./record.ts";

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
  return (await Promise.all(found)).flat();
}
