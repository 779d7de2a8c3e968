import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { LruMap } from "../../base/mod.ts";

export const ALGORITHM: string = "AWS4-HMAC-SHA256";

/** Keys held ready; ours: one for each caller, day, region and service in use, 0.5 KB each. */
const SIGNING_KEYS_MAX = 4096;

/** Lower-case hexadecimal SHA-256. */
export function sha256Hex(data: Buffer | string): string {
  return hash("sha256", data, "hex");
}

/** The key that signs for one day, region and service: four HMACs on the secret. */
export function deriveSigningKey(
  secretAccessKey: string,
  date: string,
  region: string,
  service: string,
): KeyObject {
  const step = (key: string | Buffer, data: string): Buffer =>
    createHmac("sha256", key).update(data).digest();
  const dated = step(step(step(`AWS4${secretAccessKey}`, date), region), service);
  return createSecretKey(step(dated, "aws4_request"));
}

/** Signature of a canonical request in lower-case hexadecimal. */
export function signatureOf(
  key: KeyObject,
  timestamp: string,
  scope: string,
  canonicalRequest: string,
): string {
  const text = `${ALGORITHM}\n${timestamp}\n${scope}\n${sha256Hex(canonicalRequest)}`;
  return createHmac("sha256", key).update(text).digest("hex");
}

/**
 * Derived keys by credential (`AKIA…/date/region/service/aws4_request`), so that one HMAC a request
 * remains. Only keys that have verified a signature are kept: strangers cannot evict others'.
 */
export class SigningKeys {
  readonly #keys = new LruMap<string, KeyObject>(SIGNING_KEYS_MAX);
  /** Most requests are signed with the same key as the one before. */
  #lastCredential = "";
  #lastKey: KeyObject | undefined;

  get(credential: string): KeyObject | undefined {
    if (credential === this.#lastCredential) return this.#lastKey;
    const key = this.#keys.get(credential);
    if (key !== undefined) this.#remember(credential, key);
    return key;
  }

  keep(credential: string, key: KeyObject): void {
    this.#keys.set(credential, key);
    this.#remember(credential, key);
  }

  #remember(credential: string, key: KeyObject): void {
    this.#lastCredential = credential;
    this.#lastKey = key;
  }
}
