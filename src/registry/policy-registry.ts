import { LruMap, PlatformError, type SecureRandom } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import { requireRevision } from "./function.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import { allDocumentsOf } from "./listing.ts";
import {
  type PolicyDocument,
  type PolicyRequest,
  type PolicyStatement,
  verdictOf,
} from "./policy.core.ts";
import {
  type Permission,
  policyDocumentOf,
  statementOf,
  withStatement,
} from "./policy-document.core.ts";
import { functionKey, POLICIES, qualifierKey } from "./record.ts";
import type { FunctionStore } from "./store.ts";
import { requireTarget } from "./target.ts";

/** A resource-based policy and its revision. */
export interface Policy {
  readonly document: PolicyDocument;
  readonly revisionId: string;
}

/** The policies of one function, by qualifier; `$LATEST` is the unqualified function. */
type Policies = ReadonlyMap<string, PolicyDocument>;

/**
 * Who else may use a function: one policy for the function itself and one for each of its versions
 * and aliases. A policy has a revision id of its own, so that a permission given does not count as
 * a change of the function, whose warm environments stay. As long as there is no policy, the
 * revision id is that of what it would belong to.
 */
export class PolicyRegistry {
  readonly #store: FunctionStore;
  readonly #random: SecureRandom;
  readonly #resolver: RegistryParts["resolver"];
  /** By function; what was read counts until the function changes. */
  readonly #known = new LruMap<string, Policies | Promise<Policies>>(limits.POLICIES_CACHED_MAX);

  constructor({ store, random, resolver }: RegistryParts) {
    this.#store = store;
    this.#random = random;
    this.#resolver = resolver;
    resolver.onForget((owner, name) => this.#known.delete(functionKey(owner, name)));
  }

  /**
   * Whether the policy of a function, version or alias allows something; what does not exist allows
   * nothing. Asked before, it costs two map look-ups and no promise.
   */
  allows(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    request: PolicyRequest,
  ): boolean | Promise<boolean> {
    const decide = (policies: Policies): boolean => {
      const policy = policies.get(qualifier ?? UNQUALIFIED);
      const resource = this.#store.arn(owner, functionName, qualifier);
      return policy !== undefined && verdictOf(policy, resource, request) === "allowed";
    };
    const known = this.#known.get(functionKey(owner, functionName));
    if (known === undefined) return this.#load(owner, functionName).then(decide);
    return known instanceof Promise ? known.then(decide) : decide(known);
  }

  /** @throws PlatformError kind "not_found": no such function, qualifier, or no policy */
  async get(owner: Owner, functionName: string, qualifier?: string): Promise<Policy> {
    const record = await this.#store.read(owner, functionName);
    await requireTarget(this.#store, record, qualifier);
    const policy = await this.#find(owner, functionName, qualifier);
    if (policy) return policy;
    const id = this.#store.arn(owner, functionName, qualifier);
    throw noPolicy(id, "The resource you requested does not exist.");
  }

  /**
   * Adds a statement that allows something.
   * @throws PlatformError kinds "not_found", "already_exists" (statement), "precondition_failed",
   *   "invalid", "too_large", "conflict"
   */
  async addPermission(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    permission: Permission,
    revisionId?: string,
  ): Promise<PolicyStatement> {
    const resource = this.#store.arn(owner, functionName, qualifier);
    const statement = statementOf(permission, resource);
    await this.#change(owner, functionName, qualifier, revisionId, (policy) =>
      withStatement(policy, statement),
    );
    return statement;
  }

  /**
   * Takes a statement away; a policy without statements is gone.
   * @throws PlatformError kinds "not_found", "precondition_failed", "conflict"
   */
  async removePermission(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    statementId: string,
    revisionId?: string,
  ): Promise<void> {
    const id = this.#store.arn(owner, functionName, qualifier);
    await this.#change(owner, functionName, qualifier, revisionId, (policy) => {
      if (!policy) throw noPolicy(id, "No policy is associated with the given resource.");
      const left = policy.Statement.filter(({ Sid }) => Sid !== statementId);
      if (left.length === policy.Statement.length) {
        throw noPolicy(id, `Statement ${statementId} is not found in resource policy.`);
      }
      return left.length === 0 ? undefined : { ...policy, Statement: left };
    });
  }

  /**
   * Replaces the whole policy by one given as JSON.
   * @throws PlatformError kinds "not_found", "precondition_failed", "invalid", "too_large",
   *   "conflict"
   */
  async put(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    json: string,
    revisionId?: string,
  ): Promise<Policy> {
    const document = policyDocumentOf(json);
    const stored = await this.#change(owner, functionName, qualifier, revisionId, () => document);
    return { document, revisionId: stored };
  }

  /** @throws PlatformError kinds "not_found", "precondition_failed", "conflict" */
  async delete(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    revisionId?: string,
  ): Promise<void> {
    const id = this.#store.arn(owner, functionName, qualifier);
    await this.#change(owner, functionName, qualifier, revisionId, (policy) => {
      if (!policy) throw noPolicy(id, "No policy is associated with the given resource.");
      return undefined;
    });
  }

  async #find(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
  ): Promise<Policy | undefined> {
    const key = qualifierKey(owner, functionName, qualifier ?? UNQUALIFIED);
    return (await this.#store.table.get<Policy>(POLICIES, key))?.value;
  }

  /** @returns the policy's new revision id */
  async #change(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    revisionId: string | undefined,
    step: (policy: PolicyDocument | undefined) => PolicyDocument | undefined,
  ): Promise<string> {
    const key = qualifierKey(owner, functionName, qualifier ?? UNQUALIFIED);
    const stored = await this.#store.change(owner, functionName, async (record) => {
      const target = await requireTarget(this.#store, record, qualifier);
      const policy = await this.#find(owner, functionName, qualifier);
      const current = policy?.revisionId ?? target.revisionId;
      const document = step(policy?.document);
      requireRevision("policy", target.arn, current, revisionId);
      const value: Policy | undefined = document && { document, revisionId: this.#random.uuid() };
      const write = value
        ? ({ table: POLICIES, key, value } as const)
        : ({ table: POLICIES, key, delete: true } as const);
      return { record, writes: [write], result: value?.revisionId ?? "" };
    });
    this.#resolver.forget(owner, functionName);
    return stored;
  }

  #load(owner: Owner, functionName: string): Promise<Policies> {
    const key = functionKey(owner, functionName);
    const loading = this.#read(owner, functionName);
    this.#known.set(key, loading);
    const settle = (policies: Policies | undefined): void => {
      // Forgotten meanwhile: what was read may be old already.
      if (this.#known.get(key) !== loading) return;
      if (policies) this.#known.set(key, policies);
      else this.#known.delete(key);
    };
    loading.then(settle, () => settle(undefined));
    return loading;
  }

  async #read(owner: Owner, functionName: string): Promise<Policies> {
    const { table } = this.#store;
    const documents = await allDocumentsOf<Policy>(table, POLICIES, owner, functionName);
    const prefix = qualifierKey(owner, functionName, "");
    return new Map(documents.map(({ key, value }) => [key.slice(prefix.length), value.document]));
  }
}

/** Under which the policy of the function itself is kept; `$LATEST` as such can have none. */
const UNQUALIFIED = "$LATEST";

function noPolicy(id: string, message: string): PlatformError {
  return new PlatformError({ kind: "not_found", resource: "policy", id }, message);
}
