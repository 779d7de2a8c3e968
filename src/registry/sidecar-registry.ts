import { PlatformError } from "../base/mod.ts";
import type { Write } from "../engine/mod.ts";
import {
  type FunctionPolicy,
  type FunctionVersion,
  type InstrumentName,
  isLibrarySidecar,
  limits,
  type Owner,
  type SidecarPackage,
} from "../model/mod.ts";
import { LATEST } from "./function.core.ts";
import type { FunctionRegistry, RegistryParts } from "./function-registry.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { CODE_USES, codeKey } from "./record.ts";
import { parsePolicy, requireSidecar, SIDECAR_NAME } from "./sidecar-policy.core.ts";

/** The policy of an owner: one document each, by the owner's number. */
const OWNER_POLICIES = "owner-policies";
/** Sidecars that owners registered: `owner/name`. */
const SIDECAR_PACKAGES = "sidecar-packages";
const READ_PAGE = 1000;

export interface RegisterSidecar {
  readonly name: string;
  readonly zip: Buffer;
  readonly instruments?: readonly InstrumentName[];
}

/**
 * Policies of owners and functions, and the sidecars that owners made themselves. All of it is in
 * memory, so that a call learns without waiting that nothing is wanted beside it.
 */
export class SidecarRegistry {
  readonly #functions: FunctionRegistry;
  readonly #parts: RegistryParts;
  readonly #policies = new Map<Owner, FunctionPolicy>();
  readonly #packages = new Map<Owner, Map<string, SidecarPackage>>();
  readonly #lock = new KeyedLock();

  private constructor(functions: FunctionRegistry) {
    this.#functions = functions;
    this.#parts = functions.parts;
    functions.parts.changes.guard((latest) => this.#requirePublishable(latest));
  }

  static async open(functions: FunctionRegistry): Promise<SidecarRegistry> {
    const registry = new SidecarRegistry(functions);
    await registry.#load<FunctionPolicy>(OWNER_POLICIES, (key, policy) => {
      registry.#policies.set(key as Owner, policy);
    });
    await registry.#load<SidecarPackage>(SIDECAR_PACKAGES, (key, found) => {
      registry.#own(key.slice(0, key.indexOf("/")) as Owner).set(found.name, found);
    });
    return registry;
  }

  ownerPolicy(owner: Owner): FunctionPolicy | undefined {
    return this.#policies.get(owner);
  }

  /** What every function of the owner is treated by; undefined takes it away. */
  async setOwnerPolicy(owner: Owner, value: unknown): Promise<FunctionPolicy | undefined> {
    const policy = value === undefined ? undefined : this.#parse(owner, value);
    const document = { table: OWNER_POLICIES, key: owner };
    const write: Write =
      policy === undefined ? { ...document, delete: true } : { ...document, value: policy };
    using _ = await this.#lock.acquire(owner);
    await this.#parts.store.table.commit([write]);
    if (policy === undefined) this.#policies.delete(owner);
    else this.#policies.set(owner, policy);
    return policy;
  }

  /** @throws PlatformError kind "not_found" when there is no such function or version */
  async functionPolicy(
    owner: Owner,
    name: string,
    qualifier?: string,
  ): Promise<FunctionPolicy | undefined> {
    const { version } = await this.#functions.get(owner, name, qualifier);
    return version.configuration.policy;
  }

  /**
   * Sets the policy of `$LATEST`; published versions keep theirs. Undefined takes it away.
   * @throws PlatformError kinds "invalid", "not_found", "conflict"
   */
  async setFunctionPolicy(
    owner: Owner,
    name: string,
    value: unknown,
  ): Promise<FunctionPolicy | undefined> {
    const policy = value === undefined ? undefined : this.#parse(owner, value);
    await this.#functions.updateConfiguration(owner, name, { policy });
    return policy;
  }

  /** @throws PlatformError kind "invalid" unless every name is the library's or the owner's */
  requireKnown(owner: Owner, names: readonly string[], field: string): void {
    for (const name of names) requireSidecar(name, field, this.#isOwn(owner));
  }

  package(owner: Owner, name: string): SidecarPackage | undefined {
    return this.#packages.get(owner)?.get(name);
  }

  packages(owner: Owner): readonly SidecarPackage[] {
    return [...(this.#packages.get(owner)?.values() ?? [])];
  }

  /**
   * Registers a sidecar, or replaces it; calls from now on use the new one.
   * @throws PlatformError kinds "invalid", "invalid_package", "too_large", "quota"
   */
  async register(owner: Owner, request: RegisterSidecar): Promise<SidecarPackage> {
    const { name, zip, instruments = [] } = request;
    requireOwnName(name);
    requireSize(zip);
    const { store, code, clock } = this.#parts;
    using _ = await this.#lock.acquire(owner);
    const own = this.#own(owner);
    const before = own.get(name);
    if (before === undefined && own.size >= limits.SIDECAR_PACKAGES_MAX) {
      throw new PlatformError(
        { kind: "quota", resource: "sidecars", limit: limits.SIDECAR_PACKAGES_MAX },
        `The owner has ${own.size} sidecars, which is the limit`,
      );
    }
    await using held = await code.hold(owner, zip);
    const { sha256, zipBytes } = held.reference;
    const registeredAt = new Date(clock.now()).toISOString();
    const revision = (before?.revision ?? 0) + 1;
    const registered = { name, sha256, zipBytes, revision, instruments, registeredAt };
    await store.table.commit([
      { table: SIDECAR_PACKAGES, key: `${owner}/${name}`, value: registered },
      { table: CODE_USES, key: useKey(owner, registered), value: {} },
      ...(before === undefined || before.sha256 === sha256 ? [] : this.#dropOf(owner, before)),
    ]);
    own.set(name, registered);
    return registered;
  }

  /** @throws PlatformError kind "not_found" */
  async remove(owner: Owner, name: string): Promise<void> {
    using _ = await this.#lock.acquire(owner);
    const registered = this.package(owner, name);
    if (registered === undefined) throw sidecarNotFound(name);
    await this.#parts.store.table.commit([
      { table: SIDECAR_PACKAGES, key: `${owner}/${name}`, delete: true },
      ...this.#dropOf(owner, registered),
    ]);
    this.#own(owner).delete(name);
  }

  #dropOf(owner: Owner, registered: SidecarPackage): Write[] {
    return [
      { table: CODE_USES, key: useKey(owner, registered), delete: true },
      this.#parts.code.dropOf(owner, registered.sha256),
    ];
  }

  #parse(owner: Owner, value: unknown): FunctionPolicy {
    return parsePolicy(value, this.#isOwn(owner));
  }

  #isOwn(owner: Owner): (name: string) => boolean {
    return (name) => this.package(owner, name) !== undefined;
  }

  /** A sidecar may have gone since the policy was set. */
  #requirePublishable({ owner, version, configuration }: FunctionVersion): void {
    if (version !== LATEST) return;
    const names = configuration.policy?.sidecars?.map(({ name }) => name) ?? [];
    this.requireKnown(owner, names, "policy.sidecars");
  }

  #own(owner: Owner): Map<string, SidecarPackage> {
    let own = this.#packages.get(owner);
    if (own === undefined) {
      own = new Map();
      this.#packages.set(owner, own);
    }
    return own;
  }

  async #load<T>(table: string, take: (key: string, value: T) => void): Promise<void> {
    let after = "";
    while (true) {
      const page = await this.#parts.store.table.list<T>(table, { after, limit: READ_PAGE });
      for (const { key, value } of page) take(key, value);
      const last = page.at(-1);
      if (last === undefined || page.length < READ_PAGE) return;
      after = last.key;
    }
  }
}

export function sidecarNotFound(name: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "sidecar", id: name },
    `No sidecar is registered as ${name.slice(0, 64)}`,
  );
}

/** No function's name has an `@`. */
function useKey(owner: Owner, { name, sha256 }: SidecarPackage): string {
  return `${codeKey(owner, sha256)}/@sidecar/${name}`;
}

function requireOwnName(name: string): void {
  const problem = isLibrarySidecar(name)
    ? "is the name of a sidecar of the library"
    : `must match ${SIDECAR_NAME.source}`;
  if (!isLibrarySidecar(name) && SIDECAR_NAME.test(name)) return;
  throw new PlatformError({ kind: "invalid", field: "name" }, `name ${problem}`);
}

function requireSize(zip: Buffer): void {
  const limitBytes = limits.SIDECAR_ZIP_BYTES_MAX;
  if (zip.length <= limitBytes) return;
  throw new PlatformError(
    { kind: "too_large", what: "sidecar", limitBytes, actualBytes: zip.length },
    `A sidecar's zip has ${zip.length} bytes, wanted at most ${limitBytes}`,
  );
}
