import { open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeRecords, type LogRecord, type StreamDeclaration } from "./log-record.core.ts";

/** What a segment says of one stream. */
export interface StreamFigures extends StreamDeclaration {
  readonly events: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly lastIngestedMs: number;
  /** The stream was deleted later in this segment: its events up to there are gone. */
  readonly isRemoved: boolean;
}

type OpenFigures = { -readonly [Member in keyof StreamFigures]: StreamFigures[Member] };

/** What must be known of a segment without reading it. */
interface SegmentFigures {
  /** Length of the whole records in the file. */
  readonly bytes: number;
  /** Null when there are no events. */
  readonly firstMs: number | null;
  readonly lastMs: number | null;
  /** By their number in the segment. */
  readonly streams: readonly StreamFigures[];
  /** Streams that were deleted while this segment was written: earlier segments' too are gone. */
  readonly removals: readonly string[];
}

/**
 * One append-only file of a group's events, with its figures in memory: the span of time it covers
 * and its streams. A full one gets its figures written beside it, so that it need not be read to be
 * opened.
 */
export class LogSegment {
  readonly number: number;
  readonly #directory: string;
  bytes = 0;
  firstMs: number = Number.POSITIVE_INFINITY;
  lastMs: number = Number.NEGATIVE_INFINITY;
  readonly #streams: OpenFigures[] = [];
  readonly removals: string[] = [];
  /** By function and name: the number under which events can still be added. */
  readonly #open = new Map<string, number>();
  /** Whether the file is known to end with its last whole record. */
  #isClean = false;

  constructor(directory: string, number: number) {
    this.#directory = directory;
    this.number = number;
  }

  /** A segment that is there, by its index or else by reading it. */
  static async load(directory: string, number: number): Promise<LogSegment> {
    const segment = new LogSegment(directory, number);
    const indexed = await readIndex(segment.#indexPath);
    if (indexed === undefined) await segment.#scan();
    else segment.#take(indexed);
    return segment;
  }

  /** What is known of its streams now. */
  get streams(): readonly StreamFigures[] {
    return this.#streams;
  }

  /** Makes the empty file of a new segment. */
  async create(): Promise<void> {
    await using _ = await open(this.#path, "w", 0o600);
  }

  /** The number of a stream that may get events here; undefined when it is not declared. */
  streamNumber({ name, functionName }: Omit<StreamDeclaration, "createdMs">): number | undefined {
    return this.#open.get(openKey(name, functionName));
  }

  /**
   * Adds encoded records behind the last whole one.
   * @param isDurable whether to wait for the disk
   */
  async append(bytes: Buffer, records: readonly LogRecord[], isDurable: boolean): Promise<void> {
    await using file = await open(this.#path, this.bytes === 0 ? "w" : "r+");
    // A crash or a failed write may have left something behind the last whole record.
    if (!this.#isClean) await file.truncate(this.bytes);
    this.#isClean = false;
    await file.write(bytes, 0, bytes.length, this.bytes);
    if (isDurable) await file.datasync();
    this.#isClean = true;
    this.bytes += bytes.length;
    for (const record of records) this.#note(record);
  }

  /** The whole records; empty when the segment was deleted meanwhile. */
  async read(): Promise<Buffer> {
    return (await readIfPresent(this.#path)).subarray(0, this.bytes);
  }

  /** Writes the figures of a segment that gets no more records. */
  async seal(): Promise<void> {
    const { bytes, firstMs, lastMs, streams, removals } = this;
    const temporary = `${this.#indexPath}.tmp`;
    await writeFile(temporary, JSON.stringify({ bytes, firstMs, lastMs, streams, removals }));
    await rename(temporary, this.#indexPath);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
    await rm(this.#indexPath, { force: true });
  }

  get #path(): string {
    return join(this.#directory, `${segmentName(this.number)}.log`);
  }

  get #indexPath(): string {
    return join(this.#directory, `${segmentName(this.number)}.json`);
  }

  async #scan(): Promise<void> {
    for (const { record, end } of decodeRecords(await readIfPresent(this.#path))) {
      this.bytes = end;
      this.#note(record);
    }
  }

  #take(figures: SegmentFigures): void {
    this.bytes = figures.bytes;
    this.firstMs = figures.firstMs ?? this.firstMs;
    this.lastMs = figures.lastMs ?? this.lastMs;
    for (const stream of figures.streams) this.#streams.push({ ...stream });
    this.removals.push(...figures.removals);
  }

  #note(record: LogRecord): void {
    if (record.kind === "stream") this.#declare(record.declaration);
    else if (record.kind === "removal") this.#removeStream(record.streamName);
    else {
      const { stream, timestampMs, ingestedMs } = record;
      this.firstMs = Math.min(this.firstMs, timestampMs);
      this.lastMs = Math.max(this.lastMs, timestampMs);
      const figures = this.#streams[stream];
      if (figures === undefined) return;
      figures.firstMs = figures.events === 0 ? timestampMs : Math.min(figures.firstMs, timestampMs);
      figures.lastMs = Math.max(figures.lastMs, timestampMs);
      figures.lastIngestedMs = Math.max(figures.lastIngestedMs, ingestedMs);
      figures.events++;
    }
  }

  #declare(declaration: StreamDeclaration): void {
    this.#open.set(openKey(declaration.name, declaration.functionName), this.streams.length);
    const none = { events: 0, firstMs: 0, lastMs: 0, lastIngestedMs: 0, isRemoved: false };
    this.#streams.push({ ...declaration, ...none });
  }

  #removeStream(name: string): void {
    this.removals.push(name);
    for (const stream of this.#streams) {
      if (stream.name !== name) continue;
      stream.isRemoved = true;
      this.#open.delete(openKey(name, stream.functionName));
    }
  }
}

/** Numbers of the segments in a directory, ascending; none when there is no such directory. */
export function segmentNumbers(fileNames: readonly string[]): number[] {
  return fileNames
    .flatMap((name) => /^(\d{12})\.log$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function segmentName(number: number): string {
  return String(number).padStart(12, "0");
}

function openKey(name: string, functionName = ""): string {
  return `${functionName}\n${name}`;
}

/** An index torn by a crash counts as none: the segment itself says it all. */
async function readIndex(path: string): Promise<SegmentFigures | undefined> {
  const text = (await readIfPresent(path)).toString();
  try {
    const figures = JSON.parse(text) as Partial<SegmentFigures>;
    const isWhole = Array.isArray(figures.streams) && Array.isArray(figures.removals);
    return isWhole ? (figures as SegmentFigures) : undefined;
  } catch {
    return undefined;
  }
}

async function readIfPresent(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
