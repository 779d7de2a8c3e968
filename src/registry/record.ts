import type { Alias, FunctionVersion, LayerReference, Owner } from "../model/mod.ts";

/**
 * How functions lie in the table store. A function is one document with its `$LATEST`; published
 * versions and aliases are documents of their own, so that neither makes the function heavier.
 * Every commit that touches any of them also writes the function's document at its known revision:
 * that one revision orders all changes of a function.
 */
export const FUNCTIONS = "functions";
export const VERSIONS = "function-versions";
export const ALIASES = "function-aliases";
/**
 * One document for each use of a package: `owner/sha256/name/version` when it is a version's code,
 * `owner/sha256/its-owner:name/version` when it is a layer of a version, and
 * `owner/sha256/layer:name/version` when it is a layer version's.
 */
export const CODE_USES = "function-code-uses";
/** Packages that a version stopped using, until it is known whether another still does. */
export const CODE_DROPS = "function-code-drops";
/** One document for each owner that reserved concurrency. */
export const RESERVATIONS = "function-reservations";

/** What a layer's versions have in common; stays when they go, so that no number comes twice. */
export const LAYERS = "layers";
export const LAYER_VERSIONS = "layer-versions";
/** Keys that vouch for packages: `owner/name`. */
export const SIGNING_PROFILES = "signing-profiles";
/** Code signing configurations: `owner/id`. */
export const CODE_SIGNING_CONFIGS = "code-signing-configs";
/** Which of them a function has: `owner/name/config`. */
export const FUNCTION_CODE_SIGNING = "function-code-signing";
/** Capacity providers: `owner/name`. */
export const CAPACITY_PROVIDERS = "capacity-providers";
/** Resource-based policies. */
export const POLICIES = "function-policies";
/** How the runtime of a version is updated. */
export const RUNTIME_MANAGEMENT = "function-runtime-management";
/** Function URLs. */
export const FUNCTION_URLS = "function-urls";
/** Where the URL of an id is: `id` -> its key in the table above. */
export const FUNCTION_URL_IDS = "function-url-ids";
/** How asynchronous calls of a version or alias are handled. */
export const EVENT_CONFIGS = "function-event-configs";
/** How many environments a version of a capacity provider may have. */
export const SCALING = "function-scaling";
/** One document for the settings of a function as a whole: `owner/name/settings`. */
export const FUNCTION_SETTINGS = "function-settings";

/** One document for each function with provisioned concurrency: `owner/name/provisioned`. */
export const PROVISIONED = "function-provisioned";

/**
 * Tables whose documents belong to one version or alias and go with it, too; their keys are
 * `owner/name/qualifier`, where `$LATEST` stands for the function itself.
 */
export const QUALIFIED_TABLES: readonly string[] = [
  POLICIES,
  RUNTIME_MANAGEMENT,
  SCALING,
  EVENT_CONFIGS,
  FUNCTION_URLS,
];

/**
 * Tables whose documents belong to one function and go with it in the same commit; their keys begin
 * with `owner/name/`. Whoever adds a kind of document to functions lists its table here.
 */
export const ATTACHED_TABLES: readonly string[] = [
  ...QUALIFIED_TABLES,
  PROVISIONED,
  FUNCTION_SETTINGS,
  FUNCTION_CODE_SIGNING,
];

export interface FunctionRecord {
  readonly latest: FunctionVersion;
  /** Number that the next published version gets; never reused. */
  readonly nextVersion: number;
  /** The last published version and what `$LATEST` looked like then. */
  readonly published?: { readonly version: string; readonly fingerprint: string };
  /** Zip bytes of `$LATEST` and all published versions. */
  readonly codeBytes: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly reservedConcurrency?: number;
  /** Environments to keep ready, by version or alias. */
  readonly provisioned?: Readonly<
    Record<string, { readonly requested: number; readonly lastModified: string }>
  >;
}

/** Environments that are to be kept ready for a function, over all its versions and aliases. */
export function provisionedConcurrency({ provisioned = {} }: FunctionRecord): number {
  return Object.values(provisioned).reduce((sum, { requested }) => sum + requested, 0);
}

/** What a function holds of its account's concurrency. */
export function heldConcurrency(record: FunctionRecord): number {
  return record.reservedConcurrency ?? provisionedConcurrency(record);
}

export interface LayerRecord {
  readonly name: string;
  /** Number that the next version gets; never reused. */
  readonly nextVersion: number;
  /** Zip bytes of all versions. */
  readonly codeBytes: number;
}

export interface ReservationRecord {
  /** Sum over the owner's functions. */
  readonly reserved: number;
}

export type VersionRecord = FunctionVersion;
export type AliasRecord = Alias;

/** Digits of a version in its key: keys sort as bytes, versions as numbers. */
const VERSION_DIGITS = 10;

export function functionKey(owner: Owner, name: string): string {
  return `${owner}/${name}`;
}

export function versionKeyOf(owner: Owner, name: string, version: string): string {
  return `${owner}/${name}/${version.padStart(VERSION_DIGITS, "0")}`;
}

export function aliasKey(owner: Owner, name: string, alias: string): string {
  return `${owner}/${name}/${alias}`;
}

export function qualifierKey(owner: Owner, name: string, qualifier: string): string {
  return `${owner}/${name}/${qualifier}`;
}

export function provisionedKey(owner: Owner, name: string): string {
  return `${owner}/${name}/provisioned`;
}

export function codeKey(owner: Owner, sha256: string): string {
  return `${owner}/${sha256}`;
}

export function codeUseKey(version: FunctionVersion): string {
  const { owner, name, code } = version;
  return `${codeKey(owner, code.sha256)}/${name}/${version.version}`;
}

export function layerUseKey(layer: LayerReference, user: FunctionVersion): string {
  return `${codeKey(layer.owner, layer.sha256)}/${user.owner}:${user.name}/${user.version}`;
}

export function layerKey(owner: Owner, name: string): string {
  return `${owner}/${name}`;
}

export function layerVersionKey(owner: Owner, name: string, version: number): string {
  return `${owner}/${name}/${String(version).padStart(VERSION_DIGITS, "0")}`;
}
