import type { Document, TableStore } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import { BLOCK_MS, type Dimension, MINUTE_MS, type StoredBlock } from "./metric-set.ts";

/** Sets of dimensions: `owner/id`. */
export const METRIC_SETS = "metric-sets";
/** Points: `owner/id of the set/tier/start`. */
export const METRIC_BLOCKS = "metric-blocks";

export interface SetRecord {
  readonly namespace: string;
  readonly dimensions: readonly Dimension[];
  /** By metric. */
  readonly units: Readonly<Record<string, string>>;
  readonly lastMs: number;
}

/** How points of one age are kept. */
export interface Tier {
  /** Part of the key. */
  readonly name: string;
  /** Time that one point stands for. */
  readonly spanMs: number;
  /** Time whose points lie in one document. */
  readonly blockMs: number;
  /** Points older than this go on to the next tier, or are dropped. */
  readonly keepMs: number;
}

const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * Finest first. CloudWatch keeps minutes for 15 days, five minutes for 63 and hours for 455; here
 * all of it is on one disk.
 */
export const TIERS: readonly [minute: Tier, five: Tier, hour: Tier] = [
  { name: "minute", spanMs: MINUTE_MS, blockMs: BLOCK_MS, keepMs: DAY_MS },
  { name: "five", spanMs: 5 * MINUTE_MS, blockMs: 6 * HOUR_MS, keepMs: 15 * DAY_MS },
  { name: "hour", spanMs: HOUR_MS, blockMs: 10 * DAY_MS, keepMs: 63 * DAY_MS },
];

const TIME_DIGITS = 15;
const PAGE = 1000;

export function setKey(owner: Owner, id: string): string {
  return `${owner}/${id}`;
}

export function blockKey(owner: Owner, id: string, tier: Tier, startMs: number): string {
  return `${setKey(owner, id)}/${tier.name}/${String(startMs).padStart(TIME_DIGITS, "0")}`;
}

/** When the block with this key begins. */
export function blockStart(key: string): number {
  return Number(key.slice(-TIME_DIGITS));
}

/** The stored blocks of a tier that may have points between two times. */
export async function storedBlocks(
  table: TableStore,
  owner: Owner,
  id: string,
  tier: Tier,
  fromMs: number,
  toMs: number,
): Promise<Document<StoredBlock>[]> {
  const prefix = `${setKey(owner, id)}/${tier.name}/`;
  const first = Math.max(0, fromMs - tier.blockMs);
  const found: Document<StoredBlock>[] = [];
  for (let after = blockKey(owner, id, tier, first); ; ) {
    const page = await table.list<StoredBlock>(METRIC_BLOCKS, { prefix, after, limit: PAGE });
    found.push(...page.filter(({ key }) => blockStart(key) < toMs));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE || blockStart(last.key) >= toMs) return found;
    after = last.key;
  }
}

export async function listAll<T>(
  table: TableStore,
  name: string,
  prefix: string,
): Promise<Document<T>[]> {
  const all: Document<T>[] = [];
  for (let after = ""; ; ) {
    const page = await table.list<T>(name, { prefix, after, limit: PAGE });
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return all;
    after = last.key;
  }
}
