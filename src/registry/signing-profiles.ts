import { PlatformError, type SecureRandom } from "../base/mod.ts";
import { signingKeyOf } from "../code/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import {
  limits,
  type Owner,
  parseSigningProfileArn,
  type SigningProfile,
  type SigningProfileVersion,
} from "../model/mod.ts";
import { Documents } from "./documents.ts";
import { SIGNING_PROFILES } from "./record.ts";

/** Half as many bytes as a profile version's name has characters. */
const VERSION_BYTES = 5;

/**
 * The names under which owners sign packages. Anybody may allow anybody's profile, as on AWS: its
 * ARN says whose it is, and its key is public.
 */
export class SigningProfiles {
  readonly #profiles: Documents<SigningProfile>;
  readonly #random: SecureRandom;
  readonly #region: string;

  constructor(table: TableStore, random: SecureRandom, region: string) {
    this.#profiles = new Documents(table, SIGNING_PROFILES);
    this.#random = random;
    this.#region = region;
  }

  /**
   * Gives a profile a key, under a new version when it is another than the last; what was signed
   * with an earlier key still counts.
   * @throws PlatformError kinds "invalid", "quota" (SIGNING_PROFILE_VERSIONS_MAX)
   */
  async put(owner: Owner, name: string, pem: string): Promise<SigningProfileVersion> {
    requireName(name);
    const publicKey = signingKeyOf(pem);
    if (publicKey === undefined) {
      throw new PlatformError(
        { kind: "invalid", field: "publicKey" },
        "publicKey must be an Ed25519 public key in PEM",
      );
    }
    return await this.#profiles.change(keyOf(owner, name), (profile) => {
      const versions = profile?.versions ?? [];
      const last = versions.at(-1);
      if (last?.publicKey === publicKey) return { result: last };
      const limit = limits.SIGNING_PROFILE_VERSIONS_MAX;
      if (versions.length >= limit) {
        throw new PlatformError(
          { kind: "quota", resource: "signing profile version", limit },
          `Signing profile ${name} has had ${limit} keys, which is the limit`,
        );
      }
      const version = this.#random.hex(VERSION_BYTES);
      const arn = `arn:aws:signer:${this.#region}:${owner}:/signing-profiles/${name}/${version}`;
      const added = { arn, publicKey };
      return { value: { owner, name, versions: [...versions, added] }, result: added };
    });
  }

  /** The newest version. @throws PlatformError kind "not_found" */
  async get(owner: Owner, name: string): Promise<SigningProfileVersion> {
    const last = (await this.#profiles.get(keyOf(owner, name)))?.versions.at(-1);
    if (last) return last;
    throw noProfile(name);
  }

  /** From now on nothing that it signed is accepted. @throws PlatformError kind "not_found" */
  async delete(owner: Owner, name: string): Promise<void> {
    await this.#profiles.change(keyOf(owner, name), (profile) => {
      if (!profile) throw noProfile(name);
      return { value: "deleted", result: undefined };
    });
  }

  async publicKeyOf(profileVersionArn: string): Promise<string | undefined> {
    const named = parseSigningProfileArn(profileVersionArn);
    if (!named) return undefined;
    const profile = await this.#profiles.get(keyOf(named.owner, named.name));
    return profile?.versions.find(({ arn }) => arn === profileVersionArn)?.publicKey;
  }
}

function keyOf(owner: Owner, name: string): string {
  return `${owner}/${name}`;
}

/** Source: https://docs.aws.amazon.com/signer/latest/api/API_SigningProfile.html */
function requireName(name: string): void {
  if (/^[a-zA-Z0-9_]{2,64}$/.test(name)) return;
  throw new PlatformError(
    { kind: "invalid", field: "name" },
    "A signing profile's name has 2 to 64 letters, digits and underscores",
  );
}

function noProfile(name: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "signing profile", id: name.slice(0, 64) },
    `No signing profile ${name.slice(0, 64)}`,
  );
}
