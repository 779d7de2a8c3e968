import assert from "node:assert/strict";
import type { Document, Write } from "./table.ts";

/** A TableStore without disk or concurrency: what drivers are compared with. */
export class TableModel {
  readonly #documents = new Map<string, Document & { readonly table: string }>();
  #lastRevision = 0;

  /**
   * Applies the commit if its preconditions hold and says whether they did. `revision` is what the
   * store answered; it must be new when something was written.
   */
  commit(writes: readonly Write[], revision: number | undefined): boolean {
    const holds = writes.every(
      ({ table, key, ifRevision }) =>
        ifRevision === undefined ||
        ifRevision === (this.#documents.get(`${table} ${key}`)?.revision ?? 0),
    );
    if (!holds || revision === undefined) return holds;
    const changes = writes.filter((write) => !("check" in write));
    if (changes.length > 0) assert.ok(revision > this.#lastRevision, "Revisions grow");
    else assert.equal(revision, this.#lastRevision, "Checks alone give no new revision");
    this.#lastRevision = revision;
    for (const write of changes) this.#apply(write, revision);
    return true;
  }

  *revisions(): Iterable<[name: string, revision: number]> {
    for (const [name, { revision }] of this.#documents) yield [name, revision];
  }

  list(table: string): Document[] {
    return Array.from(this.#documents.values())
      .filter((document) => document.table === table)
      .map(({ key, revision, value }) => ({ key, revision, value }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  #apply(write: Write, revision: number): void {
    const name = `${write.table} ${write.key}`;
    if ("delete" in write) this.#documents.delete(name);
    if (!("value" in write)) return;
    const value: unknown = JSON.parse(JSON.stringify(write.value));
    this.#documents.set(name, { table: write.table, key: write.key, revision, value });
  }
}
