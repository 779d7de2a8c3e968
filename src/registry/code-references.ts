import { webcrypto } from "node:crypto";
import type { Clock, Timer } from "../base/mod.ts";
import type { SignatureVerdict, Signers } from "../code/mod.ts";
import type { TableStore, Write } from "../engine/mod.ts";
import type { CodeReference, Owner } from "../model/mod.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { CODE_DROPS, CODE_USES, codeKey } from "./record.ts";

/** What the registry needs of the code store. */
export interface CodePort {
  /**
   * Stores and unpacks a zip; durable when it resolves; the same zip again costs little.
   * @throws PlatformError kinds "invalid_package", "too_large"
   */
  put(owner: Owner, zip: Buffer): Promise<CodeReference>;
  /** Whether a stored package is what a signing profile has vouched for. */
  verify(owner: Owner, sha256: string, signers: Signers): Promise<SignatureVerdict>;
  /** Deleting what is absent succeeds. */
  delete(owner: Owner, sha256: string): Promise<void>;
}

/** A stored package that cannot be deleted until this is disposed of. */
export interface HeldCode extends AsyncDisposable {
  readonly reference: CodeReference;
}

/** A package that a version stopped using; it may have other uses. */
interface Drop {
  readonly owner: Owner;
  readonly sha256: string;
  readonly droppedAtMs: number;
}

/**
 * A dropped package stays so long: calls that were resolved before the change may still wait for an
 * environment that needs it. Ours; calls wait for seconds at most.
 */
export const CODE_GRACE_MS: number = 5 * 60 * 1000;

const SWEEP_PAGE = 1000;

/**
 * Decides when a package may be deleted: when no version uses it (documents in the table), nobody
 * in this process is about to use it (holds), and its last use was dropped a while ago (documents
 * too, so that a restart forgets none). Versions and functions of one owner may share a package.
 */
export class CodeReferences implements AsyncDisposable {
  readonly #table: TableStore;
  readonly #code: CodePort;
  readonly #clock: Clock;
  readonly #lock = new KeyedLock();
  readonly #holds = new Map<string, number>();
  #timer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(table: TableStore, code: CodePort, clock: Clock) {
    this.#table = table;
    this.#code = code;
    this.#clock = clock;
    this.#sweepLater();
  }

  /** Stores `zip` and keeps it at least until the result is disposed of. */
  async hold(owner: Owner, zip: Buffer): Promise<HeldCode> {
    // Known before the store is asked, or a deletion could slip between "present" and "held".
    const sha256 = await sha256Of(zip);
    const key = codeKey(owner, sha256);
    {
      using _ = await this.#lock.acquire(key);
      this.#holds.set(key, (this.#holds.get(key) ?? 0) + 1);
    }
    const letGo = async (): Promise<void> => {
      const left = (this.#holds.get(key) ?? 1) - 1;
      if (left > 0) this.#holds.set(key, left);
      else this.#holds.delete(key);
      using _ = await this.#lock.acquire(key);
      // What nobody came to use goes at once, unless it still has its time of grace.
      if (await this.#table.get(CODE_DROPS, key)) return;
      await this.#deleteUnused(owner, sha256);
    };
    try {
      const reference = await this.#code.put(owner, zip);
      return { reference, [Symbol.asyncDispose]: letGo };
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  /** As CodePort's. */
  verify(owner: Owner, sha256: string, signers: Signers): Promise<SignatureVerdict> {
    return this.#code.verify(owner, sha256, signers);
  }

  /** What a commit that ends a use of a package has to write as well. */
  dropOf(owner: Owner, sha256: string): Write {
    this.#sweepLater();
    const value: Drop = { owner, sha256, droppedAtMs: this.#clock.now() };
    return { table: CODE_DROPS, key: codeKey(owner, sha256), value };
  }

  /** Stops sweeping and waits for the sweep under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#sweeping;
  }

  #sweepLater(): void {
    this.#timer ??= this.#clock.after(CODE_GRACE_MS, () => {
      this.#timer = undefined;
      // What a failing store kept from being swept is swept with the next drop or start.
      this.#sweeping = this.#sweep().catch(() => {});
    });
  }

  async #sweep(): Promise<void> {
    let after = "";
    while (true) {
      const page = await this.#table.list<Drop>(CODE_DROPS, { after, limit: SWEEP_PAGE });
      for (const { key, revision, value } of page) await this.#settle(key, revision, value);
      const last = page.at(-1);
      if (!last || page.length < SWEEP_PAGE) return;
      after = last.key;
    }
  }

  async #settle(key: string, revision: number, drop: Drop): Promise<void> {
    if (drop.droppedAtMs + CODE_GRACE_MS > this.#clock.now()) return this.#sweepLater();
    using _ = await this.#lock.acquire(key);
    await this.#deleteUnused(drop.owner, drop.sha256);
    await this.#table.commit([{ table: CODE_DROPS, key, delete: true, ifRevision: revision }]);
  }

  /** Call with the package's lock. */
  async #deleteUnused(owner: Owner, sha256: string): Promise<void> {
    const key = codeKey(owner, sha256);
    if (this.#holds.has(key)) return;
    const uses = await this.#table.list(CODE_USES, { prefix: `${key}/`, limit: 1 });
    if (uses.length === 0) await this.#code.delete(owner, sha256);
  }
}

/** Base64, computed beside the event loop: a package may have 50 MB. */
async function sha256Of(zip: Buffer): Promise<string> {
  const bytes = zip as Uint8Array<ArrayBuffer>;
  return Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes)).toString("base64");
}
