import type { Owner } from "./arn.ts";

/** Which packages a function accepts, once it is told to look. */
export interface CodeSigningConfig {
  readonly owner: Owner;
  /** `csc-` and 17 hexadecimal digits. */
  readonly id: string;
  readonly arn: string;
  readonly description?: string;
  /** ARNs of signing profile versions. */
  readonly allowedPublishers: readonly string[];
  /** What becomes of a package that none of them vouches for. */
  readonly untrusted: "Warn" | "Enforce";
  readonly lastModified: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A name under which an owner signs packages, with the key of each version of it. */
export interface SigningProfile {
  readonly owner: Owner;
  readonly name: string;
  /** The newest last; older ones are honoured as long as the profile exists. */
  readonly versions: readonly SigningProfileVersion[];
}

export interface SigningProfileVersion {
  readonly arn: string;
  /** Ed25519, SubjectPublicKeyInfo in PEM. */
  readonly publicKey: string;
}

const PROFILE_ARN =
  /^arn:aws[a-zA-Z-]*:signer:([a-z0-9-]+):(\d{12}):\/signing-profiles\/([a-zA-Z0-9_]{2,64})\/([a-zA-Z0-9]{10})$/;

/** Whose profile an ARN of a profile version names; undefined when it is none. */
export function parseSigningProfileArn(
  text: string,
): { readonly owner: Owner; readonly name: string } | undefined {
  const match = PROFILE_ARN.exec(text);
  if (!match) return undefined;
  return { owner: match[2] as Owner, name: match[3] as string };
}

export function codeSigningConfigArn(region: string, owner: Owner, id: string): string {
  return `arn:aws:lambda:${region}:${owner}:code-signing-config:${id}`;
}
