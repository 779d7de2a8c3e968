import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { PlatformError, type SecureRandom } from "../base/mod.ts";

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Length of the server's master key. */
export const MASTER_KEY_BYTES: number = 32;

/** A key for one purpose: two uses of the master key cannot be played against each other. */
export function purposeKey(masterKey: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", masterKey, "", `hearth ${purpose}`, 32));
}

/**
 * Encrypts and authenticates with AES-256-GCM: format byte, nonce, ciphertext, tag. `context` is
 * not hidden but bound: the box opens only together with it.
 */
export function seal(key: Buffer, text: string, context: string, random: SecureRandom): Buffer {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context));
  const hidden = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.from([FORMAT]), nonce, hidden, cipher.getAuthTag()]);
}

/**
 * Opens what `seal` closed.
 * @throws PlatformError kind "corrupt" when key, context or a single bit differs
 */
export function unseal(key: Buffer, box: Buffer, context: string): string {
  try {
    if (box[0] !== FORMAT || box.length < 1 + NONCE_BYTES + TAG_BYTES) throw new Error("Format");
    const nonce = box.subarray(1, 1 + NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(box.subarray(-TAG_BYTES));
    const hidden = box.subarray(1 + NONCE_BYTES, -TAG_BYTES);
    return decipher.update(hidden, undefined, "utf8") + decipher.final("utf8");
  } catch (cause) {
    throw new PlatformError(
      { kind: "corrupt", what: "sealed secret", id: context },
      "A sealed secret does not open with this server's master key",
      { cause },
    );
  }
}
