import { PlatformError } from "../base/mod.ts";
import type { Write } from "../engine/mod.ts";
import type { FunctionVersion, Owner } from "../model/mod.ts";
import { versionsOf } from "./alias.core.ts";
import { functionNotFound, isVersionNumber, LATEST, lastModifiedOf } from "./function.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import {
  ALIASES,
  type AliasRecord,
  aliasKey,
  type FunctionRecord,
  heldConcurrency,
  PROVISIONED,
  provisionedConcurrency,
  provisionedKey,
} from "./record.ts";
import type { Reservations } from "./reservations.ts";

/** Environments to be kept ready for one version or alias. */
export interface ProvisionedConfig {
  readonly qualifier: string;
  readonly arn: string;
  readonly requested: number;
  readonly lastModified: string;
}

/** How many environments of one version are wanted, over all configurations that name it. */
export interface ProvisionedTarget {
  readonly version: FunctionVersion;
  readonly count: number;
  /** The configuration's share of `count`, by qualifier. */
  readonly shares: Readonly<Record<string, number>>;
}

/**
 * Provisioned concurrency: what is wanted. Keeping it ready is the host's part. The configurations
 * of a function lie in its own document; what they hold of the account's concurrency changes with
 * them.
 */
export class ProvisionedRegistry {
  readonly #parts: RegistryParts;
  readonly #reservations: Reservations;

  constructor(parts: RegistryParts, reservations: Reservations) {
    this.#parts = parts;
    this.#reservations = reservations;
  }

  /**
   * @param requested at least 1
   * @throws PlatformError kinds "not_found", "invalid", "conflict"
   */
  async put(
    owner: Owner,
    name: string,
    qualifier: string,
    requested: number,
  ): Promise<ProvisionedConfig> {
    requirePublished(qualifier);
    const lastModified = lastModifiedOf(this.#parts.clock.now());
    await this.#change(owner, name, async (record) => {
      await this.#requireTarget(record, qualifier);
      return { ...record.provisioned, [qualifier]: { requested, lastModified } };
    });
    return { qualifier, arn: this.#arn(owner, name, qualifier), requested, lastModified };
  }

  /** @throws PlatformError kind "not_found" for the function or version, "unset" is undefined */
  async get(owner: Owner, name: string, qualifier: string): Promise<ProvisionedConfig | undefined> {
    requirePublished(qualifier);
    const record = await this.#parts.store.read(owner, name);
    return this.#configs(record).find((config) => config.qualifier === qualifier);
  }

  /** Deleting what is not there succeeds. @throws PlatformError kind "not_found" */
  async delete(owner: Owner, name: string, qualifier: string): Promise<void> {
    requirePublished(qualifier);
    await this.#change(owner, name, async (record) => without(record.provisioned, qualifier));
  }

  /** The configurations of a function, by qualifier. */
  async list(
    owner: Owner,
    name: string,
    request: PageRequest = {},
  ): Promise<Page<ProvisionedConfig>> {
    const record = await this.#parts.store.read(owner, name);
    const after = request.marker === undefined ? "" : decodeMarker(request.marker);
    const rest = this.#configs(record).filter(({ qualifier }) => qualifier > after);
    const items = rest.slice(0, pageLimit(request));
    const last = items.at(-1);
    return rest.length > items.length && last !== undefined
      ? { items, next: encodeMarker(last.qualifier) }
      : { items };
  }

  /** What a function's configurations come to, version by version; empty when it has none. */
  async targets(owner: Owner, name: string): Promise<ProvisionedTarget[]> {
    const record = (await this.#parts.store.find(owner, name))?.value;
    if (record?.provisioned === undefined) return [];
    const shares = new Map<string, Record<string, number>>();
    for (const [qualifier, { requested }] of Object.entries(record.provisioned)) {
      for (const [version, share] of await this.#sharesOf(record, qualifier)) {
        const ofVersion = shares.get(version) ?? {};
        ofVersion[qualifier] = Math.ceil(requested * share);
        shares.set(version, ofVersion);
      }
    }
    const targets: ProvisionedTarget[] = [];
    for (const [number, ofVersion] of shares) {
      const version = await this.#parts.store.findVersion(owner, name, number);
      const count = Object.values(ofVersion).reduce((sum, share) => sum + share, 0);
      if (version !== undefined) targets.push({ version, count, shares: ofVersion });
    }
    return targets;
  }

  /** Every function that has a configuration. */
  async *functions(): AsyncIterable<{ readonly owner: Owner; readonly name: string }> {
    let after = "";
    while (true) {
      const page = await this.#parts.store.table.list<{ owner: Owner; name: string }>(PROVISIONED, {
        after,
        limit: LIST_PAGE,
      });
      for (const { value } of page) yield value;
      const last = page.at(-1);
      if (last === undefined || page.length < LIST_PAGE) return;
      after = last.key;
    }
  }

  async #change(
    owner: Owner,
    name: string,
    step: (record: FunctionRecord) => Promise<Provisioned>,
  ): Promise<void> {
    const { store, resolver } = this.#parts;
    await store.change(owner, name, async (record) => {
      const changed = await withProvisioned(this.#reservations, record, await step(record));
      requireWithinReserved(changed.record);
      return { ...changed, result: undefined };
    });
    await this.#reservations.refresh(owner);
    resolver.forget(owner, name);
  }

  #configs(record: FunctionRecord): ProvisionedConfig[] {
    const { owner, name } = record.latest;
    return Object.entries(record.provisioned ?? {})
      .map(([qualifier, config]) => ({
        qualifier,
        arn: this.#arn(owner, name, qualifier),
        ...config,
      }))
      .sort((a, b) => (a.qualifier < b.qualifier ? -1 : 1));
  }

  /** Versions behind a qualifier, and which part of the calls each gets. */
  async #sharesOf(record: FunctionRecord, qualifier: string): Promise<[string, number][]> {
    if (isVersionNumber(qualifier)) return [[qualifier, 1]];
    const { owner, name } = record.latest;
    const key = aliasKey(owner, name, qualifier);
    const alias = (await this.#parts.store.table.get<AliasRecord>(ALIASES, key))?.value;
    if (alias === undefined) return [];
    const additional = Object.entries(alias.additionalVersionWeights);
    const rest = additional.reduce((left, [, weight]) => left - weight, 1);
    return [[alias.functionVersion, rest], ...additional];
  }

  /** The version or alias must exist, and not be provisioned by another name already. */
  async #requireTarget(record: FunctionRecord, qualifier: string): Promise<void> {
    const { owner, name } = record.latest;
    const { store } = this.#parts;
    if (isVersionNumber(qualifier)) {
      if (await store.findVersion(owner, name, qualifier)) return;
      throw functionNotFound(this.#arn(owner, name, qualifier));
    }
    const found = await store.table.get<AliasRecord>(ALIASES, aliasKey(owner, name, qualifier));
    if (found === undefined) throw functionNotFound(this.#arn(owner, name, qualifier));
    if (versionsOf(found.value).includes(LATEST)) throw unpublished();
    const clash = versionsOf(found.value).find((version) => record.provisioned?.[version]);
    if (clash === undefined) return;
    throw new PlatformError(
      { kind: "conflict", resource: "function", id: found.value.arn },
      `Alias ${qualifier} can not be used for Provisioned Concurrency Configuration on version ` +
        `${clash}, which has one of its own`,
    );
  }

  #arn(owner: Owner, name: string, qualifier: string): string {
    return this.#parts.store.arn(owner, name, qualifier);
  }
}

/**
 * What a change of a function's record comes to when one of its versions or aliases goes: its
 * configuration goes along, and gives back what it holds of the account's concurrency.
 */
export async function withoutQualifier(
  reservations: Reservations,
  record: FunctionRecord,
  qualifier: string,
): Promise<ProvisionedChange> {
  if (record.provisioned?.[qualifier] === undefined) return { record, writes: [] };
  return await withProvisioned(reservations, record, without(record.provisioned, qualifier));
}

type Provisioned = NonNullable<FunctionRecord["provisioned"]>;

interface ProvisionedChange {
  readonly record: FunctionRecord;
  readonly writes: readonly Write[];
}

async function withProvisioned(
  reservations: Reservations,
  record: FunctionRecord,
  provisioned: Provisioned,
): Promise<ProvisionedChange> {
  const { owner, name } = record.latest;
  const { provisioned: _before, ...rest } = record;
  const isEmpty = Object.keys(provisioned).length === 0;
  const after: FunctionRecord = isEmpty ? rest : { ...rest, provisioned };
  const index = { table: PROVISIONED, key: provisionedKey(owner, name) };
  const writes: Write[] = [
    isEmpty ? { ...index, delete: true } : { ...index, value: { owner, name } },
  ];
  const growth = heldConcurrency(after) - heldConcurrency(record);
  if (growth !== 0) writes.push(await reservations.writeOf(owner, growth));
  return { record: after, writes };
}

function without(provisioned: Provisioned = {}, qualifier: string): Provisioned {
  const { [qualifier]: _gone, ...rest } = provisioned;
  return rest;
}

const LIST_PAGE = 1000;

function requirePublished(qualifier: string): void {
  if (qualifier === LATEST) throw unpublished();
}

function unpublished(): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "Qualifier" },
    "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
  );
}

/** What is kept ready must be able to run. */
export function requireWithinReserved(record: FunctionRecord): void {
  const { reservedConcurrency } = record;
  const provisioned = provisionedConcurrency(record);
  if (reservedConcurrency === undefined || provisioned <= reservedConcurrency) return;
  throw new PlatformError(
    { kind: "invalid", field: "ProvisionedConcurrentExecutions" },
    "Requested Provisioned Concurrency should not be greater than the " +
      "reservedConcurrentExecution for function",
  );
}
