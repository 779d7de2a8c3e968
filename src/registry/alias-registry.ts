import { PlatformError, type SecureRandom } from "../base/mod.ts";
import type { Write } from "../engine/mod.ts";
import type { Alias, Owner } from "../model/mod.ts";
import { requireAlike, requireWeights, versionsOf, type Weights } from "./alias.core.ts";
import { qualifierDeletions } from "./attached.ts";
import { functionNotFound, LATEST, requireRevision } from "./function.core.ts";
import { allDocumentsOf } from "./listing.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import { withoutQualifier } from "./provisioned-registry.ts";
import { ALIASES, type AliasRecord, aliasKey, type FunctionRecord } from "./record.ts";
import type { Reservations } from "./reservations.ts";
import type { Resolver } from "./resolve.ts";
import type { FunctionStore } from "./store.ts";
import { urlIdDeletions } from "./url-record.ts";

export interface CreateAlias {
  readonly name: string;
  readonly functionVersion: string;
  readonly description?: string;
  readonly weights?: Weights;
}

/** Absent fields stay as they are; empty weights send all calls to the main version. */
export interface UpdateAlias {
  readonly functionVersion?: string;
  readonly description?: string;
  readonly weights?: Weights;
  readonly revisionId?: string;
}

/** Names for versions; part of the function registry. */
export class AliasRegistry {
  readonly #store: FunctionStore;
  readonly #random: SecureRandom;
  readonly #resolver: Resolver;
  readonly #reservations: Reservations;

  constructor(
    store: FunctionStore,
    random: SecureRandom,
    resolver: Resolver,
    reservations: Reservations,
  ) {
    this.#store = store;
    this.#random = random;
    this.#resolver = resolver;
    this.#reservations = reservations;
  }

  /** @throws PlatformError kinds "not_found", "already_exists", "invalid", "conflict" */
  async create(owner: Owner, functionName: string, request: CreateAlias): Promise<Alias> {
    const alias: Alias = {
      owner,
      functionName,
      name: request.name,
      arn: this.#store.arn(owner, functionName, request.name),
      functionVersion: request.functionVersion,
      description: request.description ?? "",
      additionalVersionWeights: request.weights ?? {},
      revisionId: this.#random.uuid(),
    };
    const created = await this.#store.change(owner, functionName, async (record) => {
      await this.#requireTargets(alias, record);
      if (await this.find(owner, functionName, alias.name)) throw aliasExists(alias);
      return { record, writes: [writeOf(alias)], result: alias };
    });
    this.#resolver.forget(owner, functionName);
    return created;
  }

  find(owner: Owner, functionName: string, name: string): Promise<Alias | undefined> {
    const key = aliasKey(owner, functionName, name);
    return this.#store.table.get<AliasRecord>(ALIASES, key).then((document) => document?.value);
  }

  /** @throws PlatformError kind "not_found" */
  async get(owner: Owner, functionName: string, name: string): Promise<Alias> {
    const alias = await this.find(owner, functionName, name);
    if (alias) return alias;
    await this.#store.read(owner, functionName);
    throw aliasNotFound(this.#store.arn(owner, functionName, name));
  }

  /** @throws PlatformError kinds "not_found", "precondition_failed", "invalid", "conflict" */
  async update(
    owner: Owner,
    functionName: string,
    name: string,
    request: UpdateAlias,
  ): Promise<Alias> {
    const updated = await this.#store.change(owner, functionName, async (record) => {
      const alias = await this.find(owner, functionName, name);
      if (!alias) throw aliasNotFound(this.#store.arn(owner, functionName, name));
      requireRevision("alias", alias.arn, alias.revisionId, request.revisionId);
      const after: Alias = {
        ...alias,
        functionVersion: request.functionVersion ?? alias.functionVersion,
        description: request.description ?? alias.description,
        additionalVersionWeights: request.weights ?? alias.additionalVersionWeights,
        revisionId: this.#random.uuid(),
      };
      await this.#requireTargets(after, record);
      return { record, writes: [writeOf(after)], result: after };
    });
    this.#resolver.forget(owner, functionName);
    return updated;
  }

  /** Deleting an alias that does not exist succeeds, as on AWS. */
  async delete(owner: Owner, functionName: string, name: string): Promise<void> {
    await this.#store.change(owner, functionName, async (record) => {
      if (!(await this.find(owner, functionName, name))) return { result: undefined };
      const key = aliasKey(owner, functionName, name);
      const rest = await withoutQualifier(this.#reservations, record, name);
      const writes: Write[] = [
        { table: ALIASES, key, delete: true },
        ...qualifierDeletions(owner, functionName, name),
        ...(await urlIdDeletions(this.#store.table, owner, functionName, name)),
        ...rest.writes,
      ];
      return { record: rest.record, writes, result: undefined };
    });
    await this.#reservations.refresh(owner);
    this.#resolver.forget(owner, functionName);
  }

  /** By name; with `functionVersion` only those whose main version it is. */
  async list(
    owner: Owner,
    functionName: string,
    request: PageRequest & { readonly functionVersion?: string } = {},
  ): Promise<Page<Alias>> {
    await this.#store.read(owner, functionName);
    const after = request.marker === undefined ? "" : decodeMarker(request.marker);
    const { functionVersion } = request;
    const all = await allDocumentsOf<AliasRecord>(this.#store.table, ALIASES, owner, functionName);
    const matching = all
      .map(({ value }) => value)
      .filter(({ name }) => name > after)
      .filter(
        (alias) => functionVersion === undefined || alias.functionVersion === functionVersion,
      );
    const items = matching.slice(0, pageLimit(request));
    const last = items.at(-1);
    return last && items.length < matching.length
      ? { items, next: encodeMarker(last.name) }
      : { items };
  }

  /** @throws PlatformError kind "conflict" when aliases can run `version` */
  async requireUnreferenced(owner: Owner, functionName: string, version: string): Promise<void> {
    const aliases = await allDocumentsOf<AliasRecord>(
      this.#store.table,
      ALIASES,
      owner,
      functionName,
    );
    const names = aliases
      .filter(({ value }) => versionsOf(value).includes(version))
      .map(({ value }) => value.name);
    if (names.length === 0) return;
    throw new PlatformError(
      {
        kind: "conflict",
        resource: "function",
        id: this.#store.arn(owner, functionName, version),
      },
      `Unable to delete version because the following aliases reference it: [${names.join(", ")}]`,
    );
  }

  async #requireTargets(alias: Alias, { latest }: FunctionRecord): Promise<void> {
    const { owner, functionName } = alias;
    requireWeights(alias.functionVersion, alias.additionalVersionWeights);
    const found = versionsOf(alias).map(async (version) => {
      if (version === LATEST) return latest;
      const target = await this.#store.findVersion(owner, functionName, version);
      if (target) return target;
      throw functionNotFound(this.#store.arn(owner, functionName, version));
    });
    requireAlike(await Promise.all(found));
  }
}

function writeOf(alias: Alias): { table: string; key: string; value: Alias } {
  const key = aliasKey(alias.owner, alias.functionName, alias.name);
  return { table: ALIASES, key, value: alias };
}

function aliasNotFound(arn: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "alias", id: arn },
    `Cannot find alias arn: ${arn}`,
  );
}

function aliasExists(alias: Alias): PlatformError {
  return new PlatformError(
    { kind: "already_exists", resource: "alias", id: alias.arn },
    `Alias already exists: ${alias.arn}`,
  );
}
