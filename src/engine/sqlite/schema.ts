import { PlatformError } from "../../base/mod.ts";
import type { Database } from "./database.ts";

/**
 * Every change of the schema, in order; `PRAGMA user_version` counts those a file has had. Entries
 * are only ever appended: files made by each earlier version exist.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE document (
     table_name TEXT NOT NULL,
     key TEXT NOT NULL,
     revision INTEGER NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (table_name, key)
   ) STRICT, WITHOUT ROWID;
   -- The last revision given out. Not derivable: the document that had it may be deleted.
   CREATE TABLE store (revision INTEGER NOT NULL) STRICT;
   INSERT INTO store VALUES (0);`,
];

/**
 * Brings a file to the newest schema, each step in a transaction of its own.
 * @throws PlatformError kind "unsupported" when a newer Hearth wrote the file
 */
export function migrate(database: Database): void {
  const version = Number(database.prepare("PRAGMA user_version").get()?.user_version);
  if (version > MIGRATIONS.length) {
    throw new PlatformError(
      {
        kind: "unsupported",
        feature: `table store schema ${version}`,
        remedy: "Start the newer version of Hearth that wrote this data directory",
      },
      `Table store has schema ${version}, newest known is ${MIGRATIONS.length}`,
    );
  }
  for (const [index, sql] of MIGRATIONS.slice(version).entries()) {
    database.transaction(() => {
      database.execute(sql);
      database.execute(`PRAGMA user_version = ${version + index + 1}`);
    });
  }
}
