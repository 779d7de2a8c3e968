import { type Clock, messageOf, PlatformError } from "../base/mod.ts";
import {
  type Decision,
  type DecisionRecord,
  type InvokeRequest,
  type InvokeResult,
  limits,
  type Owner,
} from "../model/mod.ts";
import type { ResolvedFunction } from "../registry/mod.ts";

/** Writes the story of one call as it goes. */
export class DecisionWriter {
  readonly record: DecisionRecord;
  readonly #clock: Clock;
  readonly #receivedAt: number;

  constructor(record: DecisionRecord, clock: Clock, receivedAt: number) {
    this.record = record;
    this.#clock = clock;
    this.#receivedAt = receivedAt;
  }

  note(step: string, choice: string, facts?: Decision["facts"], reason?: string): void {
    const atMs = this.#sinceReceived();
    const decision: Decision = { step, choice, atMs };
    if (facts === undefined && reason === undefined) this.record.decisions.push(decision);
    else {
      this.record.decisions.push({
        ...decision,
        ...(reason === undefined ? {} : { reason }),
        ...(facts === undefined ? {} : { facts }),
      });
    }
  }

  /** The call has an outcome. */
  finish({ outcome, report }: InvokeResult): void {
    this.note("run", outcome.status, { durationMs: report.durationMs });
    this.record.status = outcome.status;
    this.record.durationMs = this.#sinceReceived();
  }

  /** The platform did not run the call. */
  refuse(error: unknown): void {
    const choice = error instanceof PlatformError ? error.kind : "internal";
    this.note("refuse", choice, undefined, messageOf(error));
    this.record.status = "refused";
    this.record.durationMs = this.#sinceReceived();
  }

  #sinceReceived(): number {
    return Math.round((this.#clock.monotonic() - this.#receivedAt) * 1000) / 1000;
  }
}

/**
 * The decision records of recent calls, in memory: each owner keeps its last
 * DECISION_RECORDS_PER_OWNER_MAX, all together DECISION_RECORDS_MAX. A restart forgets them.
 */
export class DecisionRecords {
  readonly #clock: Clock;
  readonly #byOwner = new Map<Owner, Map<string, DecisionRecord>>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Opens the record of a call with what its name was resolved to. */
  begin(request: InvokeRequest, resolved: ResolvedFunction): DecisionWriter {
    const record: DecisionRecord = {
      requestId: request.requestId,
      owner: request.owner,
      functionArn: resolved.invokedArn,
      receivedAt: new Date(this.#clock.now()).toISOString(),
      decisions: [],
      status: "running",
    };
    this.#keep(record);
    const decisions = new DecisionWriter(record, this.#clock, request.receivedAt);
    const { version, alias } = resolved;
    decisions.note("resolve", version.version, undefined, alias && `alias ${alias}`);
    return decisions;
  }

  get(owner: Owner, requestId: string): DecisionRecord | undefined {
    return this.#byOwner.get(owner)?.get(requestId);
  }

  #keep(record: DecisionRecord): void {
    let ofOwner = this.#byOwner.get(record.owner);
    if (ofOwner === undefined) {
      ofOwner = new Map();
      this.#byOwner.set(record.owner, ofOwner);
    }
    if (!ofOwner.has(record.requestId)) this.#count++;
    ofOwner.set(record.requestId, record);
    if (ofOwner.size > limits.DECISION_RECORDS_PER_OWNER_MAX) this.#dropOldest(ofOwner);
    if (this.#count > limits.DECISION_RECORDS_MAX) this.#dropFromLargest();
  }

  #dropOldest(records: Map<string, DecisionRecord>): void {
    const oldest = records.keys().next();
    if (oldest.done) return;
    records.delete(oldest.value);
    this.#count--;
  }

  #dropFromLargest(): void {
    let largest: Map<string, DecisionRecord> | undefined;
    for (const records of this.#byOwner.values()) {
      if (largest === undefined || records.size > largest.size) largest = records;
    }
    if (largest !== undefined) this.#dropOldest(largest);
  }
}
