import type { ExecutionRecord, ExecutionState, Transition } from "./execution.ts";
import type { HistoryEvent, Operation } from "./operation.ts";

/** A transition in the making. The state it began with stays as it was. */
export class Draft {
  readonly nowMs: number;
  readonly #before: ExecutionState;
  #record: ExecutionRecord;
  readonly #operations: Map<string, Operation>;
  readonly #changed = new Set<string>();
  readonly #events: HistoryEvent[] = [];

  constructor(state: ExecutionState, nowMs: number) {
    this.#before = state;
    this.#record = state.record;
    this.#operations = new Map(state.operations);
    this.nowMs = nowMs;
  }

  get record(): ExecutionRecord {
    return this.#record;
  }

  get operations(): ReadonlyMap<string, Operation> {
    return this.#operations;
  }

  set(change: Partial<ExecutionRecord>): void {
    this.#record = { ...this.#record, ...change };
  }

  /** Adds an operation, or puts another state of it in its place. */
  put(operation: Operation): Operation {
    if (!this.#operations.has(operation.id)) {
      this.set({ operationCount: this.#record.operationCount + 1 });
    }
    this.#operations.set(operation.id, operation);
    this.#changed.add(operation.id);
    return operation;
  }

  /** Writes a line of history. */
  note(type: string, operation: Operation | undefined, details: HistoryEvent["details"]): void {
    const id = this.#record.eventCount + 1;
    const event = { id, type, at: this.nowMs, details };
    const about = operation && {
      id: operation.id,
      ...(operation.name === undefined ? {} : { name: operation.name }),
      ...(operation.parentId === undefined ? {} : { parentId: operation.parentId }),
      ...(operation.subType === undefined ? {} : { subType: operation.subType }),
    };
    this.#events.push(about ? { ...event, operation: about } : event);
    const bytes = Buffer.byteLength(JSON.stringify(details));
    this.set({ eventCount: id, storedBytes: this.#record.storedBytes + bytes });
  }

  /** Has the function told of an operation that changed without it. */
  announce(id: string): void {
    const { updated } = this.#record;
    this.set({ wake: true, updated: updated.includes(id) ? updated : [...updated, id] });
  }

  /** Operations that this draft changed so far. */
  changedIds(): ReadonlySet<string> {
    return this.#changed;
  }

  /** The transition; its state is the very one it began with when nothing changed. */
  finish(): Transition {
    if (this.#record === this.#before.record && this.#changed.size === 0) {
      return { state: this.#before, changed: [], events: [] };
    }
    const changed = [...this.#changed].flatMap((id) => this.#operations.get(id) ?? []);
    const state = { record: this.#record, operations: this.#operations };
    return { state, changed, events: this.#events };
  }
}
