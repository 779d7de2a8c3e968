import {
  type Clock,
  type Log,
  messageOf,
  type SecureRandom,
  Semaphore,
  type Timer,
} from "../base/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import { LogArchive, type OpenGroup } from "./log-archive.ts";
import {
  groupNotFound,
  LogCatalog,
  type LogGroupRecord,
  streamExists,
  streamNotFound,
} from "./log-catalog.ts";
import type { LogEvent, LogTarget } from "./log-event.ts";
import { LogFollowers } from "./log-followers.ts";
import {
  type FilterPage,
  type FilterPageRequest,
  filterPage,
  lastLines,
  type StreamPage,
  type StreamPageRequest,
  streamPage,
} from "./log-pages.ts";
import { LogQueues } from "./log-queues.ts";
import { retentionStart, sweepLogs } from "./log-sweep.ts";
import { type Accepted, acceptEvents } from "./put-events.core.ts";

export interface LogStoreOptions {
  readonly directory: string;
  readonly table: TableStore;
  /** The log group that a function writes to now. */
  readonly groupOf: (owner: Owner, functionName: string) => Promise<string>;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
}

/** A log group as it is described. */
export interface LogGroupDescription extends LogGroupRecord {
  readonly storedBytes: number;
}

/** A log stream as it is described; times are absent while it has no events. */
export interface LogStreamDescription {
  readonly name: string;
  readonly createdMs: number;
  readonly firstMs?: number;
  readonly lastMs?: number;
  readonly lastIngestedMs?: number;
}

/** How long events may wait for company before they go to disk. */
const FLUSH_DELAY_MS = 200;
/** What one function writes before it is the next one's turn: at most 5 MiB a second. */
const TURN_BYTES = 1024 * 1024;
/** Functions whose events are written at the same time. */
const WRITES_MAX = 4;
/** Requests that read events at the same time, each a few segments. */
const READS_MAX = 4;
const SWEEP_INTERVAL_MS = 10 * 60 * 1000;
/** A sweep is due earlier when this much was written: an owner's bound is not far exceeded. */
const SWEEP_BYTES = limits.LOG_BYTES_PER_OWNER_MAX / 4;

/**
 * The logs of all functions, and what clients put beside them: groups of streams of events, as
 * CloudWatch Logs has them. What functions write is kept behind the calls, in turns and within
 * bounds, so that a flood of one costs another nothing; a crash may lose the last moment of it.
 * What clients put or change is durable when its promise resolves.
 */
export class LogStore implements AsyncDisposable {
  readonly #options: LogStoreOptions;
  readonly #catalog: LogCatalog;
  readonly #archive: LogArchive;
  readonly #followers = new LogFollowers();
  readonly #queues = new LogQueues();
  readonly #writes = new Semaphore(WRITES_MAX);
  readonly #reads = new Semaphore(READS_MAX);
  #isRoundDue = false;
  #round: Promise<void> = Promise.resolve();
  #sweep: Promise<void> = Promise.resolve();
  #sweepTimer: Timer;
  #isClosed = false;

  constructor(options: LogStoreOptions) {
    this.#options = options;
    this.#catalog = new LogCatalog(options);
    this.#archive = new LogArchive(options.directory, this.#catalog, options.clock);
    this.#sweepTimer = options.clock.after(SWEEP_INTERVAL_MS, () => this.#sweepInTime());
  }

  /**
   * Takes what a function wrote. Never waits; what exceeds the function's share of memory is
   * dropped, and the log says so.
   * @param isSeen whether followers were handed it as it was written
   */
  append(target: LogTarget, events: readonly LogEvent[], isSeen = false): void {
    if (events.length === 0) return;
    if (!isSeen) this.followed(target.owner, target.functionName)?.(textOf(events));
    this.#queues.add(target, events);
    if (!this.#isRoundDue) this.#setRound();
  }

  /** How followers of a function see what it writes as it goes; undefined when there are none. */
  followed(owner: Owner, functionName: string): ((part: Buffer) => void) | undefined {
    return this.#followers.of(owner, functionName);
  }

  /** What a function writes from now on until the signal aborts; slow readers lose the oldest. */
  follow(owner: Owner, functionName: string, signal: AbortSignal): AsyncIterable<Buffer> {
    return this.#followers.follow(owner, functionName, signal);
  }

  /** The latest lines of a function, of all its streams by time. */
  async tail(owner: Owner, functionName: string, lineCount: number): Promise<Buffer> {
    const group = await this.#options.groupOf(owner, functionName);
    const open = await this.#find(owner, group);
    if (open === undefined) return Buffer.alloc(0);
    using _ = await this.#reads.acquire();
    return await lastLines(open.events, functionName, this.#retentionStart(open.record), lineCount);
  }

  /** Groups of an owner by name; `after` is the last name of the page before. */
  async groups(
    owner: Owner,
    options: { prefix?: string; after?: string; limit: number },
  ): Promise<LogGroupRecord[]> {
    return await this.#catalog.list(owner, options);
  }

  async describe(owner: Owner, group: LogGroupRecord): Promise<LogGroupDescription> {
    const open = await this.#archive.find(owner, group.name);
    return { ...group, storedBytes: open?.events.storedBytes ?? 0 };
  }

  /** @throws PlatformError kind "not_found" */
  group(owner: Owner, group: string): Promise<LogGroupRecord> {
    return this.#catalog.require(owner, group);
  }

  /** @throws PlatformError kinds "already_exists", "quota" */
  async createGroup(
    owner: Owner,
    group: string,
    tags: Readonly<Record<string, string>>,
  ): Promise<void> {
    await this.#catalog.create(owner, group, tags);
  }

  /** Removes a group with its streams and events. @throws PlatformError kind "not_found" */
  async removeGroup(owner: Owner, group: string): Promise<void> {
    await this.#find(owner, group);
    await this.#archive.remove(owner, group);
  }

  /**
   * @param days undefined: keep events while there is room
   * @throws PlatformError kinds "not_found", "conflict"
   */
  async retain(owner: Owner, group: string, days: number | undefined): Promise<void> {
    await this.#changeGroup(owner, group, ({ retentionDays: _, ...record }) =>
      days === undefined ? record : { ...record, retentionDays: days },
    );
  }

  /** @throws PlatformError kinds "not_found", "conflict", and what `step` throws */
  async retag(
    owner: Owner,
    group: string,
    step: (tags: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
  ): Promise<void> {
    await this.#changeGroup(owner, group, (record) => ({ ...record, tags: step(record.tags) }));
  }

  /** @throws PlatformError kind "not_found" */
  async streams(owner: Owner, group: string): Promise<LogStreamDescription[]> {
    const { record, events } = await this.#require(owner, group);
    const described = new Map<string, LogStreamDescription>();
    for (const each of await this.#catalog.createdStreams(owner, record)) {
      described.set(each.name, each);
    }
    for (const { name, createdMs, events: count, ...times } of events.streams()) {
      const created = described.get(name)?.createdMs ?? createdMs;
      const { firstMs, lastMs, lastIngestedMs } = times;
      const known = count === 0 ? {} : { firstMs, lastMs, lastIngestedMs };
      described.set(name, { name, createdMs: Math.min(created, createdMs), ...known });
    }
    return [...described.values()];
  }

  /** @throws PlatformError kind "not_found" unless the group has all these streams */
  async requireStreams(owner: Owner, group: string, names: readonly string[]): Promise<void> {
    const known = new Set((await this.streams(owner, group)).map(({ name }) => name));
    for (const name of names) if (!known.has(name)) throw streamNotFound(name);
  }

  /** @throws PlatformError kinds "not_found", "already_exists", "quota" */
  async createStream(owner: Owner, group: string, stream: string): Promise<void> {
    const { record, events } = await this.#require(owner, group);
    if (events.streams().some(({ name }) => name === stream)) throw streamExists(stream);
    await this.#catalog.createStream(owner, record, stream);
  }

  /** @throws PlatformError kind "not_found" */
  async removeStream(owner: Owner, group: string, stream: string): Promise<void> {
    const { record } = await this.#requireStream(owner, group, stream);
    await this.#catalog.removeStream(owner, record, stream);
    await this.#archive.removeStream(owner, group, stream);
  }

  /**
   * Adds a client's events to a stream; durable when it resolves.
   * @throws PlatformError kinds "not_found", "invalid"
   */
  async put(
    owner: Owner,
    group: string,
    stream: string,
    events: readonly LogEvent[],
  ): Promise<Accepted> {
    const { record } = await this.#requireStream(owner, group, stream);
    const accepted = acceptEvents(events, this.#options.clock.now(), this.#retentionStart(record));
    if (accepted.events.length > 0) {
      await this.#archive.writeDurably(owner, group, { stream, events: accepted.events });
    }
    return accepted;
  }

  /** @throws PlatformError kind "not_found" */
  async readStream(owner: Owner, group: string, request: StreamPageRequest): Promise<StreamPage> {
    const { record, events } = await this.#requireStream(owner, group, request.stream);
    const fromMs = Math.max(request.fromMs, this.#retentionStart(record));
    using _ = await this.#reads.acquire();
    return await streamPage(events, { ...request, fromMs });
  }

  /** @throws PlatformError kind "not_found" */
  async filter(owner: Owner, group: string, request: FilterPageRequest): Promise<FilterPage> {
    const { record, events } = await this.#require(owner, group);
    const fromMs = Math.max(request.fromMs, this.#retentionStart(record));
    using _ = await this.#reads.acquire();
    return await filterPage(events, { ...request, fromMs });
  }

  /** Everything appended so far is in the files when this resolves. */
  async flush(): Promise<void> {
    await this.#round;
    await Promise.all(this.#queues.ready().map(({ owner, group }) => this.#drain(owner, group)));
    await this.#archive.settled();
  }

  /** Removes what is expired, orphaned or too much. It is done from time to time by itself. */
  async sweep(): Promise<void> {
    const { directory, clock } = this.#options;
    this.#archive.bytesWritten = 0;
    this.#sweep = this.#sweep.then(() =>
      sweepLogs(directory, this.#catalog, this.#archive, clock.now()).catch((error) =>
        this.#warn("log_store.sweep_failed", error),
      ),
    );
    await this.#sweep;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#sweepTimer.cancel();
    await this.flush();
    await this.#sweep;
  }

  #setRound(): void {
    if (this.#isClosed) return;
    this.#isRoundDue = true;
    this.#options.clock.after(FLUSH_DELAY_MS, () => {
      this.#round = this.#writeRound();
    });
  }

  /** A turn for every function that has something to write. */
  async #writeRound(): Promise<void> {
    await Promise.all(this.#queues.ready().map((queue) => this.#write(queue, TURN_BYTES)));
    this.#isRoundDue = false;
    if (!this.#queues.isEmpty) this.#setRound();
    if (this.#archive.bytesWritten > SWEEP_BYTES && !this.#isClosed) void this.sweep();
  }

  async #write(queue: Parameters<LogQueues["take"]>[0], bytesMax: number): Promise<void> {
    const { clock } = this.#options;
    const { owner, group } = queue;
    using _ = await this.#writes.acquire();
    try {
      await this.#archive.write(owner, group, () =>
        this.#queues.take(queue, bytesMax, clock.now()),
      );
    } catch (error) {
      this.#warn("log_store.write_failed", error);
    }
  }

  /** Writes all that waits for a group. */
  async #drain(owner: Owner, group: string): Promise<void> {
    const groupKey = `${owner}/${group}`;
    const queues = this.#queues.ready().filter((queue) => queue.groupKey === groupKey);
    await Promise.all(queues.map((queue) => this.#write(queue, Number.POSITIVE_INFINITY)));
  }

  /** A group with all that was appended to it so far. */
  async #find(owner: Owner, group: string): Promise<OpenGroup | undefined> {
    await this.#drain(owner, group);
    return await this.#archive.find(owner, group);
  }

  async #require(owner: Owner, group: string): Promise<OpenGroup> {
    const open = await this.#find(owner, group);
    // Its settings may have changed since it was opened.
    const record = await this.#catalog.require(owner, group);
    if (open === undefined) throw groupNotFound(group);
    return { ...open, record };
  }

  async #requireStream(owner: Owner, group: string, stream: string): Promise<OpenGroup> {
    const open = await this.#require(owner, group);
    if (open.events.streams().some(({ name }) => name === stream)) return open;
    const created = await this.#catalog.findStream(owner, open.record, stream);
    if (created === undefined) throw streamNotFound(stream);
    return open;
  }

  async #changeGroup(
    owner: Owner,
    group: string,
    step: (record: LogGroupRecord) => LogGroupRecord,
  ): Promise<void> {
    await this.#catalog.change(owner, group, step);
    await this.#archive.exclusively(owner, group, async () => this.#archive.forget(owner, group));
  }

  #retentionStart(record: LogGroupRecord): number {
    return retentionStart(record, this.#options.clock.now());
  }

  #sweepInTime(): void {
    void this.sweep().then(() => {
      if (this.#isClosed) return;
      const { clock } = this.#options;
      this.#sweepTimer = clock.after(SWEEP_INTERVAL_MS, () => this.#sweepInTime());
    });
  }

  #warn(event: string, error: unknown): void {
    this.#options.log.warn(event, { reason: messageOf(error) });
  }
}

function textOf(events: readonly LogEvent[]): Buffer {
  return Buffer.concat(events.flatMap(({ message }) => [message, LINE_END]));
}

const LINE_END = Buffer.from("\n");
