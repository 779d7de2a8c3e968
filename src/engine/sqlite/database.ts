import { DatabaseSync } from "node:sqlite";
import { messageOf, PlatformError } from "../../base/mod.ts";

export type SqlValue = null | number | string | Uint8Array;
export type Row = Record<string, unknown>;

export interface Statement {
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
  run(...values: SqlValue[]): unknown;
}

/** How long a statement waits for another process's lock on the file. */
const LOCK_WAIT_MS = 5000;

/**
 * One connection to a SQLite file in WAL mode with `synchronous=FULL`: what COMMIT acknowledged has
 * been fsynced. Everything here blocks its thread. The only place that names node:sqlite's class,
 * which is experimental.
 */
export class Database implements Disposable {
  readonly #connection: DatabaseSync;

  /** @throws PlatformError kind "corrupt" or "unavailable" when the file cannot be opened */
  constructor(path: string) {
    try {
      this.#connection = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
    } catch (error) {
      throw platformErrorOf(error);
    }
    try {
      this.#connection.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    } catch (error) {
      this.#connection.close();
      throw platformErrorOf(error);
    }
  }

  get inTransaction(): boolean {
    return this.#connection.isTransaction;
  }

  execute(sql: string): void {
    this.#connection.exec(sql);
  }

  prepare(sql: string): Statement {
    return this.#connection.prepare(sql);
  }

  /** Runs `work` in one write transaction: COMMIT when it returns, ROLLBACK when it throws. */
  transaction<T>(work: () => T): T {
    this.#connection.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#connection.exec("COMMIT");
      return result;
    } catch (error) {
      // A full disk or an I/O error has already rolled back on its own.
      if (this.inTransaction) this.#connection.exec("ROLLBACK");
      throw error;
    }
  }

  /** Moves the log into the main file and closes. */
  [Symbol.dispose](): void {
    try {
      this.#connection.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      this.#connection.close();
    }
  }
}

/** Primary result codes. Source: https://www.sqlite.org/rescode.html */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
const SQLITE_TOOBIG = 18;

/** SQLite's own limit on one value. Source: https://www.sqlite.org/limits.html */
const VALUE_BYTES_MAX = 1_000_000_000;

/** What SQLite said, in the platform's words; errors that are not SQLite's pass unchanged. */
export function platformErrorOf(error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error)) return error;
  const message = `Table store: ${messageOf(error)}`;
  switch (Number(error.errcode) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new PlatformError({ kind: "corrupt", what: "table store", id: "file" }, message, {
        cause: error,
      });
    case SQLITE_TOOBIG:
      return new PlatformError(
        {
          kind: "too_large",
          what: "document",
          limitBytes: VALUE_BYTES_MAX,
          actualBytes: VALUE_BYTES_MAX + 1,
        },
        message,
        { cause: error },
      );
    default:
      return new PlatformError({ kind: "unavailable", what: "table store" }, message, {
        cause: error,
      });
  }
}
