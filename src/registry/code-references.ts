import { createHash } from "node:crypto";
import type { TableStore } from "../engine/mod.ts";
import type { CodeReference, Owner } from "../model/mod.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { CODE_USES, codeUsePrefix } from "./record.ts";

/** What the registry needs of the code store. */
export interface CodePort {
  /**
   * Stores and unpacks a zip; durable when it resolves; the same zip again costs little.
   * @throws PlatformError kinds "invalid_package", "too_large"
   */
  put(owner: Owner, zip: Buffer): Promise<CodeReference>;
  /** Deleting what is absent succeeds. */
  delete(owner: Owner, sha256: string): Promise<void>;
}

/** A stored package that cannot be deleted until this is disposed of. */
export interface HeldCode extends AsyncDisposable {
  readonly reference: CodeReference;
}

/**
 * Decides when a package may be deleted: when no version uses it (documents in the table) and
 * nobody in this process is about to use it (holds). Several versions and functions of one owner
 * may share a package.
 */
export class CodeReferences {
  readonly #table: TableStore;
  readonly #code: CodePort;
  readonly #lock = new KeyedLock();
  readonly #holds = new Map<string, number>();

  constructor(table: TableStore, code: CodePort) {
    this.#table = table;
    this.#code = code;
  }

  /** Stores `zip` and keeps it at least until the result is disposed of. */
  async hold(owner: Owner, zip: Buffer): Promise<HeldCode> {
    // Known before the store is asked, or a deletion could slip between "present" and "held".
    const sha256 = createHash("sha256").update(zip).digest("base64");
    const key = codeUsePrefix(owner, sha256);
    {
      using _ = await this.#lock.acquire(key);
      this.#holds.set(key, (this.#holds.get(key) ?? 0) + 1);
    }
    const letGo = async (): Promise<void> => {
      const left = (this.#holds.get(key) ?? 1) - 1;
      if (left > 0) this.#holds.set(key, left);
      else this.#holds.delete(key);
      await this.collect(owner, sha256);
    };
    try {
      const reference = await this.#code.put(owner, zip);
      return { reference, [Symbol.asyncDispose]: letGo };
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  /** Deletes the package if nothing uses it any more. */
  async collect(owner: Owner, sha256: string): Promise<void> {
    const key = codeUsePrefix(owner, sha256);
    using _ = await this.#lock.acquire(key);
    if (this.#holds.has(key)) return;
    const uses = await this.#table.list(CODE_USES, { prefix: key, limit: 1 });
    if (uses.length === 0) await this.#code.delete(owner, sha256);
  }
}
