import { PlatformError } from "../../base/mod.ts";
import { Database, platformErrorOf, type Row, type Statement } from "./database.ts";
import {
  type CommitResult,
  failureOf,
  type Operations,
  type StoredDocument,
  type StoredWrite,
} from "./protocol.ts";
import { migrate } from "./schema.ts";

/** Any BLOB sorts after every TEXT, so an empty one is the end of all keys. */
const END_OF_KEYS = new Uint8Array(0);

/** The documents in one SQLite file; every method blocks. Lives in the worker. */
export class TableFile implements Disposable {
  readonly #database: Database;
  readonly #select: Statement;
  readonly #selectRange: Statement;
  readonly #selectDocumentRevision: Statement;
  readonly #upsert: Statement;
  readonly #remove: Statement;
  readonly #selectRevision: Statement;
  readonly #updateRevision: Statement;

  constructor(path: string) {
    using opened = new DisposableStack();
    const database = opened.use(new Database(path));
    migrate(database);
    this.#database = database;
    this.#select = database.prepare(
      "SELECT key, revision, value FROM document WHERE table_name = ? AND key = ?",
    );
    this.#selectRange = database.prepare(
      `SELECT key, revision, value FROM document
       WHERE table_name = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?`,
    );
    this.#selectDocumentRevision = database.prepare(
      "SELECT revision FROM document WHERE table_name = ? AND key = ?",
    );
    this.#upsert = database.prepare(
      `INSERT INTO document (table_name, key, revision, value) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET revision = excluded.revision, value = excluded.value`,
    );
    this.#remove = database.prepare("DELETE FROM document WHERE table_name = ? AND key = ?");
    this.#selectRevision = database.prepare("SELECT revision FROM store");
    this.#updateRevision = database.prepare("UPDATE store SET revision = ?");
    opened.move();
  }

  get(table: string, key: string): StoredDocument | undefined {
    const row = this.#select.get(table, key);
    return row && documentOf(row);
  }

  list({ table, start, end, limit }: Operations["list"]["request"]): StoredDocument[] {
    return this.#selectRange.all(table, start, end ?? END_OF_KEYS, limit).map(documentOf);
  }

  /**
   * Runs commits in order inside one transaction, each all-or-nothing on its own. When this
   * returns, every one that has a revision is on disk; when it throws, none is.
   */
  commit(commits: readonly StoredWrite[][]): CommitResult[] {
    return this.#database.transaction(() => {
      const before = Number(this.#selectRevision.get()?.revision);
      let revision = before;
      const results = commits.map((writes): CommitResult => {
        const result = this.#commitOne(writes, revision);
        if (typeof result === "number") revision = result;
        return result;
      });
      if (revision !== before) this.#updateRevision.run(revision);
      return results;
    });
  }

  /** Applies one commit under a savepoint; its revision is the next one unless it only checks. */
  #commitOne(writes: readonly StoredWrite[], lastRevision: number): CommitResult {
    this.#database.execute("SAVEPOINT one");
    try {
      for (const write of writes) this.#check(write);
      const changes = writes.filter((write) => write.action !== "check");
      for (const write of changes) this.#apply(write, lastRevision + 1);
      this.#database.execute("RELEASE one");
      return changes.length > 0 ? lastRevision + 1 : lastRevision;
    } catch (error) {
      // Without its transaction the file has failed, not this commit: then all of them fail.
      if (!this.#database.inTransaction) throw error;
      this.#database.execute("ROLLBACK TO one; RELEASE one");
      return failureOf(platformErrorOf(error));
    }
  }

  #check({ table, key, ifRevision }: StoredWrite): void {
    if (ifRevision === undefined) return;
    const current = Number(this.#selectDocumentRevision.get(table, key)?.revision ?? 0);
    if (current === ifRevision) return;
    throw new PlatformError(
      { kind: "precondition_failed", resource: table, id: key },
      `Document ${table}/${key} is at revision ${current}, wanted ${ifRevision}`,
    );
  }

  #apply(write: StoredWrite, revision: number): void {
    if (write.action === "delete") this.#remove.run(write.table, write.key);
    else this.#upsert.run(write.table, write.key, revision, write.json ?? null);
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }
}

function documentOf(row: Row): StoredDocument {
  return {
    key: String(row.key),
    revision: Number(row.revision),
    json: String(row.value),
  };
}
