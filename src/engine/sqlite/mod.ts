/** engine/sqlite: durable documents in one SQLite file. Imported by app/ and tests only. */
export * from "./sqlite-table-store.ts";
