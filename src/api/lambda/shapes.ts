import {
  type Alias,
  type CodeReference,
  type FunctionConfiguration,
  type FunctionVersion,
  functionArn,
  runtimeVersionArn,
} from "../../model/mod.ts";
import type { AccountSettings } from "../../registry/mod.ts";
import { durableShape } from "./durable-config.ts";

/** Domain values in AWS's shapes. Source: https://docs.aws.amazon.com/lambda/latest/api/ */

/** A function's configuration as GetFunctionConfiguration shows it, under the ARN asked for. */
export function configurationShape(
  version: FunctionVersion,
  arn: string = version.arn,
): Record<string, unknown> {
  return {
    ...listedShape(version, arn),
    RuntimeVersionConfig: {
      RuntimeVersionArn: runtimeVersionArn(regionOf(version.arn), version.configuration.runtime),
    },
    State: version.state,
    ...(version.stateReason === undefined ? {} : { StateReason: version.stateReason }),
    LastUpdateStatus: version.lastUpdateStatus,
  };
}

/** The subset that lists show: without state and status of the last update. */
export function listedShape(
  version: FunctionVersion,
  arn: string = version.arn,
): Record<string, unknown> {
  const { configuration, code } = version;
  return {
    FunctionName: version.name,
    FunctionArn: arn,
    Runtime: configuration.runtime,
    Role: configuration.role,
    Handler: configuration.handler,
    CodeSize: code.zipBytes,
    Description: configuration.description,
    Timeout: configuration.timeoutSeconds,
    MemorySize: configuration.memorySizeMiB,
    LastModified: version.lastModified,
    CodeSha256: code.sha256,
    Version: version.version,
    ...environmentShape(configuration),
    TracingConfig: { Mode: configuration.tracingMode },
    ...layersShape(configuration),
    ...signingShape(code),
    RevisionId: version.revisionId,
    PackageType: "Zip",
    Architectures: [configuration.architecture],
    EphemeralStorage: { Size: configuration.ephemeralStorageMiB },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    LoggingConfig: loggingShape(configuration),
    ...(configuration.durable && { DurableConfig: durableShape(configuration.durable) }),
    ...configuration.passthrough,
  };
}

function regionOf(arn: string): string {
  return arn.split(":")[3] ?? "";
}

/** `$LATEST` has an unqualified ARN unless it was asked for by that name. */
export function qualifiedArn(version: FunctionVersion, region: string): string {
  return functionArn(region, version.owner, version.name, version.version);
}

export function aliasShape(alias: Alias): Record<string, unknown> {
  const weights = alias.additionalVersionWeights;
  return {
    AliasArn: alias.arn,
    Name: alias.name,
    FunctionVersion: alias.functionVersion,
    Description: alias.description,
    ...(Object.keys(weights).length === 0
      ? {}
      : { RoutingConfig: { AdditionalVersionWeights: weights } }),
    RevisionId: alias.revisionId,
  };
}

export function accountSettingsShape(settings: AccountSettings): Record<string, unknown> {
  return {
    AccountLimit: {
      TotalCodeSize: settings.codeBytesMax,
      CodeSizeUnzipped: settings.unpackedBytesMax,
      CodeSizeZipped: settings.zipBytesMax,
      ConcurrentExecutions: settings.concurrency,
      UnreservedConcurrentExecutions: settings.unreservedConcurrency,
    },
    AccountUsage: {
      TotalCodeSize: settings.usage.codeBytes,
      FunctionCount: settings.usage.functionCount,
    },
  };
}

function layersShape({ layers }: FunctionConfiguration): Record<string, unknown> {
  if (layers.length === 0) return {};
  const Layers = layers.map((layer) => ({
    Arn: layer.arn,
    CodeSize: layer.zipBytes,
    ...signingShape(layer),
  }));
  return { Layers };
}

/** Nothing for a package that nobody vouches for. */
export function signingShape({ signing }: CodeReference): Record<string, string> {
  if (signing === undefined) return {};
  return { SigningProfileVersionArn: signing.profileVersionArn, SigningJobArn: signing.jobArn };
}

/** AWS leaves Environment out when there are no variables. */
function environmentShape(configuration: FunctionConfiguration): Record<string, unknown> {
  const variables = configuration.environment;
  return Object.keys(variables).length === 0 ? {} : { Environment: { Variables: variables } };
}

function loggingShape({ logging }: FunctionConfiguration): Record<string, unknown> {
  return {
    LogFormat: logging.format,
    ...(logging.applicationLogLevel && { ApplicationLogLevel: logging.applicationLogLevel }),
    ...(logging.systemLogLevel && { SystemLogLevel: logging.systemLogLevel }),
    LogGroup: logging.group,
  };
}
