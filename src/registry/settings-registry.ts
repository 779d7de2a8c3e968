import { PlatformError } from "../base/mod.ts";
import { type FunctionVersion, type Owner, runtimeVersionArn } from "../model/mod.ts";
import { capacityProviderOf, type ScalingConfig } from "./capacity-provider.core.ts";
import { functionNotFound, isVersionNumber, LATEST } from "./function.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import {
  FUNCTION_SETTINGS,
  type FunctionRecord,
  qualifierKey,
  RUNTIME_MANAGEMENT,
  SCALING,
} from "./record.ts";
import type { FunctionStore } from "./store.ts";

/** What becomes of a call with which a function's chain of calls goes in circles. */
export type RecursiveLoop = "Allow" | "Terminate";

/** When a version gets a newer runtime; a pinned one needs its ARN. */
export interface RuntimeManagement {
  readonly updateRuntimeOn: "Auto" | "FunctionUpdate" | "Manual";
  readonly runtimeVersionArn?: string;
}

interface FunctionSettings {
  readonly recursiveLoop: RecursiveLoop;
}

/** Settings of functions and versions that stand beside their configuration. */
export class SettingsRegistry {
  readonly #store: FunctionStore;
  readonly #resolver: RegistryParts["resolver"];

  constructor({ store, resolver }: RegistryParts) {
    this.#store = store;
    this.#resolver = resolver;
  }

  /** @throws PlatformError kind "not_found" */
  async recursiveLoop(owner: Owner, name: string): Promise<RecursiveLoop> {
    await this.#store.read(owner, name);
    const found = await this.#find<FunctionSettings>(FUNCTION_SETTINGS, owner, name, SETTINGS);
    return found?.recursiveLoop ?? "Terminate";
  }

  /** @throws PlatformError kinds "not_found", "conflict" */
  putRecursiveLoop(owner: Owner, name: string, recursiveLoop: RecursiveLoop): Promise<void> {
    const value: FunctionSettings = { recursiveLoop };
    return this.#put(FUNCTION_SETTINGS, owner, name, SETTINGS, value);
  }

  /** @throws PlatformError kinds "not_found", "invalid" (an alias) */
  async runtimeManagement(
    owner: Owner,
    name: string,
    qualifier: string,
  ): Promise<RuntimeManagement & { readonly version: FunctionVersion }> {
    const version = await this.#version(await this.#store.read(owner, name), qualifier);
    const found = await this.#find<RuntimeManagement>(RUNTIME_MANAGEMENT, owner, name, qualifier);
    return { updateRuntimeOn: "Auto", ...found, version };
  }

  /**
   * A runtime can be pinned to the one version of it that this server has.
   * @throws PlatformError kinds "not_found", "invalid", "conflict"
   */
  async putRuntimeManagement(
    owner: Owner,
    name: string,
    qualifier: string,
    management: RuntimeManagement,
  ): Promise<FunctionVersion> {
    let changed: FunctionVersion | undefined;
    await this.#put(RUNTIME_MANAGEMENT, owner, name, qualifier, management, async (record) => {
      changed = await this.#version(record, qualifier);
      requireRuntimeVersion(management, changed, this.#store.region);
    });
    return changed ?? (await this.#store.read(owner, name)).latest;
  }

  /** @throws PlatformError kinds "not_found", "invalid" (no version of a capacity provider) */
  async scaling(
    owner: Owner,
    name: string,
    qualifier: string,
  ): Promise<ScalingConfig & { readonly version: FunctionVersion }> {
    const version = await this.#version(await this.#store.read(owner, name), qualifier);
    requireManaged(version);
    const found = await this.#find<ScalingConfig>(SCALING, owner, name, qualifier);
    return { ...found, version };
  }

  /** @throws PlatformError kinds "not_found", "invalid", "conflict" */
  async putScaling(
    owner: Owner,
    name: string,
    qualifier: string,
    scaling: ScalingConfig,
  ): Promise<void> {
    const { minExecutionEnvironments: min = 0, maxExecutionEnvironments: max } = scaling;
    if (max !== undefined && min > max) {
      throw new PlatformError(
        { kind: "invalid", field: "FunctionScalingConfig" },
        `MinExecutionEnvironments (${min}) cannot be greater than MaxExecutionEnvironments (${max})`,
      );
    }
    await this.#put(SCALING, owner, name, qualifier, scaling, async (record) => {
      requireManaged(await this.#version(record, qualifier));
    });
    this.#resolver.forget(owner, name);
  }

  async #find<T>(table: string, owner: Owner, name: string, place: string): Promise<T | undefined> {
    return (await this.#store.table.get<T>(table, qualifierKey(owner, name, place)))?.value;
  }

  #put(
    table: string,
    owner: Owner,
    name: string,
    place: string,
    value: unknown,
    require: (record: FunctionRecord) => Promise<void> = async () => {},
  ): Promise<void> {
    const key = qualifierKey(owner, name, place);
    return this.#store.change(owner, name, async (record) => {
      await require(record);
      return { record, writes: [{ table, key, value }], result: undefined };
    });
  }

  async #version({ latest }: FunctionRecord, qualifier: string): Promise<FunctionVersion> {
    if (qualifier === LATEST) return latest;
    const { owner, name } = latest;
    const version = isVersionNumber(qualifier)
      ? await this.#store.findVersion(owner, name, qualifier)
      : undefined;
    if (version) return version;
    throw functionNotFound(this.#store.arn(owner, name, qualifier));
  }
}

/** Place of the settings of a function as a whole. */
const SETTINGS = "settings";

function requireRuntimeVersion(
  { updateRuntimeOn, runtimeVersionArn: wanted }: RuntimeManagement,
  version: FunctionVersion,
  region: string,
): void {
  const field = "RuntimeVersionArn";
  const { runtime } = version.configuration;
  if (updateRuntimeOn !== "Manual") {
    if (wanted === undefined) return;
    throw new PlatformError(
      { kind: "invalid", field },
      "RuntimeVersionArn can be given with UpdateRuntimeOn Manual only",
    );
  }
  const present = runtimeVersionArn(region, runtime);
  if (wanted === present) return;
  throw new PlatformError(
    { kind: "invalid", field },
    wanted === undefined
      ? "RuntimeVersionArn is required when UpdateRuntimeOn is Manual"
      : `Runtime version ${wanted} is not available for ${runtime}: this server has ${present}`,
  );
}

function requireManaged(version: FunctionVersion): void {
  if (capacityProviderOf(version) !== undefined) return;
  throw new PlatformError(
    { kind: "invalid", field: "FunctionScalingConfig" },
    "FunctionScalingConfig isn't supported for Lambda Default functions.",
  );
}
