import type { Readable } from "node:stream";

/**
 * Immutable bytes under a name. A put is durable when it resolves and visible whole or not at all;
 * putting the same key again replaces it atomically. Keys match [a-zA-Z0-9/_.=-]{1,512}
 * without ".." and without empty or "." segments; others are kind "invalid".
 */
export interface BlobStore {
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** @throws PlatformError kind "not_found" */
  get(key: string): Promise<Buffer>;
  /** @throws PlatformError kind "not_found" */
  stream(key: string): Promise<Readable>;
  has(key: string): Promise<boolean>;
  /** Deleting what is absent succeeds. */
  delete(key: string): Promise<void>;
  /** Every key that starts with `prefix`, in no promised order. */
  list(prefix: string): AsyncIterable<string>;
}
