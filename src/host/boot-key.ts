import { type FunctionVersion, isStartVariable, limits, type RuntimeName } from "../model/mod.ts";

/** What a booted runtime was booted for; runtimes with equal keys can stand in for each other. */
export interface BootKey {
  readonly runtime: RuntimeName;
  readonly temporaryMiB: number;
  /** Variables that the process must see when it starts; most functions have none. */
  readonly startVariables: Readonly<Record<string, string>>;
  /** All of the above as one string. */
  readonly id: string;
}

/** What a runtime must have been booted with to become this version. */
export function bootKeyOf(version: FunctionVersion): BootKey {
  const { runtime, ephemeralStorageMiB, environment } = version.configuration;
  const variables = Object.entries(environment).filter(([name]) => isStartVariable(name));
  if (variables.length === 0) return plainBootKey(runtime, ephemeralStorageMiB);
  const startVariables = Object.fromEntries(variables.sort());
  const id = `${runtime}/${ephemeralStorageMiB}/${JSON.stringify(startVariables)}`;
  return { runtime, temporaryMiB: ephemeralStorageMiB, startVariables, id };
}

/** The key of runtimes that wait for anybody. */
export function plainBootKey(
  runtime: RuntimeName,
  temporaryMiB: number = limits.EPHEMERAL_STORAGE_MIB_MIN,
): BootKey {
  return { runtime, temporaryMiB, startVariables: {}, id: `${runtime}/${temporaryMiB}` };
}
