import type { Owner } from "../model/mod.ts";

/** One message as a function or a client wrote it, without its final newline. */
export interface LogEvent {
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
  readonly message: Buffer;
}

/** Where a function's events go: one stream of a group of its owner. */
export interface LogTarget {
  readonly owner: Owner;
  readonly functionName: string;
  readonly group: string;
  readonly stream: string;
}

/**
 * Where an event stands among all of its group: by time, then by its place on disk. Keys never
 * change while the event exists.
 */
export interface EventKey {
  readonly timestampMs: number;
  readonly segment: number;
  readonly offset: number;
}

/** An event as it is kept. */
export interface StoredEvent extends LogEvent {
  readonly key: EventKey;
  readonly stream: string;
  readonly ingestedMs: number;
}

/** The key before all others. */
export const FIRST_KEY: EventKey = { timestampMs: 0, segment: 0, offset: 0 };

export function compareKeys(a: EventKey, b: EventKey): number {
  return a.timestampMs - b.timestampMs || a.segment - b.segment || a.offset - b.offset;
}

/** The key that an event directly after this one could have at the least. */
export function keyAfter(key: EventKey): EventKey {
  return { ...key, offset: key.offset + 1 };
}

const DIGITS = { timestampMs: 16, segment: 20, offset: 20 } as const;

/** 56 decimal digits, as CloudWatch's event ids have; they sort as the keys do. */
export function keyText(key: EventKey): string {
  return (
    String(key.timestampMs).padStart(DIGITS.timestampMs, "0") +
    String(key.segment).padStart(DIGITS.segment, "0") +
    String(key.offset).padStart(DIGITS.offset, "0")
  );
}

/** The key that `text` stands for; undefined when it stands for none. */
export function parseKey(text: string): EventKey | undefined {
  if (!/^\d{56}$/.test(text)) return undefined;
  const key = {
    timestampMs: Number(text.slice(0, 16)),
    segment: Number(text.slice(16, 36)),
    offset: Number(text.slice(36)),
  };
  return Object.values(key).every(Number.isSafeInteger) ? key : undefined;
}
