import { limits, type Owner } from "../model/mod.ts";
import type { LogEvent, LogTarget } from "./log-event.ts";
import type { StreamEvents } from "./log-group.ts";

/** What an event costs in memory beside its message: a flood of empty lines is bounded too. */
const EVENT_BYTES = 64;
/** Share of the room that is left which one function may take. */
const SHARE = 1 / 4;

/** Events of one function that wait for the disk. */
export interface LogQueue {
  readonly owner: Owner;
  readonly functionName: string;
  readonly group: string;
  /** Name of the owner's group: queues with the same one write to the same files. */
  readonly groupKey: string;
}

interface OpenQueue extends LogQueue {
  waiting: (StreamEvents & { readonly bytes: number })[];
  bytes: number;
  dropped: { bytes: number; events: number; stream: string } | undefined;
}

/**
 * Events on their way to the disk, one queue a function. What one function may hold shrinks with
 * the room that is left for all, so there is always some for a function that logs little.
 */
export class LogQueues {
  readonly #queues = new Map<string, OpenQueue>();
  #bytes = 0;

  /** Bytes that wait, of all functions. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** Adds events; none of them, and a note, when the function holds too much already. */
  add(target: LogTarget, events: readonly LogEvent[]): void {
    const queue = this.#queueOf(target);
    const { stream, functionName } = target;
    const bytes = events.reduce((sum, { message }) => sum + message.length + EVENT_BYTES, 0);
    const room = (limits.LOG_PENDING_BYTES_MAX - this.#bytes) * SHARE;
    if (queue.bytes + bytes > Math.min(limits.LOG_PENDING_BYTES_PER_FUNCTION_MAX, room)) {
      queue.dropped ??= { bytes: 0, events: 0, stream };
      queue.dropped.bytes += bytes - events.length * EVENT_BYTES;
      queue.dropped.events += events.length;
      return;
    }
    queue.waiting.push({ stream, functionName, events, bytes });
    queue.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Functions with events that wait, those that waited longest first. */
  ready(): LogQueue[] {
    return [...this.#queues.values()];
  }

  /** Takes the oldest events of a function, about `bytesMax` of them. */
  take(queue: LogQueue, bytesMax: number, nowMs: number): StreamEvents[] {
    const open = this.#queues.get(keyOf(queue));
    if (open === undefined) return [];
    const taken: StreamEvents[] = [];
    let bytes = 0;
    while (bytes < bytesMax) {
      const next = open.waiting.shift();
      if (next === undefined) break;
      bytes += next.bytes;
      taken.push(next);
    }
    open.bytes -= bytes;
    this.#bytes -= bytes;
    if (open.waiting.length > 0) return taken;
    this.#queues.delete(keyOf(queue));
    if (open.dropped !== undefined) taken.push(noteOf(open, open.dropped, nowMs));
    return taken;
  }

  #queueOf({ owner, functionName, group }: LogTarget): OpenQueue {
    const key = keyOf({ owner, functionName, group });
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      const groupKey = `${owner}/${group}`;
      queue = {
        ...{ owner, functionName, group, groupKey },
        ...{ waiting: [], bytes: 0, dropped: undefined },
      };
      this.#queues.set(key, queue);
    }
    return queue;
  }
}

function keyOf(queue: Pick<LogTarget, "owner" | "functionName" | "group">): string {
  return `${queue.owner}/${queue.functionName}/${queue.group}`;
}

function noteOf(
  { functionName }: OpenQueue,
  dropped: { readonly bytes: number; readonly events: number; readonly stream: string },
  timestampMs: number,
): StreamEvents {
  const text =
    `[hearth] ${dropped.events} log events of ${dropped.bytes} bytes dropped: ` +
    "the function logs faster than its log is written";
  return {
    stream: dropped.stream,
    functionName,
    events: [{ timestampMs, message: Buffer.from(text) }],
  };
}
