import { LruMap } from "../base/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import { FUNCTIONS, type FunctionRecord, functionKey, LAYERS, type LayerRecord } from "./record.ts";

/** What an owner occupies; AWS's AccountUsage. */
export interface Usage {
  readonly functionCount: number;
  /** Zip bytes of all versions of all functions and layers. */
  readonly codeBytes: number;
}

const SCAN_PAGE = 1000;
const OWNERS_REMEMBERED_MAX = 1000;

/**
 * Totals of an owner's functions: counted once from the documents, then carried along with this
 * process's commits, so that creating the ten-thousandth function costs what the first did.
 */
export class UsageLedger {
  readonly #table: TableStore;
  readonly #known = new LruMap<Owner, Usage>(OWNERS_REMEMBERED_MAX);
  /** Counts under way; a change in the meantime makes a count good for its own asker only. */
  readonly #counting = new Map<Owner, { stale: boolean }>();

  constructor(table: TableStore) {
    this.#table = table;
  }

  async of(owner: Owner): Promise<Usage> {
    const known = this.#known.get(owner);
    if (known) return known;
    const count = { stale: false };
    this.#counting.set(owner, count);
    const usage = await this.#count(owner);
    if (this.#counting.get(owner) === count) this.#counting.delete(owner);
    if (!count.stale) this.#known.set(owner, usage);
    return usage;
  }

  /** Carries a committed change along. */
  add(owner: Owner, functions: number, codeBytes: number): void {
    const count = this.#counting.get(owner);
    if (count) count.stale = true;
    const known = this.#known.get(owner);
    if (!known) return;
    this.#known.set(owner, {
      functionCount: known.functionCount + functions,
      codeBytes: known.codeBytes + codeBytes,
    });
  }

  async #count(owner: Owner): Promise<Usage> {
    const prefix = functionKey(owner, "");
    const functions = await this.#sum(FUNCTIONS, prefix);
    const layers = await this.#sum(LAYERS, prefix);
    return {
      functionCount: functions.documents,
      codeBytes: functions.codeBytes + layers.codeBytes,
    };
  }

  async #sum(table: string, prefix: string): Promise<{ documents: number; codeBytes: number }> {
    let [documents, codeBytes, after] = [0, 0, prefix];
    while (true) {
      const options = { prefix, after, limit: SCAN_PAGE };
      const page = await this.#table.list<FunctionRecord | LayerRecord>(table, options);
      documents += page.length;
      for (const { value } of page) codeBytes += value.codeBytes;
      const last = page.at(-1);
      if (!last || page.length < SCAN_PAGE) return { documents, codeBytes };
      after = last.key;
    }
  }
}
