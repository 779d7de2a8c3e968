import { type Clock, type Log, messageOf, PlatformError, type Timer } from "../base/mod.ts";
import type { TableStore, Write } from "../engine/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import { foldMetrics } from "./metric-fold.ts";
import { MetricPoint } from "./metric-point.core.ts";
import { BLOCK_MS, type Dimension, MetricSet, type MetricSetName, setId } from "./metric-set.ts";
import type { TimedPoint } from "./metric-statistic.core.ts";
import {
  blockKey,
  listAll,
  METRIC_BLOCKS,
  METRIC_SETS,
  type SetRecord,
  setKey,
  storedBlocks,
  TIERS,
} from "./metric-tables.ts";

export interface MetricStoreOptions {
  readonly table: TableStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** One metric as it is listed. */
export interface MetricName {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: readonly Dimension[];
  readonly unit: string;
  /** About when it last had a value. */
  readonly lastMs: number;
}

/** What a client says of one metric at one time. */
export interface MetricValue {
  readonly metric: string;
  readonly dimensions: readonly Dimension[];
  readonly unit: string;
  readonly atMs: number;
  /** Values and how often each occurred. */
  readonly values: readonly (readonly [value: number, count: number])[];
  /** Figures of values that are not given one by one. */
  readonly summary?: Parameters<MetricPoint["addSummary"]>[0];
}

/** The points of one metric in a span of time. */
export interface MetricData {
  readonly unit: string | undefined;
  readonly points: readonly TimedPoint[];
}

const FLUSH_INTERVAL_MS = 60_000;
const FOLD_INTERVAL_MS = 3600_000;
/** Documents of one commit. */
const WRITES_MAX = 200;
/** Share of the room in memory that is left which one owner may take. */
const SHARE = 1 / 4;
/** How exact the stored time of the last value is. */
const LAST_MS_STEP = 3600_000;

/**
 * Values of metrics by minute, of all owners. Recording is a few additions in memory; once a minute
 * what changed goes to the table store, so a crash loses at most that minute. Older points are
 * merged into longer spans.
 */
export class MetricStore implements AsyncDisposable {
  readonly #table: TableStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sets = new Map<string, MetricSet>();
  /** How many of them each owner has. */
  readonly #openOf = new Map<Owner, number>();
  readonly #changed = new Set<MetricSet>();
  /** Sets that an owner has, stored ones included; filled when first asked for. */
  readonly #counts = new Map<Owner, number>();
  /** Work on the tables, one after the other. */
  #last: Promise<void> = Promise.resolve();
  #flushTimer: Timer;
  #foldTimer: Timer;
  #isClosed = false;

  constructor(options: MetricStoreOptions) {
    this.#table = options.table;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#flushTimer = this.#clock.after(FLUSH_INTERVAL_MS, () => this.#flushInTime());
    this.#foldTimer = this.#clock.after(FOLD_INTERVAL_MS, () => this.#foldInTime());
  }

  /** The set to record in; undefined when too many in memory are this owner's. */
  set(name: MetricSetName): MetricSet | undefined {
    const id = setId(name);
    const key = setKey(name.owner, id);
    const open = this.#sets.get(key);
    if (open !== undefined) return open;
    const own = this.#openOf.get(name.owner) ?? 0;
    if (own >= (limits.METRIC_SETS_OPEN_MAX - this.#sets.size) * SHARE) return undefined;
    const set = new MetricSet(name, id, (changed) => this.#changed.add(changed));
    this.#sets.set(key, set);
    this.#openOf.set(name.owner, own + 1);
    return set;
  }

  /**
   * Records a client's own values; durable when it resolves.
   * @throws PlatformError kinds "quota", "overloaded"
   */
  async put(owner: Owner, namespace: string, values: readonly MetricValue[]): Promise<void> {
    const sets = new Set<MetricSet>();
    for (const { dimensions, metric, unit } of values) {
      await this.#admit({ owner, namespace, dimensions }, metric, unit);
    }
    for (const { dimensions, metric, unit, atMs, values: given, summary } of values) {
      const set = this.set({ owner, namespace, dimensions });
      if (set === undefined) continue;
      const series = set.series(metric, unit, true);
      for (const [value, count] of given) series.add(value, atMs, count);
      if (summary !== undefined) series.pointAt(atMs).addSummary(summary);
      sets.add(set);
    }
    await this.#flush((set) => sets.has(set));
  }

  /**
   * Makes sure that an owner may have this metric of this set.
   * @throws PlatformError kinds "quota", "overloaded"
   */
  async #admit(name: MetricSetName, metric: string, unit: string): Promise<void> {
    const { owner } = name;
    const key = setKey(owner, setId(name));
    const isOpen = this.#sets.has(key);
    const stored = isOpen ? undefined : await this.#table.get<SetRecord>(METRIC_SETS, key);
    if (!isOpen && stored === undefined) await this.#admitSet(owner);
    const set = this.set(name);
    if (set === undefined) {
      throw new PlatformError(
        { kind: "overloaded", queue: "metrics" },
        `Metrics in memory have reached the owner's share of ${limits.METRIC_SETS_OPEN_MAX} sets`,
      );
    }
    for (const [known, its] of Object.entries(stored?.value.units ?? {})) set.units.set(known, its);
    if (!set.takes(metric)) {
      throw tooMany(limits.METRIC_NAMES_PER_SET_MAX, "metrics with the same dimensions");
    }
    set.series(metric, unit, true);
  }

  async #admitSet(owner: Owner): Promise<void> {
    if ((await this.#countOf(owner)) < limits.METRIC_SETS_PER_OWNER_MAX) return;
    throw tooMany(limits.METRIC_SETS_PER_OWNER_MAX, "sets of dimensions");
  }

  /** What is known of a metric between two times, the second exclusive. */
  async read(
    name: MetricSetName,
    metric: string,
    fromMs: number,
    toMs: number,
  ): Promise<MetricData> {
    const id = setId(name);
    await this.#flush((set) => set.id === id && set.name.owner === name.owner);
    const record = (await this.#table.get<SetRecord>(METRIC_SETS, setKey(name.owner, id)))?.value;
    if (record === undefined) return { unit: undefined, points: [] };
    const points: TimedPoint[] = [];
    for (const tier of TIERS) {
      const blocks = await storedBlocks(this.#table, name.owner, id, tier, fromMs, toMs);
      for (const { value } of blocks) {
        for (const [atMs, numbers] of value[metric] ?? []) {
          if (atMs < fromMs || atMs >= toMs) continue;
          points.push({ atMs, point: MetricPoint.fromNumbers(numbers) });
        }
      }
    }
    return { unit: record.units[metric], points };
  }

  /** The metrics of an owner. */
  async list(owner: Owner): Promise<MetricName[]> {
    await this.#flush((set) => set.name.owner === owner);
    const records = await listAll<SetRecord>(this.#table, METRIC_SETS, setKey(owner, ""));
    return records.flatMap(({ value: { namespace, dimensions, units, lastMs } }) =>
      Object.entries(units).map(([metric, unit]) => ({
        ...{ namespace, metric, dimensions, unit, lastMs },
      })),
    );
  }

  /** Everything recorded so far is durable when this resolves. */
  flush(): Promise<void> {
    return this.#flush(() => true);
  }

  /** Merges what is old into longer spans, and drops what is too old. Done hourly by itself. */
  async fold(): Promise<void> {
    await foldMetrics(this.#table, this.#clock.now(), (work) => this.#inTurn(work));
    this.#counts.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#flushTimer.cancel();
    this.#foldTimer.cancel();
    await this.flush().catch(() => {});
  }

  /** Writes some of the sets that changed; sets that an earlier call writes are waited for. */
  #flush(isWanted: (set: MetricSet) => boolean): Promise<void> {
    return this.#inTurn(() => this.#write([...this.#changed].filter(isWanted)));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch((error) => this.#warn("metrics.write_failed", error));
    return done;
  }

  async #write(sets: readonly MetricSet[]): Promise<void> {
    for (const set of sets) this.#changed.delete(set);
    let written = 0;
    try {
      while (written < sets.length) {
        const { writes, next } = await this.#writesFor(sets, written);
        if (writes.length > 0) await this.#table.commit(writes);
        written = next;
      }
    } catch (error) {
      this.#counts.clear();
      for (const set of sets.slice(written)) {
        set.isRenamed = true;
        this.#changed.add(set);
      }
      throw error;
    }
    for (const set of sets) this.#forgetIfIdle(set);
  }

  /** The documents of some sets, as many as fit into one commit. */
  async #writesFor(
    sets: readonly MetricSet[],
    start: number,
  ): Promise<{ writes: Write[]; next: number }> {
    const writes: Write[] = [];
    let next = start;
    while (next < sets.length && writes.length < WRITES_MAX) {
      const set = sets[next++] as MetricSet;
      const { owner } = set.name;
      const stored = await this.#setRecord(set);
      if (stored === "refused") continue;
      if (stored !== undefined) writes.push(stored);
      for (const block of set.blocks()) {
        const key = blockKey(owner, set.id, TIERS[0], block.startMs);
        if (!block.isLoaded) {
          const before = await this.#table.get<Parameters<typeof block.merge>[0]>(
            METRIC_BLOCKS,
            key,
          );
          if (before !== undefined) block.merge(before.value);
          block.isLoaded = true;
        }
        writes.push({ table: METRIC_BLOCKS, key, value: block.toStored() });
      }
      const numbers = set.blocks().reduce((sum, { size }) => sum + size, 0);
      set.isFull = numbers > limits.METRIC_NUMBERS_PER_SET_MAX;
    }
    return { writes, next };
  }

  /** The write of a set's own document, if it needs one; "refused" when the owner has too many. */
  async #setRecord(set: MetricSet): Promise<Write | "refused" | undefined> {
    const { owner, namespace, dimensions } = set.name;
    const lastMs = set.lastMs - (set.lastMs % LAST_MS_STEP);
    if (!set.isRenamed && lastMs === set.storedLastMs) return undefined;
    const key = setKey(owner, set.id);
    const before = (await this.#table.get<SetRecord>(METRIC_SETS, key))?.value;
    if (before === undefined) {
      const count = await this.#countOf(owner);
      if (count >= limits.METRIC_SETS_PER_OWNER_MAX) {
        this.#forget(set);
        return "refused";
      }
      this.#counts.set(owner, count + 1);
    }
    set.isRenamed = false;
    set.storedLastMs = lastMs;
    const units = { ...before?.units, ...Object.fromEntries(set.units) };
    return { table: METRIC_SETS, key, value: { namespace, dimensions, units, lastMs } };
  }

  #forgetIfIdle(set: MetricSet): void {
    if (this.#changed.has(set)) return;
    if (!set.dropBefore(this.#clock.now() - BLOCK_MS)) this.#forget(set);
  }

  #forget(set: MetricSet): void {
    const { owner } = set.name;
    set.isClosed = true;
    this.#changed.delete(set);
    if (!this.#sets.delete(setKey(owner, set.id))) return;
    const left = (this.#openOf.get(owner) ?? 1) - 1;
    if (left > 0) this.#openOf.set(owner, left);
    else this.#openOf.delete(owner);
  }

  async #countOf(owner: Owner): Promise<number> {
    const known = this.#counts.get(owner);
    if (known !== undefined) return known;
    const count = (await listAll(this.#table, METRIC_SETS, setKey(owner, ""))).length;
    this.#counts.set(owner, count);
    return count;
  }

  #flushInTime(): void {
    void this.flush()
      .catch(() => {})
      .then(() => {
        this.#dropIdle();
        if (this.#isClosed) return;
        this.#flushTimer = this.#clock.after(FLUSH_INTERVAL_MS, () => this.#flushInTime());
      });
  }

  /** Sets without new values are not written, and leave memory here. */
  #dropIdle(): void {
    for (const set of this.#sets.values()) this.#forgetIfIdle(set);
  }

  #foldInTime(): void {
    void this.fold()
      .catch((error) => this.#warn("metrics.fold_failed", error))
      .then(() => {
        if (this.#isClosed) return;
        this.#foldTimer = this.#clock.after(FOLD_INTERVAL_MS, () => this.#foldInTime());
      });
  }

  #warn(event: string, error: unknown): void {
    this.#log.warn(event, { reason: messageOf(error) });
  }
}

function tooMany(limit: number, what: string): PlatformError {
  return new PlatformError(
    { kind: "quota", resource: "metrics", limit },
    `At most ${limit} ${what} are kept`,
  );
}
