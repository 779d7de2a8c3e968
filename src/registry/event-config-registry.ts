import { isPlatformError, PlatformError } from "../base/mod.ts";
import { limits, type Owner, parseFunctionReference } from "../model/mod.ts";
import { LATEST } from "./function.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import { allDocumentsOf } from "./listing.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import { EVENT_CONFIGS, qualifierKey } from "./record.ts";

/** How asynchronous calls of a function under one qualifier are handled; AWS's own terms. */
export interface EventConfig {
  /** With qualifier, `$LATEST` included. */
  readonly functionArn: string;
  readonly qualifier: string;
  readonly lastModifiedMs: number;
  readonly maximumRetryAttempts?: number;
  readonly maximumEventAgeSeconds?: number;
  readonly destinations: Destinations;
}

/** ARNs of functions that receive the records of calls. */
export interface Destinations {
  readonly onSuccess?: string;
  readonly onFailure?: string;
}

export type EventConfigChange = Partial<
  Pick<EventConfig, "maximumRetryAttempts" | "maximumEventAgeSeconds" | "destinations">
>;

/** What applies to a call, defaults filled in. */
export interface EventSettings extends Destinations {
  readonly maximumRetryAttempts: number;
  readonly maximumEventAgeSeconds: number;
}

/** Configurations of asynchronous invocation; they belong to a function and go with it. */
export class EventConfigRegistry {
  readonly #parts: RegistryParts;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /**
   * Sets the configuration of a function, version or alias; what is not given is as by default.
   * @throws PlatformError kinds "not_found", "invalid", "conflict"
   */
  put(
    owner: Owner,
    name: string,
    qualifier: string | undefined,
    change: EventConfigChange,
  ): Promise<EventConfig> {
    return this.#write(owner, name, qualifier, change, undefined);
  }

  /**
   * Changes the given settings of a configuration that is there.
   * @throws PlatformError kinds "not_found", "invalid", "conflict"
   */
  async update(
    owner: Owner,
    name: string,
    qualifier: string | undefined,
    change: EventConfigChange,
  ): Promise<EventConfig> {
    await this.#requireTarget(owner, name, qualifier);
    const before = await this.get(owner, name, qualifier);
    return this.#write(owner, name, qualifier, change, before);
  }

  /** @throws PlatformError kind "not_found" */
  async get(owner: Owner, name: string, qualifier: string = LATEST): Promise<EventConfig> {
    const found = await this.#find(owner, name, qualifier);
    if (found) return found;
    throw configNotFound(this.#parts.store.arn(owner, name, qualifier));
  }

  /** @throws PlatformError kinds "not_found", "conflict" */
  async delete(owner: Owner, name: string, qualifier: string = LATEST): Promise<void> {
    const { store } = this.#parts;
    const missing = configNotFound(store.arn(owner, name, qualifier));
    const key = qualifierKey(owner, name, qualifier);
    const deletion = store.change(owner, name, async (record) => {
      if (!(await this.#find(owner, name, qualifier))) throw missing;
      return { record, writes: [{ table: EVENT_CONFIGS, key, delete: true }], result: undefined };
    });
    await deletion.catch((error: unknown) => {
      throw isPlatformError(error, "not_found") ? missing : error;
    });
  }

  /** By qualifier. */
  async list(owner: Owner, name: string, request: PageRequest = {}): Promise<Page<EventConfig>> {
    const { store } = this.#parts;
    if (!(await store.find(owner, name))) throw targetNotFound(store.arn(owner, name));
    const after = request.marker === undefined ? "" : decodeMarker(request.marker);
    const all = await allDocumentsOf<EventConfig>(store.table, EVENT_CONFIGS, owner, name);
    const rest = all.map(({ value }) => value).filter(({ qualifier }) => qualifier > after);
    const items = rest.slice(0, pageLimit(request));
    const last = items.at(-1);
    return last && items.length < rest.length
      ? { items, next: encodeMarker(last.qualifier) }
      : { items };
  }

  async settings(owner: Owner, name: string, qualifier: string = LATEST): Promise<EventSettings> {
    const config = await this.#find(owner, name, qualifier);
    return {
      maximumRetryAttempts: config?.maximumRetryAttempts ?? limits.EVENT_RETRY_ATTEMPTS_MAX,
      maximumEventAgeSeconds: config?.maximumEventAgeSeconds ?? limits.EVENT_AGE_SECONDS_MAX,
      ...config?.destinations,
    };
  }

  async #write(
    owner: Owner,
    name: string,
    qualifier: string = LATEST,
    change: EventConfigChange,
    before: EventConfig | undefined,
  ): Promise<EventConfig> {
    const { store, clock } = this.#parts;
    await this.#requireTarget(owner, name, qualifier);
    await this.#requireDestinations(owner, name, change.destinations ?? {});
    const config: EventConfig = {
      destinations: {},
      ...before,
      ...change,
      functionArn: store.arn(owner, name, qualifier),
      qualifier,
      lastModifiedMs: clock.now(),
    };
    return store.change(owner, name, (record) => ({
      record,
      writes: [{ table: EVENT_CONFIGS, key: qualifierKey(owner, name, qualifier), value: config }],
      result: config,
    }));
  }

  async #find(owner: Owner, name: string, qualifier: string): Promise<EventConfig | undefined> {
    const key = qualifierKey(owner, name, qualifier);
    return (await this.#parts.store.table.get<EventConfig>(EVENT_CONFIGS, key))?.value;
  }

  async #requireTarget(owner: Owner, name: string, qualifier: string | undefined): Promise<void> {
    try {
      await this.#parts.resolver.resolve(owner, name, qualifier);
    } catch (error) {
      if (!isPlatformError(error, "not_found")) throw error;
      throw targetNotFound(error.detail.id, error);
    }
  }

  /** A destination is a function of the same owner, and not the one whose calls it hears of. */
  async #requireDestinations(owner: Owner, name: string, given: Destinations): Promise<void> {
    for (const arn of [given.onSuccess, given.onFailure]) {
      if (arn === undefined) continue;
      requireFunctionArn(arn);
      const target = parseFunctionReference(arn);
      const { store, resolver } = this.#parts;
      const isOwn = target?.owner === owner && arn.startsWith(store.arn(owner, ""));
      if (!target || !isOwn) throw invalidDestination(arn);
      if (target.name === name) {
        throw invalid("You can't specify the function as a destination for itself.");
      }
      try {
        await resolver.resolve(owner, target.name, target.qualifier);
      } catch (error) {
        throw isPlatformError(error, "not_found") ? invalidDestination(arn) : error;
      }
    }
  }
}

function requireFunctionArn(arn: string): void {
  const service = arn.startsWith("kafka:") ? "kafka" : (arn.split(":")[2] ?? "");
  if (service === "lambda") return;
  throw invalid(
    `The destination ARN ${arn} is invalid. This version of Hearth has no ${service}: ` +
      "a destination must be a function",
  );
}

function invalid(message: string): PlatformError {
  return new PlatformError({ kind: "invalid", field: "DestinationConfig" }, message);
}

function invalidDestination(arn: string): PlatformError {
  return invalid(`The destination ARN ${arn} is invalid.`);
}

function targetNotFound(id: string, cause?: unknown): PlatformError {
  const detail = { kind: "not_found", resource: "function", id } as const;
  return new PlatformError(detail, "The function doesn't exist.", { cause });
}

function configNotFound(arn: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "event invoke config", id: arn },
    `The function ${arn} doesn't have an EventInvokeConfig`,
  );
}
