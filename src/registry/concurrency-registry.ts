import { limits, type Owner } from "../model/mod.ts";
import { requireWithinReserved } from "./provisioned-registry.ts";
import { heldConcurrency } from "./record.ts";
import type { Reservations } from "./reservations.ts";
import type { Resolver } from "./resolve.ts";
import type { FunctionStore } from "./store.ts";
import type { Usage, UsageLedger } from "./usage.ts";

/** Limits and use of an account, in AWS's terms. */
export interface AccountSettings {
  readonly concurrency: number;
  /** What no function has reserved for itself. */
  readonly unreservedConcurrency: number;
  readonly codeBytesMax: number;
  readonly unpackedBytesMax: number;
  readonly zipBytesMax: number;
  readonly usage: Usage;
}

export interface ConcurrencyRegistryOptions {
  readonly store: FunctionStore;
  readonly reservations: Reservations;
  readonly usage: UsageLedger;
  readonly resolver: Resolver;
}

/** Shares of the account's concurrency that belong to one function; part of the registry. */
export class ConcurrencyRegistry {
  readonly #store: FunctionStore;
  readonly #reservations: Reservations;
  readonly #usage: UsageLedger;
  readonly #resolver: Resolver;

  constructor(options: ConcurrencyRegistryOptions) {
    this.#store = options.store;
    this.#reservations = options.reservations;
    this.#usage = options.usage;
    this.#resolver = options.resolver;
  }

  /**
   * Reserves `calls` concurrent calls for the function; 0 refuses all calls.
   * @throws PlatformError kinds "not_found", "invalid", "conflict"
   */
  async put(owner: Owner, name: string, calls: number): Promise<void> {
    await this.#store.change(owner, name, async (record) => {
      const after = { ...record, reservedConcurrency: calls };
      requireWithinReserved(after);
      const growth = heldConcurrency(after) - heldConcurrency(record);
      const write = await this.#reservations.writeOf(owner, growth);
      return { record: after, writes: [write], result: undefined };
    });
    await this.#changed(owner, name);
  }

  /** @throws PlatformError kind "not_found" */
  async get(owner: Owner, name: string): Promise<number | undefined> {
    return (await this.#store.read(owner, name)).reservedConcurrency;
  }

  /** @throws PlatformError kinds "not_found", "conflict" */
  async delete(owner: Owner, name: string): Promise<void> {
    await this.#store.change(owner, name, async (record) => {
      const { reservedConcurrency, ...rest } = record;
      if (reservedConcurrency === undefined) return { result: undefined };
      const growth = heldConcurrency(rest) - reservedConcurrency;
      const write = await this.#reservations.writeOf(owner, growth);
      return { record: rest, writes: [write], result: undefined };
    });
    await this.#changed(owner, name);
  }

  async accountSettings(owner: Owner): Promise<AccountSettings> {
    await this.#reservations.refresh(owner);
    return {
      concurrency: limits.ACCOUNT_CONCURRENCY,
      unreservedConcurrency: this.#reservations.unreserved(owner),
      codeBytesMax: limits.ACCOUNT_CODE_BYTES_MAX,
      unpackedBytesMax: limits.PACKAGE_UNPACKED_BYTES_MAX,
      zipBytesMax: limits.PACKAGE_ZIP_BYTES_MAX,
      usage: await this.#usage.of(owner),
    };
  }

  async #changed(owner: Owner, name: string): Promise<void> {
    this.#resolver.forget(owner, name);
    await this.#reservations.refresh(owner);
  }
}
