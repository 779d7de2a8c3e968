import type { Owner } from "../../model/mod.ts";
import {
  type CapacityProviderConfig,
  type ConfigurationChange,
  capacityProviderOf,
} from "../../registry/mod.ts";
import { invalidParameter } from "./errors.ts";
import type { LambdaServices } from "./operation.ts";

/** Functions that name a capacity provider. */

function configOf({ passthrough }: ConfigurationChange): CapacityProviderConfig | undefined {
  return passthrough?.CapacityProviderConfig as CapacityProviderConfig | undefined;
}

/**
 * The provider that a configuration names, kept until the function refers to it.
 * @throws PlatformError kind "invalid" when there is none of that name
 */
export async function heldCapacityProvider(
  { capacityProviders }: LambdaServices,
  owner: Owner,
  configuration: ConfigurationChange,
): Promise<Disposable | undefined> {
  const config = configOf(configuration);
  if (config === undefined) return undefined;
  const { CapacityProviderArn } = config.LambdaManagedInstancesCapacityProviderConfig;
  return await capacityProviders.hold(owner, CapacityProviderArn);
}

/** A function is made for a capacity provider or never gets one, as on AWS. */
export async function requireManaged(
  { registry }: LambdaServices,
  owner: Owner,
  name: string,
  configuration: ConfigurationChange,
): Promise<void> {
  if (configOf(configuration) === undefined) return;
  const { version } = await registry.get(owner, name);
  if (capacityProviderOf(version) !== undefined) return;
  throw invalidParameter("CapacityProviderConfig isn't supported for Lambda Default functions.");
}
