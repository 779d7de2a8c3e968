import { type Clock, PlatformError, type Random, type SecureRandom } from "../base/mod.ts";
import type { TableStore, Write } from "../engine/mod.ts";
import { type Alias, type FunctionVersion, limits, type Owner } from "../model/mod.ts";
import { AliasRegistry } from "./alias-registry.ts";
import { qualifierDeletions } from "./attached.ts";
import { type ChangeListener, Changes } from "./changes.ts";
import { type CodePort, CodeReferences } from "./code-references.ts";
import { CodeSigningRegistry } from "./code-signing-registry.ts";
import { codeUseChanges } from "./code-uses.core.ts";
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
import { removeFunction } from "./function-removal.ts";
import { requireUnpackedSize } from "./layer.core.ts";
import { LayerRegistry } from "./layer-registry.ts";
import { everyVersion, latestVersions, publishedVersions, takePage } from "./listing.ts";
import { decodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import { ProvisionedRegistry, withoutQualifier } from "./provisioned-registry.ts";
import { type FunctionRecord, VERSIONS, versionKeyOf } from "./record.ts";
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
  /** Says which packages the function accepts, this one included. */
  readonly codeSigningConfigArn?: string;
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
  readonly layers: LayerRegistry;
  readonly codeSigning: CodeSigningRegistry;
  readonly concurrency: ConcurrencyRegistry;
  readonly provisioned: ProvisionedRegistry;
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
    this.codeSigning = new CodeSigningRegistry(this.parts);
    this.layers = new LayerRegistry(this.parts, this.codeSigning);
    this.aliases = new AliasRegistry(store, options.random, this.#resolver, this.#reservations);
    this.provisioned = new ProvisionedRegistry(this.parts, this.#reservations);
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

  /**
   * @throws PlatformError kinds "already_exists", "invalid", "invalid_package", "too_large",
   *   "not_found" (its code signing configuration), "code_signature", "forbidden" (a layer)
   */
  async create(owner: Owner, request: CreateFunction): Promise<FunctionVersion> {
    const { name, tags = {} } = request;
    requireEnvironment(request.configuration.environment ?? {});
    requireTags(tags);
    if (await this.#store.find(owner, name)) throw functionExists(name);
    await this.#requireSpace(owner, request.zip.length);
    const attached =
      request.codeSigningConfigArn === undefined
        ? undefined
        : await this.codeSigning.attachment(owner, name, request.codeSigningConfigArn);
    const deployment = { functionName: name, config: attached?.config };
    await using held = await this.#code.hold(owner, request.zip);
    const code = await this.codeSigning.admit(owner, held.reference, deployment);
    const arns = request.configuration.layers ?? [];
    const layers = await this.layers.referencesOf(owner, arns, deployment);
    const configuration = completeConfiguration(name, request.configuration, layers);
    const identity = { owner, name, region: this.#store.region };
    const latest = latestVersion(identity, configuration, code, this.#stamp());
    requireUnpackedSize(latest);
    let record: FunctionRecord = { latest, nextVersion: 1, codeBytes: code.zipBytes, tags };
    let answer = latest;
    const writes = [...(attached?.writes ?? [])];
    if (request.publish) {
      answer = publishedVersion(latest, "1", undefined, this.#random.uuid());
      record = recordWithPublished(record, answer);
      writes.push(writeOf(answer));
    }
    writes.push(...this.#useChanges([], [latest, answer]));
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
   *   "code_signature", "conflict"
   */
  async updateCode(owner: Owner, name: string, request: UpdateCode): Promise<FunctionVersion> {
    const { latest } = await this.#store.read(owner, name);
    requireRevision("function", latest.arn, latest.revisionId, request.revisionId);
    await this.#requireSpace(owner, request.zip.length - latest.code.zipBytes);
    await using held = await this.#code.hold(owner, request.zip);
    const config = await this.codeSigning.ofFunction(owner, name);
    const deployment = { functionName: name, config };
    const code = await this.codeSigning.admit(owner, held.reference, deployment);
    if (request.dryRun) {
      const dry = changedVersion(latest, { code }, this.#stamp());
      requireUnpackedSize(dry);
      return dry;
    }
    // Awaited here: the package is held until a version refers to it.
    return await this.#update(
      owner,
      name,
      request.revisionId,
      request.publish === true,
      async (version) => changedVersion(version, { code }, this.#stamp()),
    );
  }

  /**
   * Replaces the given fields of `$LATEST`'s configuration.
   * @throws PlatformError kinds "not_found", "precondition_failed", "invalid", "too_large",
   *   "code_signature", "forbidden" (a layer), "conflict"
   */
  updateConfiguration(
    owner: Owner,
    name: string,
    configuration: ConfigurationChange,
    revisionId?: string,
  ): Promise<FunctionVersion> {
    requireEnvironment(configuration.environment ?? {});
    const { layers: arns } = configuration;
    return this.#update(owner, name, revisionId, false, async (version) => {
      if (arns === undefined) return changedVersion(version, { configuration }, this.#stamp());
      const config = await this.codeSigning.ofFunction(owner, name);
      const layers = await this.layers.referencesOf(owner, arns, { functionName: name, config });
      return changedVersion(version, { configuration, layers }, this.#stamp());
    });
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
      const rest = await withoutQualifier(this.#reservations, record, qualifier);
      return {
        record: { ...rest.record, codeBytes },
        writes: [
          { table: VERSIONS, key, delete: true },
          ...this.#useChanges([version], []),
          ...qualifierDeletions(owner, name, qualifier),
          ...rest.writes,
        ],
        result: version,
      };
    });
    if (!gone) return;
    this.#usage.add(owner, 0, -gone.code.zipBytes);
    await this.#reservations.refresh(owner);
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
        writes: [writeOf(published), ...this.#useChanges([], [published])],
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
    changed: (version: FunctionVersion) => Promise<FunctionVersion>,
  ): Promise<FunctionVersion> {
    const update = await this.#store.change(owner, name, async (record) => {
      const before = record.latest;
      requireRevision("function", before.arn, before.revisionId, revisionId);
      const latest = await changed(before);
      requireUnpackedSize(latest);
      const grown = latest.code.zipBytes - before.code.zipBytes;
      let after: FunctionRecord = { ...record, latest, codeBytes: record.codeBytes + grown };
      const writes = this.#useChanges([before], [latest]);
      let answer = latest;
      if (publish) {
        const present = await this.#publishedAlready(after);
        const next = String(record.nextVersion);
        answer = present ?? publishedVersion(latest, next, undefined, this.#random.uuid());
        if (!present) {
          after = recordWithPublished(after, answer);
          writes.push(writeOf(answer), ...this.#useChanges([], [answer]));
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
    const [store, code, reservations] = [this.#store, this.#code, this.#reservations];
    const gone = await removeFunction({ store, code, reservations }, owner, name);
    this.#usage.add(owner, -1, -gone.codeBytes);
    this.#announce(owner, name, "deleted");
    if (gone.reserved > 0) await this.#reservations.refresh(owner);
  }

  /** The last published version when it still is what `$LATEST` is. */
  async #publishedAlready(record: FunctionRecord): Promise<FunctionVersion | undefined> {
    const { latest, published } = record;
    this.#changes.requirePublishable(latest);
    if (!published || published.fingerprint !== fingerprintOf(latest)) return undefined;
    return this.#store.findVersion(latest.owner, latest.name, published.version);
  }

  async #requireSpace(owner: Owner, addedBytes: number): Promise<void> {
    requireCodeSpace((await this.#usage.of(owner)).codeBytes, addedBytes);
  }

  #useChanges(before: readonly FunctionVersion[], after: readonly FunctionVersion[]): Write[] {
    return codeUseChanges(before, after, (owner, sha256) => this.#code.dropOf(owner, sha256));
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

function writeOf(version: FunctionVersion): Write {
  const key = versionKeyOf(version.owner, version.name, version.version);
  return { table: VERSIONS, key, value: version };
}
