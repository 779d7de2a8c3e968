import { type Clock, LruMap, PlatformError, type SecureRandom } from "../base/mod.ts";
import { limits, type Owner } from "../model/mod.ts";
import { LATEST } from "./function.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import { allDocumentsOf } from "./listing.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import {
  ALIASES,
  aliasKey,
  FUNCTION_URL_IDS,
  FUNCTION_URLS,
  type FunctionRecord,
  functionKey,
  qualifierKey,
} from "./record.ts";
import type { Change, FunctionStore } from "./store.ts";
import type { Cors, FunctionUrl, FunctionUrlId, InvokeMode, UrlAuthType } from "./url-record.ts";

export interface CreateUrl {
  readonly authType: UrlAuthType;
  readonly cors?: Cors;
  readonly invokeMode?: InvokeMode;
}

/** Absent fields stay as they are. */
export type UpdateUrl = Partial<CreateUrl>;

/** The URLs of one function by qualifier; LATEST stands for the function itself. */
type Urls = ReadonlyMap<string, FunctionUrl>;

/** HTTP addresses of functions and aliases: at most one each. */
export class UrlRegistry {
  readonly #store: FunctionStore;
  readonly #random: SecureRandom;
  readonly #clock: Clock;
  readonly #resolver: RegistryParts["resolver"];
  /** An id is given once: what it stands for never changes, though it may be gone. */
  readonly #ids = new LruMap<string, FunctionUrlId>(limits.FUNCTION_URLS_CACHED_MAX);
  /** By function; what was read counts until the function changes. */
  readonly #known = new LruMap<string, Urls | Promise<Urls>>(limits.FUNCTION_URLS_CACHED_MAX);

  constructor({ store, random, clock, resolver }: RegistryParts) {
    this.#store = store;
    this.#random = random;
    this.#clock = clock;
    this.#resolver = resolver;
    resolver.onForget((owner, name) => this.#known.delete(functionKey(owner, name)));
  }

  /** The URL of an id; nearly free when asked before. Undefined when there is none. */
  find(id: string): FunctionUrl | undefined | Promise<FunctionUrl | undefined> {
    const where = this.#ids.get(id);
    if (where === undefined) return this.#locate(id);
    const { owner, functionName, qualifier = LATEST } = where;
    const choose = (urls: Urls): FunctionUrl | undefined => {
      const url = urls.get(qualifier);
      return url?.id === id ? url : undefined;
    };
    const known = this.#known.get(functionKey(owner, functionName));
    if (known === undefined) return this.#load(owner, functionName).then(choose);
    return known instanceof Promise ? known.then(choose) : choose(known);
  }

  /** @throws PlatformError kinds "not_found", "already_exists" */
  async create(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    request: CreateUrl,
  ): Promise<FunctionUrl> {
    const key = qualifierKey(owner, functionName, qualifier ?? LATEST);
    const now = new Date(this.#clock.now()).toISOString();
    const where: FunctionUrlId = {
      ...{ owner, functionName },
      ...(qualifier === undefined ? {} : { qualifier }),
    };
    const url: FunctionUrl = {
      id: randomUrlId(this.#random),
      ...where,
      functionArn: this.#store.arn(owner, functionName, qualifier),
      invokeMode: "BUFFERED",
      ...request,
      ...{ createdAt: now, modifiedAt: now },
    };
    await this.#change(owner, functionName, async (record) => {
      await this.#requireAlias(owner, functionName, qualifier);
      if (await this.#get(key)) throw urlExists(url.functionArn);
      const writes = [
        { table: FUNCTION_URLS, key, value: url },
        { table: FUNCTION_URL_IDS, key: url.id, value: where },
      ];
      return { record, writes, result: undefined };
    });
    return url;
  }

  /** @throws PlatformError kind "not_found" */
  async get(owner: Owner, functionName: string, qualifier?: string): Promise<FunctionUrl> {
    const url = await this.#get(qualifierKey(owner, functionName, qualifier ?? LATEST));
    if (url) return url;
    throw noUrl(this.#store.arn(owner, functionName, qualifier));
  }

  /** @throws PlatformError kind "not_found" */
  update(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
    request: UpdateUrl,
  ): Promise<FunctionUrl> {
    const key = qualifierKey(owner, functionName, qualifier ?? LATEST);
    return this.#change(owner, functionName, async (record) => {
      const url = await this.#get(key);
      if (!url) throw noUrl(this.#store.arn(owner, functionName, qualifier));
      const modifiedAt = new Date(this.#clock.now()).toISOString();
      const value: FunctionUrl = { ...url, ...request, modifiedAt };
      return { record, writes: [{ table: FUNCTION_URLS, key, value }], result: value };
    });
  }

  /** @throws PlatformError kind "not_found" */
  delete(owner: Owner, functionName: string, qualifier?: string): Promise<void> {
    const key = qualifierKey(owner, functionName, qualifier ?? LATEST);
    return this.#change(owner, functionName, async (record) => {
      const url = await this.#get(key);
      if (!url) throw noUrl(this.#store.arn(owner, functionName, qualifier));
      const writes = [
        { table: FUNCTION_URLS, key, delete: true } as const,
        { table: FUNCTION_URL_IDS, key: url.id, delete: true } as const,
      ];
      return { record, writes, result: undefined };
    });
  }

  /**
   * The URLs of a function and its aliases.
   * @throws PlatformError kinds "not_found", "invalid" (marker)
   */
  async list(
    owner: Owner,
    functionName: string,
    request: PageRequest = {},
  ): Promise<Page<FunctionUrl>> {
    const after = request.marker === undefined ? "" : decodeMarker(request.marker);
    await this.#requireFunction(owner, functionName);
    const urls = [...(await this.#read(owner, functionName))];
    const matching = urls.filter(([qualifier]) => qualifier > after);
    const page = matching.slice(0, pageLimit(request));
    const items = page.map(([, url]) => url);
    const last = page.at(-1);
    if (last === undefined || page.length === matching.length) return { items };
    return { items, next: encodeMarker(last[0]) };
  }

  async #locate(id: string): Promise<FunctionUrl | undefined> {
    const { table } = this.#store;
    const where = (await table.get<FunctionUrlId>(FUNCTION_URL_IDS, id))?.value;
    if (where === undefined) return undefined;
    this.#ids.set(id, where);
    return this.find(id);
  }

  async #get(key: string): Promise<FunctionUrl | undefined> {
    return (await this.#store.table.get<FunctionUrl>(FUNCTION_URLS, key))?.value;
  }

  async #change<T>(
    owner: Owner,
    functionName: string,
    step: (record: FunctionRecord) => Promise<Change<T>>,
  ): Promise<T> {
    await this.#requireFunction(owner, functionName);
    const result = await this.#store.change(owner, functionName, step);
    this.#resolver.forget(owner, functionName);
    return result;
  }

  async #requireFunction(owner: Owner, functionName: string): Promise<void> {
    if (await this.#store.find(owner, functionName)) return;
    throw noFunction(this.#store.arn(owner, functionName));
  }

  async #requireAlias(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
  ): Promise<void> {
    if (qualifier === undefined) return;
    const key = aliasKey(owner, functionName, qualifier);
    if (await this.#store.table.get(ALIASES, key)) return;
    throw noFunction(this.#store.arn(owner, functionName, qualifier));
  }

  #load(owner: Owner, functionName: string): Promise<Urls> {
    const key = functionKey(owner, functionName);
    const loading = this.#read(owner, functionName);
    this.#known.set(key, loading);
    const settle = (urls: Urls | undefined): void => {
      // Forgotten meanwhile: what was read may be old already.
      if (this.#known.get(key) !== loading) return;
      if (urls) this.#known.set(key, urls);
      else this.#known.delete(key);
    };
    loading.then(settle, () => settle(undefined));
    return loading;
  }

  async #read(owner: Owner, functionName: string): Promise<Urls> {
    const { table } = this.#store;
    const documents = await allDocumentsOf<FunctionUrl>(table, FUNCTION_URLS, owner, functionName);
    const prefix = qualifierKey(owner, functionName, "");
    return new Map(documents.map(({ key, value }) => [key.slice(prefix.length), value]));
  }
}

const ID_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 32;
/** The largest multiple of 36 in a byte: beyond it, the first characters would be likelier. */
const DRAW_LIMIT = 252;

function randomUrlId(random: SecureRandom): string {
  let id = "";
  while (id.length < ID_LENGTH) {
    for (const byte of random.bytes(ID_LENGTH)) {
      if (byte < DRAW_LIMIT) id += ID_CHARACTERS[byte % ID_CHARACTERS.length];
    }
  }
  return id.slice(0, ID_LENGTH);
}

/** AWS has words of its own here. */
function noFunction(id: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "function", id },
    "Function does not exist",
  );
}

function noUrl(id: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "function URL", id },
    "The resource you requested does not exist.",
  );
}

function urlExists(arn: string): PlatformError {
  return new PlatformError(
    { kind: "already_exists", resource: "function URL", id: arn },
    `Failed to create function url config for [functionArn = ${arn}]. ` +
      "Error message:  FunctionUrlConfig exists for this Lambda function",
  );
}
