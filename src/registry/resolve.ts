import type { Random } from "../base/mod.ts";
import type { FunctionVersion, Owner } from "../model/mod.ts";
import { chooseWeighted, versionsOf } from "./alias.core.ts";
import { capacityProviderOf, type ScalingConfig } from "./capacity-provider.core.ts";
import { functionNotFound, isVersionNumber, LATEST } from "./function.core.ts";
import {
  ALIASES,
  type AliasRecord,
  aliasKey,
  type FunctionRecord,
  provisionedConcurrency,
  qualifierKey,
  SCALING,
} from "./record.ts";
import type { Reservations } from "./reservations.ts";
import type { FunctionStore } from "./store.ts";

/** What a call will run, and under which name it was asked for. */
export interface ResolvedFunction {
  readonly version: FunctionVersion;
  /** The ARN as invoked: unqualified, with a version, or with an alias. */
  readonly invokedArn: string;
  /** Present when an alias chose the version. */
  readonly alias?: string;
  /** Reserved concurrency of the function; undefined = shares the account's. */
  readonly reservedConcurrency?: number;
  /** Environments that the version may have at a time; undefined = no bound of its own. */
  readonly environmentsMax?: number;
  /** Environments kept ready for the function; 0 = none. */
  readonly provisionedConcurrency: number;
}

/** An alias that divides its calls among versions. */
interface WeightedAlias {
  readonly main: ResolvedFunction;
  readonly additional: readonly { readonly share: number; readonly value: ResolvedFunction }[];
}

type Target = ResolvedFunction | WeightedAlias;

/** All that is remembered of one function, by qualifier; "" stands for none. */
type Targets = Map<string, Target | Promise<Target>>;

export interface ResolverOptions {
  readonly store: FunctionStore;
  readonly reservations: Reservations;
  /** Draws the versions of weighted aliases. */
  readonly weights: Random;
  /** Answers kept at most. */
  readonly targetsMax: number;
}

/**
 * From a function's name to the version that runs, on the way of every call. Answers are kept until
 * the function changes; a kept answer costs two map look-ups and no promise. The function used
 * longest ago is forgotten first.
 */
export class Resolver {
  readonly #store: FunctionStore;
  readonly #reservations: Reservations;
  readonly #weights: Random;
  readonly #targetsMax: number;
  readonly #functions = new Map<string, Targets>();
  readonly #listeners: ((owner: Owner, name: string) => void)[] = [];
  #targets = 0;

  constructor(options: ResolverOptions) {
    this.#store = options.store;
    this.#reservations = options.reservations;
    this.#weights = options.weights;
    this.#targetsMax = options.targetsMax;
  }

  /** @throws PlatformError kind "not_found" */
  resolve(
    owner: Owner,
    name: string,
    qualifier: string | undefined,
  ): ResolvedFunction | Promise<ResolvedFunction> {
    const key = `${owner}/${name}`;
    const targets = this.#functions.get(key);
    const target = targets?.get(qualifier ?? "");
    if (targets === undefined || target === undefined) {
      return this.#load(key, owner, name, qualifier).then(this.#choose);
    }
    this.#functions.delete(key);
    this.#functions.set(key, targets);
    return target instanceof Promise ? target.then(this.#choose) : this.#choose(target);
  }

  /** Forgets a function; the next call reads what is committed by then. */
  forget(owner: Owner, name: string): void {
    this.#drop(`${owner}/${name}`);
    for (const listener of this.#listeners) listener(owner, name);
  }

  /** Whoever else remembers something of functions hears when to forget it. */
  onForget(listener: (owner: Owner, name: string) => void): void {
    this.#listeners.push(listener);
  }

  readonly #choose = (target: Target): ResolvedFunction =>
    "version" in target
      ? target
      : chooseWeighted(target.main, target.additional, this.#weights.next());

  #load(key: string, owner: Owner, name: string, qualifier: string | undefined): Promise<Target> {
    const targets = this.#remembered(key);
    const slot = qualifier ?? "";
    const loading = this.#read(owner, name, qualifier);
    targets.set(slot, loading);
    this.#targets++;
    this.#evict();
    const settle = (target: Target | undefined): void => {
      // Forgotten or changed meanwhile: what was read may be old already.
      if (this.#functions.get(key) !== targets || targets.get(slot) !== loading) return;
      if (target) targets.set(slot, target);
      else if (targets.delete(slot)) this.#targets--;
      if (targets.size === 0) this.#functions.delete(key);
    };
    loading.then(settle, () => settle(undefined));
    return loading;
  }

  /** The function's targets, made if need be, as the ones used last. */
  #remembered(key: string): Targets {
    const targets: Targets = this.#functions.get(key) ?? new Map();
    this.#functions.delete(key);
    this.#functions.set(key, targets);
    return targets;
  }

  #evict(): void {
    for (const oldest of this.#functions.keys()) {
      if (this.#targets <= this.#targetsMax) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#targets -= this.#functions.get(key)?.size ?? 0;
    this.#functions.delete(key);
  }

  async #read(owner: Owner, name: string, qualifier: string | undefined): Promise<Target> {
    const arn = this.#store.arn(owner, name, qualifier);
    const [found] = await Promise.all([
      this.#store.find(owner, name),
      this.#reservations.see(owner),
    ]);
    const record = found?.value;
    if (!record) throw functionNotFound(arn);
    if (qualifier === undefined || qualifier === LATEST || isVersionNumber(qualifier)) {
      return this.#version(record, qualifier ?? LATEST, arn);
    }
    const document = await this.#store.table.get<AliasRecord>(
      ALIASES,
      aliasKey(owner, name, qualifier),
    );
    if (!document) throw functionNotFound(arn);
    const alias = document.value;
    const [main, ...others] = await Promise.all(
      versionsOf(alias).map((version) => this.#version(record, version, arn, alias.name)),
    );
    if (!main) throw functionNotFound(arn);
    if (others.length === 0) return main;
    const shares = Object.values(alias.additionalVersionWeights);
    return { main, additional: others.map((value, i) => ({ share: shares[i] ?? 0, value })) };
  }

  async #version(
    record: FunctionRecord,
    version: string,
    invokedArn: string,
    alias?: string,
  ): Promise<ResolvedFunction> {
    const { owner, name } = record.latest;
    const found =
      version === LATEST ? record.latest : await this.#store.findVersion(owner, name, version);
    if (!found) throw functionNotFound(invokedArn);
    const { reservedConcurrency } = record;
    const environmentsMax = await this.#environmentsMax(found);
    return {
      version: found,
      invokedArn,
      provisionedConcurrency: provisionedConcurrency(record),
      ...(alias === undefined ? {} : { alias }),
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
      ...(environmentsMax === undefined ? {} : { environmentsMax }),
    };
  }

  /** Only versions of capacity providers have one, so only for them it is looked up. */
  async #environmentsMax(version: FunctionVersion): Promise<number | undefined> {
    if (capacityProviderOf(version) === undefined) return undefined;
    const key = qualifierKey(version.owner, version.name, version.version);
    const found = await this.#store.table.get<ScalingConfig>(SCALING, key);
    return found?.value.maxExecutionEnvironments;
  }
}
