import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { PlatformError, Semaphore } from "../base/mod.ts";
import type { BlobStore } from "../engine/mod.ts";
import type { CodeReference, Owner } from "../model/mod.ts";
import { CacheDirectory } from "./cache-directory.ts";
import { sha256Of } from "./digest.ts";
import { ListingCache } from "./listing-cache.ts";
import { extractPackage } from "./package.ts";
import { type SignatureVerdict, type Signers, verifySignature } from "./signature.ts";
import { type CodeTree, readTree } from "./tree.ts";

export interface CodeStoreOptions {
  readonly blobs: BlobStore;
  /** The store's own; on the file system of the environments, so that files can be linked. */
  readonly cacheDirectory: string;
  /** Paths of all listings held in memory together; about 100 bytes each. */
  readonly listedPathsMax?: number;
  /** Changes with every boot of the machine; read from the kernel unless told. */
  readonly bootId?: string;
}

/** Ours: about 20 MB; the listings of 50,000 functions of a few files. */
const LISTED_PATHS_MAX = 200_000;
/** Ours: packages unpacked at once; each uses the whole thread pool. */
const UNPACKING_MAX = 2;

/**
 * The packages of all owners: the zip as a durable blob `packages/<owner>/<hex sha256>.zip`, and
 * unpacked in a cache on this host. A package is stored once per owner however many functions use
 * it; whoever deletes must know that none does. Packages are never shared between owners.
 */
export class CodeStore implements AsyncDisposable {
  readonly #blobs: BlobStore;
  readonly #cache: CacheDirectory;
  readonly #listings: ListingCache;
  readonly #unpacking = new Semaphore(UNPACKING_MAX);
  /** Trees being made ready, by key: whoever asks meanwhile gets the same promise. */
  readonly #loading = new Map<string, Promise<CodeTree>>();

  /** Creates the cache directory and clears what an interrupted server left in it. */
  constructor(options: CodeStoreOptions) {
    this.#blobs = options.blobs;
    this.#cache = new CacheDirectory(options.cacheDirectory, options.bootId ?? machineBootId());
    this.#listings = new ListingCache(options.listedPathsMax ?? LISTED_PATHS_MAX);
  }

  /**
   * Checks, unpacks and stores a package; durable when it resolves. Putting the same bytes again
   * gives the same reference and does the work only where it is missing.
   * @throws PlatformError kind "invalid_package"; nothing is kept then
   */
  async put(owner: Owner, zip: Buffer): Promise<CodeReference> {
    const sha256 = (await sha256Of(zip)).toString("base64");
    const hex = hexOf(sha256);
    const key = `${owner}/${hex}`;
    // Whoever unpacks these bytes already may fail for want of them; here they are.
    await this.#loading.get(key)?.catch(() => {});
    let unpacked = false;
    const tree = await this.#tree(key, async () => {
      unpacked = true;
      return zip;
    });
    const blob = blobKey(owner, hex);
    // A blob whose tree had to be made here may be a damaged one: it is replaced.
    if (unpacked || !(await this.#blobs.has(blob))) await this.#blobs.put(blob, zip);
    const facts = { sha256, zipBytes: zip.length, unpackedBytes: tree.unpackedBytes };
    return tree.files.some(isExtension) ? { ...facts, hasExtensions: true } : facts;
  }

  /** @throws PlatformError kind "not_found" */
  async zip(owner: Owner, sha256: string): Promise<Readable> {
    return await this.#blobs.stream(blobKey(owner, hexOf(sha256)));
  }

  async has(owner: Owner, sha256: string): Promise<boolean> {
    return await this.#blobs.has(blobKey(owner, hexOf(sha256)));
  }

  /**
   * The unpacked package, from the cache when it is there: then the blob store is not asked at all.
   * @throws PlatformError kind "not_found"; "corrupt" when the blob is not what was put
   */
  async tree(owner: Owner, sha256: string): Promise<CodeTree> {
    const hex = hexOf(sha256);
    return await this.#tree(`${owner}/${hex}`, async () => {
      const zip = await this.#blobs.get(blobKey(owner, hex));
      if ((await sha256Of(zip)).toString("hex") === hex) return zip;
      throw new PlatformError(
        { kind: "corrupt", what: "package", id: `${owner}/${hex}` },
        `Package ${owner}/${hex} does not have the SHA-256 it is stored under`,
      );
    });
  }

  /** Whether the package is what a signing profile has vouched for. */
  async verify(owner: Owner, sha256: string, signers: Signers): Promise<SignatureVerdict> {
    return await verifySignature(await this.tree(owner, sha256), signers);
  }

  /** Forgets a package that no version uses. Environments keep the files they have linked. */
  async delete(owner: Owner, sha256: string): Promise<void> {
    const hex = hexOf(sha256);
    const key = `${owner}/${hex}`;
    await this.#loading.get(key)?.catch(() => {});
    await this.#blobs.delete(blobKey(owner, hex));
    this.#listings.delete(key);
    await this.#cache.remove(key);
  }

  /** Waits for clearing work begun at construction. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cache[Symbol.asyncDispose]();
  }

  #tree(key: string, fetchZip: () => Promise<Buffer>): Promise<CodeTree> {
    const listed = this.#listings.get(key);
    if (listed) return Promise.resolve(listed);
    const shared = this.#loading.get(key);
    if (shared) return shared;
    const loading = this.#load(key, fetchZip).finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  async #load(key: string, fetchZip: () => Promise<Buffer>): Promise<CodeTree> {
    if (!(await this.#cache.has(key))) {
      using _permit = await this.#unpacking.acquire();
      const zip = await fetchZip();
      await this.#cache.create(key, (directory) => extractPackage(zip, directory));
    }
    const tree = await readTree(this.#cache.pathOf(key));
    this.#listings.set(key, tree);
    return tree;
  }
}

/** AWS: the executables directly in /opt/extensions, where layers are laid, are extensions. */
function isExtension(path: string): boolean {
  return /^extensions\/[^/]+$/.test(path);
}

function blobKey(owner: Owner, hex: string): string {
  return `packages/${owner}/${hex}.zip`;
}

/** @throws PlatformError kind "invalid" unless it is base64 of 32 bytes */
function hexOf(sha256: string): string {
  const bytes = Buffer.from(sha256, "base64");
  if (bytes.length !== 32) {
    throw new PlatformError({ kind: "invalid", field: "sha256" }, "SHA-256 is not 32 bytes");
  }
  return bytes.toString("hex");
}

function machineBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
