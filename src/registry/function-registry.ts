import { type Clock, PlatformError, type Random, type SecureRandom } from "../base/mod.ts";
import type { TableStore, Write } from "../engine/mod.ts";
import { type Alias, type FunctionVersion, limits, type Owner } from "../model/mod.ts";
import { AliasRegistry } from "./alias-registry.ts";
import { attachedDeletions } from "./attached.ts";
import { type ChangeListener, Changes } from "./changes.ts";
import { type CodePort, CodeReferences } from "./code-references.ts";
import { ConcurrencyRegistry } from "./concurrency-registry.ts";
import { requireEnvironment } from "./environment.core.ts";
import {
  type ConfigurationChange,
  changedVersion,
  completeConfiguration,
  fingerprintOf,
  functionNotFound,
  isVersionNumber,
  LATEST,
  latestVersion,
  type NewConfiguration,
  publishedVersion,
  recordWithPublished,
  requireCode,
  requireCodeSpace,
  requireRevision,
  type Stamp,
} from "./function.core.ts";
import {
  allDocumentsOf,
  everyVersion,
  latestVersions,
  type PositionedVersion,
  publishedVersions,
} from "./listing.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import {
  ALIASES,
  CODE_USES,
  codeUseKey,
  type FunctionRecord,
  VERSIONS,
  versionKeyOf,
} from "./record.ts";
import { Reservations } from "./reservations.ts";
import { type ResolvedFunction, Resolver } from "./resolve.ts";
import { FunctionStore, functionExists } from "./store.ts";
import { requireTags } from "./tags.core.ts";
import { UsageLedger } from "./usage.ts";

export interface FunctionRegistryOptions {
  readonly table: TableStore;
  readonly code: CodePort;
  readonly clock: Clock;
  /** Makes revision ids. */
  readonly random: SecureRandom;
  /** Draws the versions of weighted aliases. */
  readonly weights: Random;
  /** Stands in every ARN. */
  readonly region: string;
}

export interface CreateFunction {
  readonly name: string;
  readonly configuration: NewConfiguration;
  readonly zip: Buffer;
  readonly tags?: Readonly<Record<string, string>>;
  /** Also publishes version 1 and answers with it. */
  readonly publish?: boolean;
}

export interface UpdateCode {
  readonly zip: Buffer;
  /** Only when `$LATEST` is still at this revision. */
  readonly revisionId?: string;
  readonly publish?: boolean;
  /** Checks everything, changes nothing. */
  readonly dryRun?: boolean;
}

export interface PublishVersion {
  readonly description?: string;
  readonly codeSha256?: string;
  readonly revisionId?: string;
}

/** What the registries of things that belong to functions share with the functions' own. */
export interface RegistryParts {
  readonly store: FunctionStore;
  readonly code: CodeReferences;
  readonly usage: UsageLedger;
  readonly resolver: Resolver;
  readonly changes: Changes;
  readonly clock: Clock;
  readonly random: SecureRandom;
}

/** A version and what belongs to its function. */
export interface FunctionDescription {
  readonly version: FunctionVersion;
  /** Present when an alias named the version. */
  readonly alias?: Alias;
  readonly tags: Readonly<Record<string, string>>;
  readonly reservedConcurrency?: number;
}

/**
 * The control plane's state of functions. Every method works for one owner and sees nothing of the
 * others'. Changes are durable when they resolve, then visible to `resolve` and announced to
 * listeners. A package is stored and unpacked before a version refers to it, hence a function is
 * Active from its first moment.
 */
export class FunctionRegistry implements AsyncDisposable {
  readonly aliases: AliasRegistry;
  readonly concurrency: ConcurrencyRegistry;
  /** For this room's other registries. */
  readonly parts: RegistryParts;
  readonly #store: FunctionStore;
  readonly #clock: Clock;
  readonly #random: SecureRandom;
  readonly #code: CodeReferences;
  readonly #usage: UsageLedger;
  readonly #reservations: Reservations;
  readonly #resolver: Resolver;
  readonly #changes = new Changes();

  constructor(options: FunctionRegistryOptions) {
    const store = new FunctionStore(options.table, options.region);
    this.#store = store;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#code = new CodeReferences(options.table, options.code, options.clock);
    this.#usage = new UsageLedger(options.table);
    this.#reservations = new Reservations(options.table);
    this.#resolver = new Resolver({
      store,
      reservations: this.#reservations,
      weights: options.weights,
      targetsMax: limits.RESOLVED_VERSIONS_MAX,
    });
    this.parts = {
      ...{ store, code: this.#code, usage: this.#usage, resolver: this.#resolver },
      ...{ changes: this.#changes, clock: this.#clock, random: this.#random },
    };
    this.aliases = new AliasRegistry(store, options.random, this.#resolver);
    this.concurrency = new ConcurrencyRegistry({
      store,
      reservations: this.#reservations,
      usage: this.#usage,
      resolver: this.#resolver,
    });
  }

  /**
   * What to run for a name, with or without qualifier; nearly free when asked before.
   * @throws PlatformError kind "not_found"
   */
  resolve(
    owner: Owner,
    name: string,
    qualifier?: string,
  ): ResolvedFunction | Promise<ResolvedFunction> {
    return this.#resolver.resolve(owner, name, qualifier);
  }

  /** Concurrency that the owner's functions without a reservation share; known after `resolve`. */
  unreservedConcurrency(owner: Owner): number {
    return this.#reservations.unreserved(owner);
  }

  /** Ends background work; dispose of the registry before its table. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#code[Symbol.asyncDispose]();
  }

  /** Hears of every change that makes environments of a function outdated. */
  onChange(listener: ChangeListener): Disposable {
    return this.#changes.subscribe(listener);
  }

  /** @throws PlatformError kinds "already_exists", "invalid", "invalid_package", "too_large" */
  async create(owner: Owner, request: CreateFunction): Promise<FunctionVersion> {
    const { name, tags = {} } = request;
    const configuration = completeConfiguration(name, request.configuration);
    requireEnvironment(configuration.environment);
    requireTags(tags);
    if (await this.#store.find(owner, name)) throw functionExists(name);
    await this.#requireSpace(owner, request.zip.length);
    await using held = await this.#code.hold(owner, request.zip);
    const identity = { owner, name, region: this.#store.region };
    const latest = latestVersion(identity, configuration, held.reference, this.#stamp());
    const codeBytes = held.reference.zipBytes;
    let record: FunctionRecord = { latest, nextVersion: 1, codeBytes, tags };
    const writes = [useOf(latest)];
    let answer = latest;
    if (request.publish) {
      answer = publishedVersion(latest, "1", undefined, this.#random.uuid());
      record = recordWithPublished(record, answer);
      writes.push(...writesOfVersion(answer));
    }
    await this.#store.create(record, writes);
    this.#usage.add(owner, 1, record.codeBytes);
    this.#resolver.forget(owner, name);
    return answer;
  }

  /** @throws PlatformError kind "not_found" */
  async get(owner: Owner, name: string, qualifier?: string): Promise<FunctionDescription> {
    const arn = this.#store.arn(owner, name, qualifier);
    const record = (await this.#store.find(owner, name))?.value;
    if (!record) throw functionNotFound(arn);
    const alias = isAliasName(qualifier)
      ? await this.aliases.find(owner, name, qualifier)
      : undefined;
    const wanted = isAliasName(qualifier) ? alias?.functionVersion : qualifier;
    if (isAliasName(qualifier) && !alias) throw functionNotFound(arn);
    const version =
      wanted === undefined || wanted === LATEST
        ? record.latest
        : await this.#store.findVersion(owner, name, wanted);
    if (!version) throw functionNotFound(arn);
    const { tags, reservedConcurrency } = record;
    return {
      version,
      tags,
      ...(alias ? { alias } : {}),
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
    };
  }

  /**
   * Replaces the code of `$LATEST`.
   * @returns `$LATEST`, or the version it published
   * @throws PlatformError kinds "not_found", "precondition_failed", "invalid_package", "too_large",
   *   "conflict"
   */
  async updateCode(owner: Owner, name: string, request: UpdateCode): Promise<FunctionVersion> {
    const { latest } = await this.#store.read(owner, name);
    requireRevision("function", latest.arn, latest.revisionId, request.revisionId);
    await this.#requireSpace(owner, request.zip.length - latest.code.zipBytes);
    await using held = await this.#code.hold(owner, request.zip);
    if (request.dryRun) return changedVersion(latest, { code: held.reference }, this.#stamp());
    // Awaited here: the package is held until a version refers to it.
    return await this.#update(
      owner,
      name,
      request.revisionId,
      request.publish === true,
      (version) => changedVersion(version, { code: held.reference }, this.#stamp()),
    );
  }

  /**
   * Replaces the given fields of `$LATEST`'s configuration.
   * @throws PlatformError kinds "not_found", "precondition_failed", "invalid", "conflict"
   */
  updateConfiguration(
    owner: Owner,
    name: string,
    configuration: ConfigurationChange,
    revisionId?: string,
  ): Promise<FunctionVersion> {
    requireEnvironment(configuration.environment ?? {});
    return this.#update(owner, name, revisionId, false, (version) =>
      changedVersion(version, { configuration }, this.#stamp()),
    );
  }

  /**
   * Deletes a function with all it has, or one published version of it.
   * Deleting a version that does not exist succeeds, as on AWS.
   * @throws PlatformError kinds "not_found", "conflict" (an alias points at the version), "invalid"
   */
  async delete(owner: Owner, name: string, qualifier?: string): Promise<void> {
    if (qualifier === undefined) return this.#deleteFunction(owner, name);
    requireDeletable(qualifier);
    const gone = await this.#store.change(owner, name, async (record) => {
      const version = await this.#store.findVersion(owner, name, qualifier);
      if (!version) return { result: undefined };
      await this.aliases.requireUnreferenced(owner, name, qualifier);
      const codeBytes = record.codeBytes - version.code.zipBytes;
      const key = versionKeyOf(owner, name, qualifier);
      return {
        record: { ...record, codeBytes },
        writes: [
          { table: VERSIONS, key, delete: true },
          { table: CODE_USES, key: codeUseKey(version), delete: true },
          this.#code.dropOf(owner, version.code.sha256),
        ],
        result: version,
      };
    });
    if (!gone) return;
    this.#usage.add(owner, 0, -gone.code.zipBytes);
    this.#announce(owner, name, "updated");
  }

  /** `$LATEST` of every function, or every version of every function, by name. */
  async list(
    owner: Owner,
    request: PageRequest & { readonly allVersions?: boolean } = {},
  ): Promise<Page<FunctionVersion>> {
    const after = request.marker === undefined ? undefined : decodeMarker(request.marker);
    const source = request.allVersions ? everyVersion : latestVersions;
    return takePage(source(this.#store.table, owner, after), pageLimit(request));
  }

  /** `$LATEST`, then the published versions of one function, oldest first. */
  async listVersions(
    owner: Owner,
    name: string,
    request: PageRequest = {},
  ): Promise<Page<FunctionVersion>> {
    const record = await this.#store.read(owner, name);
    const after = request.marker === undefined ? undefined : decodeMarker(request.marker);
    return takePage(publishedVersions(this.#store.table, record, after), pageLimit(request));
  }

  /**
   * Publishes `$LATEST` under the next number; the last one again when nothing has changed since.
   * @throws PlatformError kinds "not_found", "precondition_failed", "invalid", "too_large",
   *   "conflict"
   */
  async publishVersion(
    owner: Owner,
    name: string,
    request: PublishVersion = {},
  ): Promise<FunctionVersion> {
    const { version, added } = await this.#store.change(owner, name, async (record) => {
      const { latest } = record;
      requireRevision("function", latest.arn, latest.revisionId, request.revisionId);
      requireCode(latest, request.codeSha256);
      const present = await this.#publishedAlready(record);
      if (present) return { result: { version: present, added: 0 } };
      await this.#requireSpace(owner, latest.code.zipBytes);
      const next = String(record.nextVersion);
      const published = publishedVersion(latest, next, request.description, this.#random.uuid());
      return {
        record: recordWithPublished(record, published),
        writes: writesOfVersion(published),
        result: { version: published, added: published.code.zipBytes },
      };
    });
    this.#usage.add(owner, 0, added);
    return version;
  }

  /** @throws PlatformError kind "not_found" */
  async tags(owner: Owner, name: string): Promise<Readonly<Record<string, string>>> {
    return (await this.#store.read(owner, name)).tags;
  }

  /**
   * Adds or replaces `added`, then removes the tags named in `removed`.
   * @throws PlatformError kinds "not_found", "invalid", "conflict"
   */
  changeTags(
    owner: Owner,
    name: string,
    added: Readonly<Record<string, string>>,
    removed: readonly string[] = [],
  ): Promise<void> {
    return this.#store.change(owner, name, (record) => {
      const merged = Object.entries({ ...record.tags, ...added });
      const tags = Object.fromEntries(merged.filter(([key]) => !removed.includes(key)));
      requireTags(tags);
      return { record: { ...record, tags }, result: undefined };
    });
  }

  async #update(
    owner: Owner,
    name: string,
    revisionId: string | undefined,
    publish: boolean,
    changed: (version: FunctionVersion) => FunctionVersion,
  ): Promise<FunctionVersion> {
    const update = await this.#store.change(owner, name, async (record) => {
      const before = record.latest;
      requireRevision("function", before.arn, before.revisionId, revisionId);
      const latest = changed(before);
      const grown = latest.code.zipBytes - before.code.zipBytes;
      let after: FunctionRecord = { ...record, latest, codeBytes: record.codeBytes + grown };
      // A key is written once: replacing a package by itself must not end with the deletion.
      const writes: Write[] =
        before.code.sha256 === latest.code.sha256
          ? []
          : [
              { table: CODE_USES, key: codeUseKey(before), delete: true },
              this.#code.dropOf(owner, before.code.sha256),
              useOf(latest),
            ];
      let answer = latest;
      if (publish) {
        const present = await this.#publishedAlready(after);
        const next = String(record.nextVersion);
        answer = present ?? publishedVersion(latest, next, undefined, this.#random.uuid());
        if (!present) {
          after = recordWithPublished(after, answer);
          writes.push(...writesOfVersion(answer));
        }
      }
      const addedBytes = after.codeBytes - record.codeBytes;
      return { record: after, writes, result: { answer, addedBytes } };
    });
    this.#usage.add(owner, 0, update.addedBytes);
    this.#announce(owner, name, "updated");
    return update.answer;
  }

  async #deleteFunction(owner: Owner, name: string): Promise<void> {
    const gone = await this.#store.change(owner, name, async (record) => {
      const { table } = this.#store;
      const versions = await allDocumentsOf<FunctionVersion>(table, VERSIONS, owner, name);
      const aliases = await allDocumentsOf<Alias>(table, ALIASES, owner, name);
      const all = [record.latest, ...versions.map(({ value }) => value)];
      const writes: Write[] = [
        ...(await attachedDeletions(table, owner, name)),
        ...versions.map(({ key }) => ({ table: VERSIONS, key, delete: true }) as const),
        ...aliases.map(({ key }) => ({ table: ALIASES, key, delete: true }) as const),
        ...all.map((v) => ({ table: CODE_USES, key: codeUseKey(v), delete: true }) as const),
      ];
      const packages = new Set(all.map((version) => version.code.sha256));
      writes.push(...Array.from(packages, (sha256) => this.#code.dropOf(owner, sha256)));
      const reserved = record.reservedConcurrency ?? 0;
      if (reserved > 0) writes.push(await this.#reservations.writeOf(owner, -reserved));
      return {
        record: "deleted",
        writes,
        result: { codeBytes: record.codeBytes, reserved },
      };
    });
    this.#usage.add(owner, -1, -gone.codeBytes);
    this.#announce(owner, name, "deleted");
    if (gone.reserved > 0) await this.#reservations.refresh(owner);
  }

  /** The last published version when it still is what `$LATEST` is. */
  async #publishedAlready(record: FunctionRecord): Promise<FunctionVersion | undefined> {
    const { latest, published } = record;
    if (!published || published.fingerprint !== fingerprintOf(latest)) return undefined;
    return this.#store.findVersion(latest.owner, latest.name, published.version);
  }

  async #requireSpace(owner: Owner, addedBytes: number): Promise<void> {
    requireCodeSpace((await this.#usage.of(owner)).codeBytes, addedBytes);
  }

  #announce(owner: Owner, name: string, kind: "updated" | "deleted"): void {
    this.#resolver.forget(owner, name);
    this.#changes.announce(owner, name, kind);
  }

  #stamp(): Stamp {
    return { revisionId: this.#random.uuid(), nowMs: this.#clock.now() };
  }
}

function isAliasName(qualifier: string | undefined): qualifier is string {
  return qualifier !== undefined && qualifier !== LATEST && !isVersionNumber(qualifier);
}

function requireDeletable(qualifier: string): void {
  const field = "Qualifier";
  if (qualifier === LATEST) {
    throw new PlatformError(
      { kind: "invalid", field },
      "$LATEST version cannot be deleted without deleting the function.",
    );
  }
  if (isVersionNumber(qualifier)) return;
  throw new PlatformError(
    { kind: "invalid", field },
    "Deletion of aliases is not currently supported.",
  );
}

function useOf(version: FunctionVersion): Write {
  return { table: CODE_USES, key: codeUseKey(version), value: {} };
}

function writesOfVersion(version: FunctionVersion): Write[] {
  const key = versionKeyOf(version.owner, version.name, version.version);
  return [{ table: VERSIONS, key, value: version }, useOf(version)];
}

async function takePage(
  source: AsyncIterable<PositionedVersion>,
  limit: number,
): Promise<Page<FunctionVersion>> {
  const items: FunctionVersion[] = [];
  let last = "";
  for await (const { position, version } of source) {
    if (items.length === limit) return { items, next: encodeMarker(last) };
    items.push(version);
    last = position;
  }
  return { items };
}
