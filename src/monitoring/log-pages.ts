import { nextTurn } from "../base/mod.ts";
import { type EventKey, FIRST_KEY, keyAfter, type StoredEvent } from "./log-event.ts";
import type { LogGroup, Scan } from "./log-group.ts";

/** Times between which events are wanted, both inclusive. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Where in a stream a page begins, going forward, or ends, going backward. */
export type PagePosition =
  | { readonly from: EventKey }
  | { readonly before: EventKey }
  /** The first events there are, or the last. */
  | "head"
  | "tail";

export interface StreamPageRequest extends TimeSpan {
  readonly stream: string;
  readonly position: PagePosition;
  readonly limit: number;
}

export interface StreamPage {
  /** Earliest first. */
  readonly events: readonly StoredEvent[];
  /** The page behind this one begins here. */
  readonly forward: EventKey;
  /** The page before this one ends here. */
  readonly backward: EventKey;
}

export interface FilterPageRequest extends TimeSpan {
  wants(stream: string): boolean;
  matches(message: Buffer): boolean;
  readonly from?: EventKey;
  readonly limit: number;
}

export interface FilterPage {
  readonly events: readonly StoredEvent[];
  /** Where to go on; absent when all was looked at. */
  readonly next?: EventKey;
}

/** Messages of one answer. AWS: 1 MB. */
const PAGE_BYTES_MAX = 1024 * 1024;
/** What an event counts beside its message. AWS: 26 bytes. */
const EVENT_BYTES = 26;
/** Messages that one request looks at; ours: a search goes on with the next request. */
const SEARCH_BYTES_MAX = 4 * 1024 * 1024;
/** What it looks at before others have their turn; ours. */
const TURN_BYTES = 256 * 1024;

/** The events of one stream beside a position. */
export async function streamPage(group: LogGroup, request: StreamPageRequest): Promise<StreamPage> {
  const { stream, position, limit, fromMs, toMs } = request;
  const isDescending =
    position === "tail" || (typeof position === "object" && "before" in position);
  const scan: Scan = {
    ...{ fromMs, toMs, isDescending },
    ...(typeof position === "object" ? position : {}),
    wants: ({ name }) => name === stream,
  };
  const events: StoredEvent[] = [];
  let bytes = 0;
  for await (const event of group.scan(scan)) {
    bytes += event.message.length + EVENT_BYTES;
    if (events.length >= limit || (bytes > PAGE_BYTES_MAX && events.length > 0)) break;
    events.push(event);
  }
  if (isDescending) events.reverse();
  const first = events[0];
  const last = events.at(-1);
  const here = keyOf(position);
  return {
    events,
    forward: last === undefined ? here : keyAfter(last.key),
    backward: first === undefined ? here : first.key,
  };
}

/** The events of a group's streams that match, in order of time. */
export async function filterPage(group: LogGroup, request: FilterPageRequest): Promise<FilterPage> {
  const { fromMs, toMs, from, limit, matches } = request;
  const events: StoredEvent[] = [];
  let found = 0;
  let searched = 0;
  let turnEnds = TURN_BYTES;
  const scan: Scan = {
    ...{ fromMs, toMs, isDescending: false },
    ...(from === undefined ? {} : { from }),
    wants: ({ name }) => request.wants(name),
  };
  for await (const event of group.scan(scan)) {
    searched += event.message.length + EVENT_BYTES;
    if (searched > SEARCH_BYTES_MAX) return { events, next: event.key };
    if (searched > turnEnds) {
      turnEnds = searched + TURN_BYTES;
      await nextTurn();
    }
    if (!matches(event.message)) continue;
    found += event.message.length + EVENT_BYTES;
    const isFull = events.length >= limit || (found > PAGE_BYTES_MAX && events.length > 0);
    if (isFull) return { events, next: event.key };
    events.push(event);
  }
  return { events };
}

/** The latest lines of a function, as text. */
export async function lastLines(
  group: LogGroup,
  functionName: string,
  fromMs: number,
  lineCount: number,
): Promise<Buffer> {
  const scan: Scan = {
    ...{ fromMs, toMs: Number.MAX_SAFE_INTEGER, isDescending: true },
    wants: (stream) => stream.functionName === functionName,
  };
  const messages: Buffer[] = [];
  let lines = 0;
  for await (const { message } of group.scan(scan)) {
    if (lines >= lineCount) break;
    messages.push(LINE_END, message);
    lines += 1 + countLineEnds(message);
  }
  return endOf(Buffer.concat(messages.reverse()), lineCount);
}

function keyOf(position: PagePosition): EventKey {
  if (typeof position === "string") return FIRST_KEY;
  return "from" in position ? position.from : position.before;
}

const NEWLINE = 10;
const LINE_END = Buffer.from("\n");

function countLineEnds(message: Buffer): number {
  let count = 0;
  for (let at = message.indexOf(NEWLINE); at !== -1; at = message.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** The last lines of a text that ends with a line end. */
function endOf(text: Buffer, lineCount: number): Buffer {
  let start = text.length;
  for (let line = 0; line < lineCount && start > 0; line++) {
    start = start < 2 ? 0 : text.lastIndexOf(NEWLINE, start - 2) + 1;
  }
  return text.subarray(start);
}
