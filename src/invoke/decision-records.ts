import { type Clock, messageOf, PlatformError } from "../base/mod.ts";
import {
  type Decision,
  type DecisionRecord,
  type InvokeRequest,
  type InvokeResult,
  limits,
  type Owner,
} from "../model/mod.ts";
import { capacityProviderOf, type ResolvedFunction } from "../registry/mod.ts";

/** A record as it is kept: its time becomes text only when somebody asks. */
type KeptRecord = Omit<DecisionRecord, "receivedAt"> & { readonly receivedAtMs: number };

/** Writes the story of one call as it goes. */
export class DecisionWriter {
  readonly record: KeptRecord;
  readonly #clock: Clock;
  readonly #receivedAt: number;

  constructor(record: KeptRecord, clock: Clock, receivedAt: number) {
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

/** The last records of one owner; the newest overwrites the oldest. */
class Ring {
  readonly #records: KeptRecord[] = [];
  #next = 0;

  get size(): number {
    return this.#records.length;
  }

  push(record: KeptRecord): void {
    this.#records[this.#next] = record;
    this.#next = (this.#next + 1) % limits.DECISION_RECORDS_PER_OWNER_MAX;
  }

  /** The newest of that id: a call that is tried again keeps its id. */
  find(requestId: string): KeptRecord | undefined {
    const { length } = this.#records;
    for (let age = 1; age <= length; age++) {
      const record = this.#records[(this.#next - age + length) % length];
      if (record?.requestId === requestId) return record;
    }
    return undefined;
  }
}

/**
 * The decision records of recent calls, in memory: each owner keeps its last
 * DECISION_RECORDS_PER_OWNER_MAX; when all have more than DECISION_RECORDS_MAX, those of the owner
 * who began to call first are forgotten. A restart forgets them all. Writing is on the way
 * of every call and costs an array store; reading searches.
 */
export class DecisionRecords {
  readonly #clock: Clock;
  /** In the order in which their owners first called since they were last forgotten. */
  readonly #rings = new Map<Owner, Ring>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Opens the record of a call with what its name was resolved to. */
  begin(request: InvokeRequest, resolved: ResolvedFunction): DecisionWriter {
    const record: KeptRecord = {
      requestId: request.requestId,
      owner: request.owner,
      functionArn: resolved.invokedArn,
      receivedAtMs: this.#clock.now(),
      decisions: [],
      status: "running",
    };
    this.#keep(record);
    const decisions = new DecisionWriter(record, this.#clock, request.receivedAt);
    const { version, alias } = resolved;
    const capacityProvider = capacityProviderOf(version);
    const facts = capacityProvider === undefined ? undefined : { capacityProvider };
    decisions.note("resolve", version.version, facts, alias && `alias ${alias}`);
    return decisions;
  }

  get(owner: Owner, requestId: string): DecisionRecord | undefined {
    const kept = this.#rings.get(owner)?.find(requestId);
    if (kept === undefined) return undefined;
    const { receivedAtMs, ...record } = kept;
    return { ...record, receivedAt: new Date(receivedAtMs).toISOString() };
  }

  #keep(record: KeptRecord): void {
    let ring = this.#rings.get(record.owner);
    if (ring === undefined) {
      ring = new Ring();
      this.#rings.set(record.owner, ring);
    }
    const before = ring.size;
    ring.push(record);
    this.#count += ring.size - before;
    if (this.#count > limits.DECISION_RECORDS_MAX) this.#forgetOldest(record.owner);
  }

  #forgetOldest(spared: Owner): void {
    for (const [owner, ring] of this.#rings) {
      if (owner === spared) continue;
      this.#rings.delete(owner);
      this.#count -= ring.size;
      return;
    }
  }
}
