import type { FunctionVersion, Owner } from "../model/mod.ts";

/** Where the environments of a version shall live, in AWS's own words. */
export interface CapacityProviderConfig {
  readonly LambdaManagedInstancesCapacityProviderConfig: {
    readonly CapacityProviderArn: string;
    readonly PerExecutionEnvironmentMaxConcurrency?: number;
    readonly ExecutionEnvironmentMemoryGiBPerVCpu?: number;
  };
}

/** How many environments a version of a capacity provider may have. */
export interface ScalingConfig {
  readonly minExecutionEnvironments?: number;
  readonly maxExecutionEnvironments?: number;
}

/** ARN of the capacity provider that a version was made for; undefined for all others. */
export function capacityProviderOf(version: FunctionVersion): string | undefined {
  const config = version.configuration.passthrough.CapacityProviderConfig as
    | CapacityProviderConfig
    | undefined;
  return config?.LambdaManagedInstancesCapacityProviderConfig.CapacityProviderArn;
}

/** `arn:aws:lambda:REGION:OWNER:capacity-provider:NAME` */
export function capacityProviderArn(region: string, owner: Owner, name: string): string {
  return `arn:aws:lambda:${region}:${owner}:capacity-provider:${name}`;
}
