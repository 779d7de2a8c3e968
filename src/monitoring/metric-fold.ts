import type { Document, TableStore, Write } from "../engine/mod.ts";
import { type Owner, ownerOf } from "../model/mod.ts";
import { MetricBlock, type StoredBlock } from "./metric-set.ts";
import {
  blockKey,
  blockStart,
  listAll,
  METRIC_BLOCKS,
  METRIC_SETS,
  type SetRecord,
  storedBlocks,
  TIERS,
  type Tier,
} from "./metric-tables.ts";

/**
 * Moves points that a tier keeps no longer to the next, and drops those that no tier keeps.
 * @param inTurn runs the work on one set while nothing else is written
 */
export async function foldMetrics(
  table: TableStore,
  nowMs: number,
  inTurn: (work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  for (const { key, value } of await listAll<SetRecord>(table, METRIC_SETS, "")) {
    await inTurn(() => foldSet(table, key, value, nowMs));
  }
}

async function foldSet(
  table: TableStore,
  key: string,
  { lastMs }: SetRecord,
  nowMs: number,
): Promise<void> {
  const owner = ownerOf(key.slice(0, 12));
  const id = key.slice(13);
  for (const [index, tier] of TIERS.entries()) {
    await foldTier(table, owner, id, tier, TIERS[index + 1], nowMs - tier.keepMs);
  }
  const isForgotten = lastMs < nowMs - LAST_TIER.keepMs - LAST_TIER.blockMs;
  if (isForgotten) await table.commit([{ table: METRIC_SETS, key, delete: true }]);
}

const LAST_TIER: Tier = TIERS[2];
/** Documents that one commit deletes. */
const DELETES_MAX = 500;

async function foldTier(
  table: TableStore,
  owner: Owner,
  id: string,
  tier: Tier,
  next: Tier | undefined,
  beforeMs: number,
): Promise<void> {
  const blocks = await storedBlocks(table, owner, id, tier, 0, beforeMs - tier.blockMs);
  if (next === undefined) {
    const deletes = blocks.map(deletion);
    while (deletes.length > 0) await table.commit(deletes.splice(0, DELETES_MAX));
    return;
  }
  const startOf = ({ key }: Document): number => {
    const at = blockStart(key);
    return at - (at % next.blockMs);
  };
  for (const [startMs, part] of Map.groupBy(blocks, startOf)) {
    await moveBlocks(table, part, blockKey(owner, id, next, startMs), startMs, next.spanMs);
  }
}

/** In one commit: a point is in the one tier or in the other. */
async function moveBlocks(
  table: TableStore,
  blocks: readonly Document<StoredBlock>[],
  key: string,
  startMs: number,
  spanMs: number,
): Promise<void> {
  const target = new MetricBlock(startMs);
  const before = await table.get<StoredBlock>(METRIC_BLOCKS, key);
  if (before !== undefined) target.merge(before.value, spanMs);
  for (const { value } of blocks) target.merge(value, spanMs);
  await table.commit([
    { table: METRIC_BLOCKS, key, value: target.toStored(), ifRevision: before?.revision ?? 0 },
    ...blocks.map((block) => ({ ...deletion(block), ifRevision: block.revision })),
  ]);
}

function deletion({ key }: Document): Extract<Write, { delete: true }> {
  return { table: METRIC_BLOCKS, key, delete: true };
}
