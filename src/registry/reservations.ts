import { PlatformError } from "../base/mod.ts";
import type { TableStore, Write } from "../engine/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import { RESERVATIONS, type ReservationRecord } from "./record.ts";

/**
 * How much of an owner's concurrency its functions have reserved. The sum is a document that every
 * reservation changes on condition; what was last seen of it answers without waiting.
 */
export class Reservations {
  readonly #table: TableStore;
  /** One small entry for each owner whose functions were called: bounded by ACCOUNTS_MAX. */
  readonly #seen = new Map<Owner, { readonly reserved: number; readonly revision: number }>();

  constructor(table: TableStore) {
    this.#table = table;
  }

  /** Concurrency that is left to all functions without a reservation, as last seen. */
  unreserved(owner: Owner): number {
    return limits.ACCOUNT_CONCURRENCY - (this.#seen.get(owner)?.reserved ?? 0);
  }

  /** Makes sure that `unreserved` rests on the document. */
  async see(owner: Owner): Promise<void> {
    if (!this.#seen.has(owner)) await this.refresh(owner);
  }

  /** Reads the document again; call after every commit that changes it. */
  async refresh(owner: Owner): Promise<void> {
    const read = await this.#read(owner);
    const seen = this.#seen.get(owner);
    // Two refreshes may finish in either order.
    if (!seen || seen.revision < read.revision) this.#seen.set(owner, read);
  }

  /**
   * The write that reserves `growth` more, or gives back when it is negative.
   * @throws PlatformError kind "invalid" when too little would stay unreserved
   */
  async writeOf(owner: Owner, growth: number): Promise<Write> {
    const { reserved, revision } = await this.#read(owner);
    const left = limits.ACCOUNT_CONCURRENCY - reserved - growth;
    if (growth > 0 && left < limits.UNRESERVED_CONCURRENCY_MIN) throw tooMuchReserved();
    const value: ReservationRecord = { reserved: reserved + growth };
    return { table: RESERVATIONS, key: owner, value, ifRevision: revision };
  }

  async #read(owner: Owner): Promise<{ reserved: number; revision: number }> {
    const document = await this.#table.get<ReservationRecord>(RESERVATIONS, owner);
    return { reserved: document?.value.reserved ?? 0, revision: document?.revision ?? 0 };
  }
}

function tooMuchReserved(): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "ReservedConcurrentExecutions" },
    "Specified ReservedConcurrentExecutions for function decreases account's " +
      `UnreservedConcurrentExecution below its minimum value of [${limits.UNRESERVED_CONCURRENCY_MIN}].`,
  );
}
