import {
  type FunctionVersion,
  familyOf,
  isStartVariable,
  limits,
  type RuntimeName,
} from "../model/mod.ts";

/** What a booted runtime was booted for; runtimes with equal keys can stand in for each other. */
export interface BootKey {
  readonly runtime: RuntimeName;
  readonly temporaryMiB: number;
  /** Variables that the process must see when it starts; most functions have none. */
  readonly startVariables: Readonly<Record<string, string>>;
  /** Whether a supervisor starts the runtime: there are extensions beside it, or it is wrapped. */
  readonly isSupervised: boolean;
  /** All of the above as one string. */
  readonly id: string;
}

/** What a runtime must have been booted with to become this version. */
export function bootKeyOf(version: FunctionVersion): BootKey {
  const { runtime, ephemeralStorageMiB, environment, layers } = version.configuration;
  const variables = Object.entries(environment).filter(([name]) => isStartVariable(name));
  const isWrapped = wrapperOf(runtime, environment) !== undefined;
  const isSupervised = isWrapped || layers.some(({ hasExtensions }) => hasExtensions);
  if (variables.length === 0 && !isSupervised) return plainBootKey(runtime, ephemeralStorageMiB);
  const startVariables = Object.fromEntries(variables.sort());
  const plainId = `${runtime}/${ephemeralStorageMiB}/${JSON.stringify(startVariables)}`;
  const id = isSupervised ? `${plainId}/supervised` : plainId;
  return { runtime, temporaryMiB: ephemeralStorageMiB, startVariables, isSupervised, id };
}

/** The key of runtimes that wait for anybody. */
export function plainBootKey(
  runtime: RuntimeName,
  temporaryMiB: number = limits.EPHEMERAL_STORAGE_MIB_MIN,
): BootKey {
  const id = `${runtime}/${temporaryMiB}`;
  return { runtime, temporaryMiB, startVariables: {}, isSupervised: false, id };
}

/**
 * The script that is to become the runtime; custom runtimes have none on AWS either.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
 */
export function wrapperOf(
  runtime: RuntimeName,
  environment: Readonly<Record<string, string>>,
): string | undefined {
  if (familyOf(runtime) === "provided") return undefined;
  return environment.AWS_LAMBDA_EXEC_WRAPPER || undefined;
}
