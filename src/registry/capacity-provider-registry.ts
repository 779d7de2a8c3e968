import { type Clock, isPlatformError, PlatformError } from "../base/mod.ts";
import { type FunctionVersion, limits, type Owner } from "../model/mod.ts";
import { capacityProviderArn, capacityProviderOf } from "./capacity-provider.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { everyVersion } from "./listing.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import { CAPACITY_PROVIDERS } from "./record.ts";
import type { FunctionStore } from "./store.ts";
import { requireTags } from "./tags.core.ts";

/** A named place for functions, as its owner described it. */
export interface CapacityProvider {
  readonly owner: Owner;
  readonly name: string;
  readonly arn: string;
  readonly state: "Active" | "Deleting";
  readonly lastModified: string;
  /** AWS's members of the description, as given. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Capacity providers of owners. There is nothing to prepare for one here, so it is Active from its
 * first moment and gone when it is deleted. One that a version uses cannot be deleted.
 */
export class CapacityProviderRegistry {
  readonly #store: FunctionStore;
  readonly #clock: Clock;
  readonly #lock = new KeyedLock();

  constructor({ store, clock }: Pick<RegistryParts, "store" | "clock">) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws PlatformError kinds "already_exists", "invalid" (tags), "quota" */
  async create(
    owner: Owner,
    name: string,
    settings: Readonly<Record<string, unknown>>,
    tags: Readonly<Record<string, string>> = {},
  ): Promise<CapacityProvider> {
    requireTags(tags);
    using _ = await this.#lock.acquire(owner);
    await this.#requireRoom(owner);
    const arn = capacityProviderArn(this.#store.region, owner, name);
    const lastModified = this.#now();
    const provider: CapacityProvider = {
      ...{ owner, name, arn, state: "Active", lastModified, settings, tags },
    };
    const write = { table: CAPACITY_PROVIDERS, key: keyOf(owner, name), value: provider };
    try {
      await this.#store.table.commit([{ ...write, ifRevision: 0 }]);
    } catch (error) {
      if (!isPlatformError(error, "precondition_failed")) throw error;
      throw new PlatformError(
        { kind: "already_exists", resource: "capacity provider", id: arn },
        `Capacity provider already exists: ${arn}`,
        { cause: error },
      );
    }
    return provider;
  }

  /** @throws PlatformError kind "not_found" */
  async get(owner: Owner, name: string): Promise<CapacityProvider> {
    const key = keyOf(owner, name);
    const found = await this.#store.table.get<CapacityProvider>(CAPACITY_PROVIDERS, key);
    if (found) return found.value;
    const arn = capacityProviderArn(this.#store.region, owner, name);
    throw new PlatformError(
      { kind: "not_found", resource: "capacity provider", id: arn },
      `Capacity provider not found: ${arn}`,
    );
  }

  /** Replaces the given settings. @throws PlatformError kind "not_found" */
  update(
    owner: Owner,
    name: string,
    changed: Readonly<Record<string, unknown>>,
  ): Promise<CapacityProvider> {
    return this.#change(owner, name, (before) => ({
      ...before,
      settings: { ...before.settings, ...changed },
      lastModified: this.#now(),
    }));
  }

  /**
   * Adds or replaces `added`, then removes the tags named in `removed`.
   * @throws PlatformError kinds "not_found", "invalid"
   */
  async changeTags(
    owner: Owner,
    name: string,
    added: Readonly<Record<string, string>>,
    removed: readonly string[] = [],
  ): Promise<void> {
    await this.#change(owner, name, (before) => {
      const merged = Object.entries({ ...before.tags, ...added });
      const tags = Object.fromEntries(merged.filter(([key]) => !removed.includes(key)));
      requireTags(tags);
      return { ...before, tags };
    });
  }

  /**
   * @returns the provider as it is while it goes
   * @throws PlatformError kinds "not_found", "conflict" (a version uses it)
   */
  async delete(owner: Owner, name: string): Promise<CapacityProvider> {
    using _ = await this.#lock.acquire(owner);
    const provider = await this.get(owner, name);
    for await (const version of this.#users(provider)) {
      throw new PlatformError(
        { kind: "conflict", resource: "capacity provider", id: provider.arn },
        `Capacity provider ${provider.arn} is in use by function version ${version.arn}`,
      );
    }
    await this.#store.table.commit([
      { table: CAPACITY_PROVIDERS, key: keyOf(owner, name), delete: true },
    ]);
    return { ...provider, state: "Deleting" };
  }

  /** By name. */
  async list(owner: Owner, request: PageRequest = {}): Promise<Page<CapacityProvider>> {
    const limit = pageLimit(request);
    const after = keyOf(owner, request.marker === undefined ? "" : decodeMarker(request.marker));
    const options = { prefix: keyOf(owner, ""), after, limit: limit + 1 };
    const page = await this.#store.table.list<CapacityProvider>(CAPACITY_PROVIDERS, options);
    const items = page.slice(0, limit).map(({ value }) => value);
    const last = items.at(-1);
    return last && page.length > limit ? { items, next: encodeMarker(last.name) } : { items };
  }

  /** Versions made for a provider, by name and number. @throws PlatformError kind "not_found" */
  async versions(
    owner: Owner,
    name: string,
    request: PageRequest = {},
  ): Promise<Page<FunctionVersion> & { readonly arn: string }> {
    const provider = await this.get(owner, name);
    const limit = pageLimit(request);
    const after = request.marker === undefined ? undefined : decodeMarker(request.marker);
    const items: FunctionVersion[] = [];
    let last = "";
    for await (const { position, version } of everyVersion(this.#store.table, owner, after)) {
      if (capacityProviderOf(version) !== provider.arn) continue;
      if (items.length === limit) return { arn: provider.arn, items, next: encodeMarker(last) };
      items.push(version);
      last = position;
    }
    return { arn: provider.arn, items };
  }

  /**
   * Makes sure that a provider exists, and keeps it from being deleted until the result is disposed
   * of: then a function refers to it.
   * @throws PlatformError kind "invalid" when the owner has no such provider
   */
  async hold(owner: Owner, arn: string): Promise<Disposable> {
    const held = await this.#lock.acquire(owner);
    try {
      const name = arn.slice(arn.lastIndexOf(":") + 1);
      await this.get(owner, name);
      if (arn === capacityProviderArn(this.#store.region, owner, name)) return held;
    } catch (error) {
      held[Symbol.dispose]();
      if (!isPlatformError(error, "not_found")) throw error;
      throw unknownProvider(arn, error);
    }
    held[Symbol.dispose]();
    throw unknownProvider(arn);
  }

  async #change(
    owner: Owner,
    name: string,
    step: (before: CapacityProvider) => CapacityProvider,
  ): Promise<CapacityProvider> {
    using _ = await this.#lock.acquire(owner);
    const value = step(await this.get(owner, name));
    await this.#store.table.commit([{ table: CAPACITY_PROVIDERS, key: keyOf(owner, name), value }]);
    return value;
  }

  async *#users(provider: CapacityProvider): AsyncGenerator<FunctionVersion> {
    for await (const { version } of everyVersion(this.#store.table, provider.owner)) {
      if (capacityProviderOf(version) === provider.arn) yield version;
    }
  }

  async #requireRoom(owner: Owner): Promise<void> {
    const limit = limits.CAPACITY_PROVIDERS_MAX;
    const options = { prefix: keyOf(owner, ""), limit };
    const present = await this.#store.table.list(CAPACITY_PROVIDERS, options);
    if (present.length < limit) return;
    throw new PlatformError(
      { kind: "quota", resource: "capacity provider", limit },
      `The account has ${limit} capacity providers, which is the limit`,
    );
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

function keyOf(owner: Owner, name: string): string {
  return `${owner}/${name}`;
}

function unknownProvider(arn: string, cause?: unknown): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "CapacityProviderArn" },
    `Capacity provider not found: ${arn}`,
    { cause },
  );
}
