import { webcrypto } from "node:crypto";

/** SHA-256 in the thread pool: 50 MB would hold up the main loop for 40 ms. */
export async function sha256Of(bytes: Uint8Array): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}
