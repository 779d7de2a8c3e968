import { createHash } from "node:crypto";
import { PlatformError, type Random, secureRandom, seededRandom } from "../base/mod.ts";
import { ManualClock } from "../base/testing.ts";
import type { SignatureVerdict, Signers } from "../code/mod.ts";
import type { Document, ListOptions, TableStore, Write } from "../engine/mod.ts";
import { type CodeReference, type Owner, ownerOf } from "../model/mod.ts";
import type { CodePort } from "./code-references.ts";
import { FunctionRegistry } from "./function-registry.ts";

/** Set-up for tests of this room and of those above it: nothing on disk, nothing left behind. */

export const ALICE: Owner = ownerOf("111111111111");
export const BOB: Owner = ownerOf("222222222222");

/** A TableStore in memory, with every rule of the interface but durability. */
export class MemoryTableStore implements TableStore {
  readonly #tables = new Map<string, Map<string, { revision: number; text: string }>>();
  #revision = 0;
  /** Reads so far, to show what costs none. */
  reads: number = 0;
  /** Runs before the next commit is applied, as another process would. */
  beforeCommit: (() => Promise<void>) | undefined;

  async get<T>(table: string, key: string): Promise<Document<T> | undefined> {
    this.reads++;
    const row = this.#tables.get(table)?.get(key);
    return row && { key, revision: row.revision, value: JSON.parse(row.text) as T };
  }

  async list<T>(table: string, options: ListOptions = {}): Promise<Document<T>[]> {
    this.reads++;
    const { prefix = "", after = "", limit = 100 } = options;
    return [...(this.#tables.get(table) ?? [])]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([key, row]) => ({ key, revision: row.revision, value: JSON.parse(row.text) as T }));
  }

  async commit(writes: readonly Write[]): Promise<number> {
    const before = this.beforeCommit;
    this.beforeCommit = undefined;
    await before?.();
    for (const { table, key, ifRevision } of writes) {
      const actual = this.#tables.get(table)?.get(key)?.revision ?? 0;
      if (ifRevision === undefined || ifRevision === actual) continue;
      throw new PlatformError(
        { kind: "precondition_failed", resource: table, id: key },
        `Document is at revision ${actual}, wanted ${ifRevision}`,
      );
    }
    const revision = ++this.#revision;
    for (const write of writes) {
      const rows = this.#tables.get(write.table) ?? new Map();
      this.#tables.set(write.table, rows);
      if ("delete" in write) rows.delete(write.key);
      else if ("value" in write)
        rows.set(write.key, { revision, text: JSON.stringify(write.value) });
    }
    return revision;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Keeps packages as they are given; a zip is whatever is not the text "broken". */
export class MemoryCode implements CodePort {
  readonly packages: Map<string, Buffer> = new Map();

  async put(owner: Owner, zip: Buffer): Promise<CodeReference> {
    if (zip.equals(Buffer.from("broken"))) {
      throw new PlatformError({ kind: "invalid_package", problem: "malformed" }, "Not a zip");
    }
    const sha256 = createHash("sha256").update(zip).digest("base64");
    this.packages.set(`${owner}/${sha256}`, zip);
    return { sha256, zipBytes: zip.length, unpackedBytes: zip.length };
  }

  /** A zip `signed by ARN` is, and one `damaged by ARN` is not what was signed. */
  async verify(owner: Owner, sha256: string, signers: Signers): Promise<SignatureVerdict> {
    const text = this.packages.get(`${owner}/${sha256}`)?.toString() ?? "";
    const [, kind, profileVersionArn = ""] = /^(signed|damaged) by (\S+)/.exec(text) ?? [];
    if (kind === undefined) return { kind: "unsigned" };
    if ((await signers.publicKeyOf(profileVersionArn)) === undefined) {
      return { kind: "unknown_signer", profileVersionArn };
    }
    if (kind === "damaged") return { kind: "damaged", reason: "A test says so" };
    return { kind: "signed", profileVersionArn, jobId: "job-1" };
  }

  async delete(owner: Owner, sha256: string): Promise<void> {
    this.packages.delete(`${owner}/${sha256}`);
  }
}

export interface TestRegistry {
  readonly registry: FunctionRegistry;
  readonly table: MemoryTableStore;
  readonly code: MemoryCode;
  readonly clock: ManualClock;
}

export function testRegistry(
  table: MemoryTableStore = new MemoryTableStore(),
  weights: Random = seededRandom(1),
): TestRegistry {
  const code = new MemoryCode();
  const clock = new ManualClock();
  const registry = new FunctionRegistry({
    table,
    code,
    clock,
    random: secureRandom,
    weights,
    region: "us-east-1",
  });
  return { registry, table, code, clock };
}
