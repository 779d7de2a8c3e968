/**
 * Durable documents. A table is a named, sorted map from key to JSON document; a commit changes any
 * number of documents of any tables at once or not at all. Nothing above knows the driver.
 *
 * Terms: *key* sorts by UTF-8 bytes; *revision* is a positive integer that grows with each write of
 * the whole store, 0 stands for "absent"; *commit* is durable (fsync or quorum) when its promise
 * resolves. Commits of one tick share one fsync (group commit).
 *
 * Limits (table-check.ts): table names 1..64 bytes, keys 1..1024 bytes of well-formed Unicode,
 * 1..1000 writes a commit, each document named once in it; anything else is kind "invalid".
 */
export interface Document<T = unknown> {
  readonly key: string;
  readonly revision: number;
  readonly value: T;
}

export type Write =
  /** `ifRevision`: 0 = only create; n = only when the document is still at n; absent = always. */
  | {
      readonly table: string;
      readonly key: string;
      readonly value: unknown;
      readonly ifRevision?: number;
    }
  | {
      readonly table: string;
      readonly key: string;
      readonly delete: true;
      readonly ifRevision?: number;
    }
  /** Writes nothing; the whole commit fails unless the document is at `ifRevision`. */
  | {
      readonly table: string;
      readonly key: string;
      readonly check: true;
      readonly ifRevision: number;
    };

export interface ListOptions {
  /** Only keys that start with this. */
  readonly prefix?: string;
  /** Only keys after this one, exclusive. */
  readonly after?: string;
  /** 1..1000; 100 unless told. */
  readonly limit?: number;
}

export interface TableStore extends AsyncDisposable {
  get<T>(table: string, key: string): Promise<Document<T> | undefined>;
  /** Documents in key order. */
  list<T>(table: string, options?: ListOptions): Promise<Document<T>[]>;
  /**
   * All writes or none; resolves with the revision given to every written document (the last one
   * given out when the commit only checks). Preconditions see the state before the commit.
   * @throws PlatformError kind "precondition_failed" when an `ifRevision` does not hold
   */
  commit(writes: readonly Write[]): Promise<number>;
}
