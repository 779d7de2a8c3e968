import {
  type Clock,
  isPlatformError,
  LruMap,
  PlatformError,
  type SecureRandom,
} from "../base/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import { type Owner, ownerOf } from "../model/mod.ts";
import {
  type AccessKey,
  type Credential,
  newAccessKey,
  type TemporaryCredentials,
} from "./access-key.ts";
import { purposeKey, seal, unseal } from "./sealing.ts";
import { invalidToken, type SessionRequest, SessionTokens } from "./session-tokens.ts";

/** The first account. Twelve zeros, because that is what tools for local endpoints expect. */
export const OPERATOR: Owner = ownerOf("000000000000");
/** Accounts of one server; ours: the list is shown whole. */
export const ACCOUNTS_MAX: number = 10_000;
/** Lasting keys held in memory; ours: about 0.5 KB each. */
const CREDENTIALS_CACHED_MAX = 10_000;

const ACCOUNTS = "account";
const ACCOUNT_NAMES = "account_name";
const ACCESS_KEYS = "access_key";
const ACCOUNT_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export interface Account {
  readonly owner: Owner;
  readonly name: string;
  readonly createdAt: string;
  readonly accessKeyId: string;
}

export interface NewAccount extends Account {
  readonly secretAccessKey: string;
}

interface StoredKey {
  readonly owner: Owner;
  /** Base64 of the sealed secret, bound to the access key id. */
  readonly secret: string;
}

export interface AccountsOptions {
  readonly store: TableStore;
  /** MASTER_KEY_BYTES of secrecy that outlive the process, kept outside the store. */
  readonly masterKey: Buffer;
  readonly clock: Clock;
  readonly random: SecureRandom;
}

/**
 * Owners and the keys they sign with. `open` comes first and makes the operator's account when the
 * store has none. Secrets rest encrypted: whoever reads the database without the master key can
 * sign nothing.
 */
export class Accounts {
  readonly #store: TableStore;
  readonly #clock: Clock;
  readonly #random: SecureRandom;
  readonly #secretKey: Buffer;
  readonly #sessions: SessionTokens;
  readonly #credentials = new LruMap<string, Credential>(CREDENTIALS_CACHED_MAX);

  constructor(options: AccountsOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#secretKey = purposeKey(options.masterKey, "access key secret");
    this.#sessions = new SessionTokens(options);
  }

  /**
   * The operator's account with its key, made at the first start.
   * @throws PlatformError kind "corrupt" when the master key is not the one of this store
   */
  async open(): Promise<NewAccount> {
    const known = await this.#store.get<Account>(ACCOUNTS, OPERATOR);
    if (known === undefined) {
      const made = await this.#tryCreate(OPERATOR, "operator");
      if (made !== undefined) return made;
      return await this.open();
    }
    const { accessKeyId } = known.value;
    const credential = await this.#load(accessKeyId);
    return { ...known.value, secretAccessKey: credential.secretAccessKey };
  }

  /**
   * Makes an owner with a random number and its first key, which is shown this once.
   * @throws PlatformError kinds "invalid" (name), "already_exists", "throttled" (ACCOUNTS_MAX)
   */
  async create(name: string): Promise<NewAccount> {
    if (!ACCOUNT_NAME.test(name)) {
      throw new PlatformError(
        { kind: "invalid", field: "name" },
        `Account name must match ${ACCOUNT_NAME.source}: ${name.slice(0, 80)}`,
      );
    }
    if ((await this.list()).length >= ACCOUNTS_MAX) {
      throw new PlatformError(
        { kind: "throttled", scope: "account", limit: ACCOUNTS_MAX, retryAfterSeconds: 3600 },
        `This server has ${ACCOUNTS_MAX} accounts, which is the limit`,
      );
    }
    while (true) {
      if ((await this.#store.get(ACCOUNT_NAMES, name)) !== undefined) {
        throw new PlatformError(
          { kind: "already_exists", resource: "account", id: name },
          `Account exists already: ${name}`,
        );
      }
      const made = await this.#tryCreate(randomOwner(this.#random), name);
      if (made !== undefined) return made;
    }
  }

  /** Every account in order of its number, without secrets. */
  async list(): Promise<Account[]> {
    const accounts: Account[] = [];
    let after = "";
    while (true) {
      const page = await this.#store.list<Account>(ACCOUNTS, { after, limit: 1000 });
      for (const { value } of page) accounts.push(value);
      const last = page.at(-1);
      if (last === undefined || page.length < 1000) return accounts;
      after = last.key;
    }
  }

  /** Keys for code that runs on behalf of an owner; nothing is stored. */
  issue(request: SessionRequest): TemporaryCredentials {
    return this.#sessions.issue(request);
  }

  /**
   * Whom a key belongs to: at once when it was seen before or is temporary, else from the store.
   * @throws PlatformError kind "unauthenticated": unknown_key, invalid_token, expired_token
   */
  credential(accessKeyId: string, sessionToken?: string): Credential | Promise<Credential> {
    if (accessKeyId.startsWith("ASIA")) {
      if (sessionToken === undefined) throw invalidToken();
      return this.#sessions.open(accessKeyId, sessionToken);
    }
    if (sessionToken !== undefined) throw invalidToken();
    return this.#credentials.get(accessKeyId) ?? this.#load(accessKeyId);
  }

  async #load(accessKeyId: string): Promise<Credential> {
    const document = /^AKIA[A-Z2-7]{16}$/.test(accessKeyId)
      ? await this.#store.get<StoredKey>(ACCESS_KEYS, accessKeyId)
      : undefined;
    if (document === undefined) {
      throw new PlatformError(
        { kind: "unauthenticated", reason: "unknown_key" },
        "The security token included in the request is invalid.",
      );
    }
    const { owner, secret } = document.value;
    const credential: Credential = {
      principal: {
        owner,
        accessKeyId,
        operator: owner === OPERATOR,
        arn: `arn:aws:iam::${owner}:root`,
        userId: owner,
      },
      secretAccessKey: unseal(this.#secretKey, Buffer.from(secret, "base64"), accessKeyId),
    };
    this.#credentials.set(accessKeyId, credential);
    return credential;
  }

  /** Account, name and key at once; undefined when the number or name was taken meanwhile. */
  async #tryCreate(owner: Owner, name: string): Promise<NewAccount | undefined> {
    const key: AccessKey = newAccessKey(this.#random);
    const { accessKeyId, secretAccessKey } = key;
    const createdAt = new Date(this.#clock.now()).toISOString();
    const account: Account = { owner, name, createdAt, accessKeyId };
    const box = seal(this.#secretKey, secretAccessKey, accessKeyId, this.#random);
    const stored: StoredKey = { owner, secret: box.toString("base64") };
    try {
      await this.#store.commit([
        { table: ACCOUNTS, key: owner, value: account, ifRevision: 0 },
        { table: ACCOUNT_NAMES, key: name, value: { owner }, ifRevision: 0 },
        { table: ACCESS_KEYS, key: accessKeyId, value: stored, ifRevision: 0 },
      ]);
    } catch (error) {
      if (isPlatformError(error, "precondition_failed")) return undefined;
      throw error;
    }
    return { ...account, secretAccessKey };
  }
}

const OWNERS = 10 ** 12;
/** The largest multiple of OWNERS below 2^48: beyond it, low numbers would be likelier. */
const OWNER_DRAW_LIMIT = 2 ** 48 - (2 ** 48 % OWNERS);

function randomOwner(random: SecureRandom): Owner {
  while (true) {
    const drawn = random.bytes(6).readUIntBE(0, 6);
    if (drawn < OWNER_DRAW_LIMIT) return ownerOf(String(drawn % OWNERS).padStart(12, "0"));
  }
}
