import type { ExecutionState } from "./execution.ts";
import type { Operation } from "./operation.ts";

/** Some operations and where the rest begins; `next` is absent on the last page. */
export interface OperationPage {
  readonly operations: readonly Operation[];
  /** Sequence number after which the next page begins. */
  readonly next?: number;
}

export interface PageBounds {
  /** Operations up to this sequence number are left out. */
  readonly after?: number;
  readonly itemsMax: number;
  readonly bytesMax: number;
  /** Whether a page holds one operation at least, however large. */
  readonly isNeverEmpty: boolean;
}

/**
 * One page of what a function needs to replay: everything but the inside of contexts that have
 * ended, whose result is enough, unless they ask for it.
 */
export function replayPage(state: ExecutionState, bounds: PageBounds): OperationPage {
  const operations: Operation[] = [];
  let bytes = 0;
  let last = bounds.after ?? -1;
  for (const operation of replayed(state.operations)) {
    if (operation.sequence <= (bounds.after ?? -1)) continue;
    bytes += Buffer.byteLength(JSON.stringify(operation));
    const mayBeFirst = bounds.isNeverEmpty && operations.length === 0;
    const isFull = operations.length === bounds.itemsMax || bytes > bounds.bytesMax;
    if (isFull && !mayBeFirst) return { operations, next: last };
    operations.push(operation);
    last = operation.sequence;
  }
  return { operations };
}

function* replayed(operations: ReadonlyMap<string, Operation>): Generator<Operation> {
  const hidden = new Set<string>();
  for (const operation of operations.values()) {
    const parent =
      operation.parentId === undefined ? undefined : operations.get(operation.parentId);
    const isClosed = parent?.endedAt !== undefined && !parent.replayChildren;
    if (parent && (isClosed || hidden.has(parent.id))) {
      hidden.add(operation.id);
      continue;
    }
    yield operation;
  }
}
