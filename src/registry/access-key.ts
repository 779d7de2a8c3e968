import type { SecureRandom } from "../base/mod.ts";
import type { Owner } from "../model/mod.ts";

/** A key pair with which requests are signed. */
export interface AccessKey {
  /** `AKIA` (lasting) or `ASIA` (temporary) and 16 characters of base32. */
  readonly accessKeyId: string;
  /** 40 characters of base64. */
  readonly secretAccessKey: string;
}

export interface TemporaryCredentials extends AccessKey {
  readonly sessionToken: string;
  readonly expiresAtMs: number;
}

/** Who acts when a key signs. */
export interface Principal {
  readonly owner: Owner;
  readonly accessKeyId: string;
  /** Only the lasting key of the first account; never code that runs in a function. */
  readonly operator: boolean;
  /** ARN and user id as STS reports them. */
  readonly arn: string;
  readonly userId: string;
}

/** A principal with the secret to check signatures with. */
export interface Credential {
  readonly principal: Principal;
  readonly secretAccessKey: string;
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** AWS's key ids and role ids are base32 without padding; five bits of each byte are used. */
export function base32Id(prefix: string, bytes: Buffer): string {
  let id = prefix;
  for (const byte of bytes.subarray(0, 16)) id += BASE32[byte & 31];
  return id;
}

export function newAccessKey(random: SecureRandom): AccessKey {
  return {
    accessKeyId: base32Id("AKIA", random.bytes(16)),
    secretAccessKey: random.bytes(30).toString("base64"),
  };
}
