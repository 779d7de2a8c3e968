import { mkdir, open, readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { limits } from "../model/mod.ts";
import { compareKeys, type EventKey, type LogEvent, type StoredEvent } from "./log-event.ts";
import { decodeRecords, encodeRecords, eventBytes, type LogRecord } from "./log-record.core.ts";
import { LogSegment, type StreamFigures, segmentNumbers } from "./log-segment.ts";

/** Events of one stream that are to be kept. */
export interface StreamEvents {
  readonly stream: string;
  /** The function that wrote them; absent when a client did. */
  readonly functionName?: string;
  readonly events: readonly LogEvent[];
}

/** Which events are wanted. */
export interface Scan {
  /** Times, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Only events at or behind this key. */
  readonly from?: EventKey;
  /** Only events before this key. */
  readonly before?: EventKey;
  /** Latest first. */
  readonly isDescending: boolean;
  wants(stream: { readonly name: string; readonly functionName?: string }): boolean;
}

/** A file of events; a group keeps as many as its bytes allow. */
const SEGMENT_BYTES = limits.LOG_BYTES_PER_GROUP_MAX / 16;
const SEGMENTS_MAX = 64;
/** Their figures are in memory. */
const STREAMS_PER_SEGMENT_MAX = 1000;

/**
 * The events of one log group on disk. Writes must not overlap; the caller sees to that. Reads may
 * go on meanwhile: they see what was there when they began, less what is dropped for want of room.
 */
export class LogGroup {
  readonly #directory: string;
  readonly #segments: LogSegment[];
  #isNew: boolean;

  private constructor(directory: string, segments: LogSegment[], isNew: boolean) {
    this.#directory = directory;
    this.#segments = segments;
    this.#isNew = isNew;
  }

  static async open(directory: string): Promise<LogGroup> {
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    const numbers = segmentNumbers(names ?? []);
    const segments = await Promise.all(numbers.map((each) => LogSegment.load(directory, each)));
    return new LogGroup(directory, segments, names === undefined);
  }

  get storedBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** The streams that have events, or had since the last deletion of their name. */
  streams(): StreamFigures[] {
    const merged = new Map<string, StreamFigures>();
    for (const segment of this.#segments) {
      for (const name of segment.removals) merged.delete(name);
      for (const stream of segment.streams) {
        if (stream.isRemoved) continue;
        const before = merged.get(stream.name);
        merged.set(stream.name, before === undefined ? stream : joined(before, stream));
      }
    }
    return [...merged.values()];
  }

  /**
   * Adds events.
   * @param isDurable whether they must be on the disk when this resolves
   * @returns bytes written
   */
  async write(
    batches: readonly StreamEvents[],
    ingestedMs: number,
    isDurable: boolean,
  ): Promise<number> {
    let written = 0;
    let at = { batch: 0, event: 0 };
    while (at.batch < batches.length) {
      const segment = await this.#writable(isDurable);
      const { records, next } = recordsFor(segment, batches, at, ingestedMs);
      const bytes = encodeRecords(records);
      await segment.append(bytes, records, isDurable);
      written += bytes.length;
      at = next;
    }
    return written;
  }

  /** Hides all events that a stream has so far. */
  async removeStream(streamName: string): Promise<void> {
    const records: readonly LogRecord[] = [{ kind: "removal", streamName }];
    const segment = await this.#writable(true);
    await segment.append(encodeRecords(records), records, true);
  }

  /** Drops segments whose last event is older. */
  async dropBefore(timestampMs: number): Promise<void> {
    for (const segment of this.#segments.filter(({ lastMs }) => lastMs < timestampMs)) {
      await this.#drop(segment);
    }
  }

  /**
   * The events wanted, in order of their keys. No more segments are in memory than overlap in time.
   */
  async *scan(scan: Scan): AsyncGenerator<StoredEvent> {
    const direction = scan.isDescending ? -1 : 1;
    const order = (a: StoredEvent, b: StoredEvent): number => direction * compareKeys(a.key, b.key);
    const span = spanOf(scan);
    const edge = scan.isDescending
      ? (segment: LogSegment) => segment.lastMs
      : (segment: LogSegment) => segment.firstMs;
    const segments = this.#segments
      .filter(({ firstMs, lastMs }) => firstMs <= span.toMs && lastMs >= span.fromMs)
      .sort((a, b) => direction * (edge(a) - edge(b)));
    let pending: StoredEvent[] = [];
    for (const [index, segment] of segments.entries()) {
      pending.push(...(await this.#eventsOf(segment, scan)));
      pending.sort(order);
      const following = segments[index + 1];
      if (following === undefined) break;
      // Events beyond the next segment's edge may have to stand behind some of that segment.
      const bound = edge(following);
      const ready = pending.findIndex(({ timestampMs }) => direction * (timestampMs - bound) >= 0);
      if (ready === -1) yield* pending;
      else yield* pending.slice(0, ready);
      pending = ready === -1 ? [] : pending.slice(ready);
    }
    yield* pending;
  }

  async #eventsOf(segment: LogSegment, scan: Scan): Promise<StoredEvent[]> {
    const later = this.#segments.filter(({ number }) => number > segment.number);
    const isRemoved = (name: string): boolean =>
      later.some(({ removals }) => removals.includes(name));
    const names = segment.streams.map((stream) =>
      !stream.isRemoved && scan.wants(stream) && !isRemoved(stream.name) ? stream.name : undefined,
    );
    if (names.every((name) => name === undefined)) return [];
    const { from, before } = scan;
    const events: StoredEvent[] = [];
    for (const { record, offset } of decodeRecords(await segment.read())) {
      if (record.kind !== "event") continue;
      const stream = names[record.stream];
      const { timestampMs, ingestedMs, message } = record;
      if (stream === undefined || timestampMs < scan.fromMs || timestampMs > scan.toMs) continue;
      const key: EventKey = { timestampMs, segment: segment.number, offset };
      if (from !== undefined && compareKeys(key, from) < 0) continue;
      if (before !== undefined && compareKeys(key, before) >= 0) continue;
      events.push({ key, stream, timestampMs, ingestedMs, message });
    }
    return events;
  }

  /** The segment that takes the next records, after making room for it. */
  async #writable(isDurable: boolean): Promise<LogSegment> {
    if (this.#isNew) await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const last = this.#segments.at(-1);
    const isFull =
      last === undefined ||
      last.bytes >= SEGMENT_BYTES ||
      last.streams.length >= STREAMS_PER_SEGMENT_MAX;
    if (!isFull) return last;
    await last?.seal();
    while (this.#isOverfull()) await this.#drop(this.#segments[0]);
    const segment = new LogSegment(this.#directory, (last?.number ?? 0) + 1);
    await segment.create();
    if (isDurable || this.#isNew) await syncDirectories(this.#directory, this.#isNew);
    this.#isNew = false;
    this.#segments.push(segment);
    return segment;
  }

  #isOverfull(): boolean {
    const room = limits.LOG_BYTES_PER_GROUP_MAX - SEGMENT_BYTES;
    return this.storedBytes > room || this.#segments.length >= SEGMENTS_MAX;
  }

  async #drop(segment: LogSegment | undefined): Promise<void> {
    if (segment === undefined) return;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    await segment.remove();
  }
}

/** As many records as a segment takes, its streams declared before their events. */
function recordsFor(
  segment: LogSegment,
  batches: readonly StreamEvents[],
  start: { readonly batch: number; readonly event: number },
  ingestedMs: number,
): { records: LogRecord[]; next: { batch: number; event: number } } {
  const records: LogRecord[] = [];
  const declared = new Map<string, number>();
  let bytes = segment.bytes;
  let { batch, event } = start;
  for (; batch < batches.length; batch++, event = 0) {
    const { stream: name, functionName, events } = batches[batch] as StreamEvents;
    const owner = functionName === undefined ? {} : { functionName };
    const key = `${functionName ?? ""}\n${name}`;
    let stream = segment.streamNumber({ name, ...owner }) ?? declared.get(key);
    if (stream === undefined) {
      stream = segment.streams.length + declared.size;
      declared.set(key, stream);
      records.push({ kind: "stream", declaration: { name, ...owner, createdMs: ingestedMs } });
    }
    for (; event < events.length; event++) {
      // A segment may grow beyond its size by one event: each call writes something.
      if (bytes >= SEGMENT_BYTES) return { records, next: { batch, event } };
      const { timestampMs, message } = events[event] as LogEvent;
      records.push({ kind: "event", stream, timestampMs, ingestedMs, message });
      bytes += eventBytes(message);
    }
  }
  return { records, next: { batch, event } };
}

/** The times that a scan can find anything at. */
function spanOf({ fromMs, toMs, from, before }: Scan): { fromMs: number; toMs: number } {
  return {
    fromMs: Math.max(fromMs, from?.timestampMs ?? 0),
    toMs: Math.min(toMs, before?.timestampMs ?? Number.POSITIVE_INFINITY),
  };
}

function joined(a: StreamFigures, b: StreamFigures): StreamFigures {
  const { functionName, ...rest } = a;
  const writer = functionName ?? b.functionName;
  const hasBoth = a.events > 0 && b.events > 0;
  return {
    ...rest,
    ...(writer === undefined ? {} : { functionName: writer }),
    createdMs: Math.min(a.createdMs, b.createdMs),
    events: a.events + b.events,
    firstMs: hasBoth ? Math.min(a.firstMs, b.firstMs) : a.firstMs + b.firstMs,
    lastMs: Math.max(a.lastMs, b.lastMs),
    lastIngestedMs: Math.max(a.lastIngestedMs, b.lastIngestedMs),
  };
}

/** Makes new names in a directory, and its own in its parents', last. */
async function syncDirectories(directory: string, isNew: boolean): Promise<void> {
  const paths = isNew ? [directory, dirname(directory), dirname(dirname(directory))] : [directory];
  for (const path of paths) {
    await using handle = await open(path, "r");
    await handle.sync();
  }
}
