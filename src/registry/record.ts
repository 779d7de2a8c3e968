import type { Alias, FunctionVersion, Owner } from "../model/mod.ts";

/**
 * How functions lie in the table store. A function is one document with its `$LATEST`; published
 * versions and aliases are documents of their own, so that neither makes the function heavier.
 * Every commit that touches any of them also writes the function's document at its known revision:
 * that one revision orders all changes of a function.
 */
export const FUNCTIONS = "functions";
export const VERSIONS = "function-versions";
export const ALIASES = "function-aliases";
/** One document for each use of a package by a version: `owner/sha256/name/version`. */
export const CODE_USES = "function-code-uses";
/** Packages that a version stopped using, until it is known whether another still does. */
export const CODE_DROPS = "function-code-drops";
/** One document for each owner that reserved concurrency. */
export const RESERVATIONS = "function-reservations";

/**
 * Tables whose documents belong to one function and go with it in the same commit; their keys begin
 * with `owner/name/`. Whoever adds a kind of document to functions lists its table here.
 */
export const ATTACHED_TABLES: readonly string[] = [];

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

export function codeKey(owner: Owner, sha256: string): string {
  return `${owner}/${sha256}`;
}

export function codeUseKey(version: FunctionVersion): string {
  const { owner, name, code } = version;
  return `${codeKey(owner, code.sha256)}/${name}/${version.version}`;
}
