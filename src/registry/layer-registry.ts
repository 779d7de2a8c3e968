import type { Clock, SecureRandom } from "../base/mod.ts";
import { PlatformError } from "../base/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import { type Architecture, type LayerReference, layerArn, type Owner } from "../model/mod.ts";
import type { CodeReferences } from "./code-references.ts";
import type { CodeSigningRegistry, Deployment } from "./code-signing-registry.ts";
import { Documents } from "./documents.ts";
import { lastModifiedOf, requireCodeSpace } from "./function.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import {
  forbiddenLayer,
  type LayerFilter,
  type LayerPolicy,
  type LayerVersion,
  matchesFilter,
  mayUse,
  noLayerVersion,
  requireLayerNames,
  requirePolicyRevision,
  USE_LAYER,
  unknownLayer,
} from "./layer.core.ts";
import { allDocumentsOf } from "./listing.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import type { PolicyStatement } from "./policy.core.ts";
import { type Permission, statementOf, withStatement } from "./policy-document.core.ts";
import {
  CODE_USES,
  codeKey,
  LAYER_VERSIONS,
  LAYERS,
  type LayerRecord,
  layerKey,
  layerVersionKey,
} from "./record.ts";
import type { UsageLedger } from "./usage.ts";

export interface PublishLayer {
  readonly zip: Buffer;
  readonly description?: string;
  readonly compatibleRuntimes?: readonly string[];
  readonly compatibleArchitectures?: readonly Architecture[];
  readonly licenseInfo?: string;
}

/** Who asks, when it may not be the layer's owner. */
export interface LayerUser {
  readonly owner: Owner;
  readonly arn: string;
}

/** Layers of a page are read so many at a time. */
const LAYERS_READ = 100;

/**
 * Packages of their own that functions lay under /opt. A version's number is never given again,
 * and what a function has of it stays after its deletion.
 */
export class LayerRegistry {
  readonly #table: TableStore;
  readonly #code: CodeReferences;
  readonly #usage: UsageLedger;
  readonly #signing: CodeSigningRegistry;
  readonly #clock: Clock;
  readonly #random: SecureRandom;
  readonly #region: string;
  readonly #layers: Documents<LayerRecord>;
  readonly #versions: Documents<LayerVersion>;

  constructor(parts: RegistryParts, signing: CodeSigningRegistry) {
    const { table, region } = parts.store;
    this.#table = table;
    this.#region = region;
    this.#code = parts.code;
    this.#usage = parts.usage;
    this.#signing = signing;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#layers = new Documents(table, LAYERS);
    this.#versions = new Documents(table, LAYER_VERSIONS);
  }

  /** @throws PlatformError kinds "invalid_package", "too_large" */
  async publish(owner: Owner, name: string, request: PublishLayer): Promise<LayerVersion> {
    const { zip, description = "", ...facts } = request;
    requireCodeSpace((await this.#usage.of(owner)).codeBytes, zip.length);
    await using held = await this.#code.hold(owner, zip);
    const code = await this.#signing.admit(owner, held.reference);
    const published = await this.#layers.change(layerKey(owner, name), (layer) => {
      const version = layer?.nextVersion ?? 1;
      const arn = layerArn(this.#region, owner, name, version);
      const created = lastModifiedOf(this.#clock.now());
      const value: LayerVersion = {
        ...{ owner, name, version, arn, description, ...facts, created, code },
      };
      const key = layerVersionKey(owner, name, version);
      return {
        value: {
          name,
          nextVersion: version + 1,
          codeBytes: (layer?.codeBytes ?? 0) + code.zipBytes,
        },
        writes: [
          { table: LAYER_VERSIONS, key, value },
          { table: CODE_USES, key: useKeyOf(value), value: {} },
        ],
        result: value,
      };
    });
    this.#usage.add(owner, 0, code.zipBytes);
    return published;
  }

  /**
   * A version of anybody's layer, if the one who asks may use it.
   * @throws PlatformError kinds "not_found", "forbidden"
   */
  async get(asking: LayerUser, owner: Owner, name: string, version: number): Promise<LayerVersion> {
    const found = await this.#find(owner, name, version);
    if (found && mayUse(found, { kind: "account", ...asking })) return found;
    const arn = layerArn(this.#region, owner, name, version);
    if (asking.owner !== owner) throw forbiddenLayer(asking.arn, USE_LAYER, arn);
    throw new PlatformError(
      { kind: "not_found", resource: "layer version", id: arn },
      "The resource you requested does not exist.",
    );
  }

  /** The newest matching version of every layer that has one, by name. */
  async list(owner: Owner, request: PageRequest & LayerFilter = {}): Promise<Page<LayerVersion>> {
    const limit = pageLimit(request);
    const prefix = layerKey(owner, "");
    let after = layerKey(owner, request.marker === undefined ? "" : decodeMarker(request.marker));
    const items: LayerVersion[] = [];
    while (true) {
      const layers = await this.#layers.list(prefix, after, LAYERS_READ);
      for (const { name } of layers) {
        const newest = (await this.#matching(owner, name, request))[0];
        if (newest === undefined) continue;
        const last = items.at(-1);
        if (last && items.length === limit) return { items, next: encodeMarker(last.name) };
        items.push(newest);
      }
      const last = layers.at(-1);
      if (!last || layers.length < LAYERS_READ) return { items };
      after = layerKey(owner, last.name);
    }
  }

  /** Matching versions of a layer, the newest first; none when there is no such layer. */
  async listVersions(
    owner: Owner,
    name: string,
    request: PageRequest & LayerFilter = {},
  ): Promise<Page<LayerVersion>> {
    const limit = pageLimit(request);
    const before =
      request.marker === undefined
        ? Number.POSITIVE_INFINITY
        : Number(decodeMarker(request.marker));
    const matching = await this.#matching(owner, name, request);
    const rest = matching.filter(({ version }) => version < before);
    const items = rest.slice(0, limit);
    const last = items.at(-1);
    return last && rest.length > limit
      ? { items, next: encodeMarker(String(last.version)) }
      : { items };
  }

  /** Deleting a version that does not exist succeeds, as on AWS. Functions that have it keep it. */
  async delete(owner: Owner, name: string, version: number): Promise<void> {
    const freed = await this.#layers.change(layerKey(owner, name), async (layer) => {
      const found = await this.#find(owner, name, version);
      if (!layer || !found) return { result: 0 };
      const { sha256, zipBytes } = found.code;
      return {
        value: { ...layer, codeBytes: layer.codeBytes - zipBytes },
        writes: [
          { table: LAYER_VERSIONS, key: layerVersionKey(owner, name, version), delete: true },
          { table: CODE_USES, key: useKeyOf(found), delete: true },
          this.#code.dropOf(owner, sha256),
        ],
        result: zipBytes,
      };
    });
    this.#usage.add(owner, 0, -freed);
  }

  /** @throws PlatformError kind "not_found": no such version, or nobody else may use it */
  async policy(owner: Owner, name: string, version: number): Promise<LayerPolicy> {
    const found = await this.#require(owner, name, version);
    if (found.policy) return found.policy;
    throw noStatement(found, "No policy is associated with the given resource.");
  }

  /**
   * Lets others use a version.
   * @throws PlatformError kinds "not_found", "already_exists", "precondition_failed", "too_large"
   */
  async addPermission(
    owner: Owner,
    name: string,
    version: number,
    permission: Pick<Permission, "statementId" | "principal" | "principalOrgId">,
    revisionId?: string,
  ): Promise<{ readonly statement: PolicyStatement; readonly revisionId: string }> {
    const arn = layerArn(this.#region, owner, name, version);
    const statement = statementOf({ action: USE_LAYER, ...permission }, arn);
    const policy = await this.#changePolicy(owner, name, version, (found) => {
      const document = withStatement(found.policy?.document, statement);
      requirePolicyRevision(found, revisionId);
      return { revisionId: this.#random.uuid(), document };
    });
    return { statement, revisionId: policy?.revisionId ?? "" };
  }

  /** @throws PlatformError kinds "not_found", "precondition_failed" */
  async removePermission(
    owner: Owner,
    name: string,
    version: number,
    statementId: string,
    revisionId?: string,
  ): Promise<void> {
    await this.#changePolicy(owner, name, version, (found) => {
      requirePolicyRevision(found, revisionId);
      const before = found.policy?.document.Statement ?? [];
      const Statement = before.filter(({ Sid }) => Sid !== statementId);
      if (!found.policy || Statement.length === before.length) {
        throw noStatement(found, `Statement ${statementId} is not found in resource policy.`);
      }
      if (Statement.length === 0) return undefined;
      const document = { ...found.policy.document, Statement };
      return { revisionId: this.#random.uuid(), document };
    });
  }

  /**
   * The layer versions that a function is to have, in order, each checked against the function's
   * code signing configuration when it has one. A version that is deleted at this very moment keeps
   * its package for a while (CODE_GRACE_MS): by then the function's use of it is on record.
   * @throws PlatformError kinds "invalid", "forbidden", "code_signature"
   */
  async referencesOf(
    owner: Owner,
    arns: readonly string[],
    deployment: Deployment,
  ): Promise<readonly LayerReference[]> {
    const user = { kind: "account", owner, arn: `arn:aws:iam::${owner}:root` } as const;
    const references: LayerReference[] = [];
    for (const { owner: layerOwner, name, version } of requireLayerNames(arns, this.#region)) {
      const found = await this.#find(layerOwner, name, version);
      const arn = layerArn(this.#region, layerOwner, name, version);
      if (!found && layerOwner === owner) throw unknownLayer(arn);
      if (!found || !mayUse(found, user)) throw forbiddenLayer(user.arn, USE_LAYER, arn);
      const code =
        deployment.config === undefined
          ? found.code
          : await this.#signing.admit(layerOwner, found.code, deployment);
      references.push({ ...code, arn, owner: layerOwner });
    }
    return references;
  }

  async #changePolicy(
    owner: Owner,
    name: string,
    version: number,
    step: (found: LayerVersion) => LayerPolicy | undefined,
  ): Promise<LayerPolicy | undefined> {
    const key = layerVersionKey(owner, name, version);
    return await this.#versions.change(key, (found) => {
      if (!found) throw noLayerVersion(layerArn(this.#region, owner, name, version));
      const policy = step(found);
      const { policy: _, ...rest } = found;
      return { value: policy === undefined ? rest : { ...rest, policy }, result: policy };
    });
  }

  /** The newest first. */
  async #matching(owner: Owner, name: string, filter: LayerFilter): Promise<LayerVersion[]> {
    const all = await allDocumentsOf<LayerVersion>(this.#table, LAYER_VERSIONS, owner, name);
    return all
      .map(({ value }) => value)
      .filter((version) => matchesFilter(version, filter))
      .reverse();
  }

  async #find(owner: Owner, name: string, version: number): Promise<LayerVersion | undefined> {
    return await this.#versions.get(layerVersionKey(owner, name, version));
  }

  async #require(owner: Owner, name: string, version: number): Promise<LayerVersion> {
    const found = await this.#find(owner, name, version);
    if (found) return found;
    throw noLayerVersion(layerArn(this.#region, owner, name, version));
  }
}

function useKeyOf({ owner, name, version, code }: LayerVersion): string {
  return `${codeKey(owner, code.sha256)}/layer:${name}/${version}`;
}

function noStatement({ arn }: LayerVersion, message: string): PlatformError {
  return new PlatformError({ kind: "not_found", resource: "layer policy", id: arn }, message);
}
