import {
  type Architecture,
  type FunctionConfiguration,
  isRuntimeName,
  RUNTIME_NAMES,
  type RuntimeName,
} from "../../model/mod.ts";
import type { CapacityProviderConfig, ConfigurationChange } from "../../registry/mod.ts";
import type { WireDurableConfig } from "./durable-config.ts";
import { invalidParameter, validationError } from "./errors.ts";

/** Members of a function's configuration as they come over the wire; bodies.ts checks them. */
export interface WireConfiguration {
  readonly Role?: string;
  readonly Runtime?: string;
  readonly Handler?: string;
  readonly Description?: string;
  readonly Timeout?: number;
  readonly MemorySize?: number;
  readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> };
  readonly EphemeralStorage?: { readonly Size: number };
  readonly TracingConfig?: { readonly Mode?: FunctionConfiguration["tracingMode"] };
  readonly LoggingConfig?: {
    readonly LogFormat?: FunctionConfiguration["logging"]["format"];
    readonly ApplicationLogLevel?: string;
    readonly SystemLogLevel?: string;
    readonly LogGroup?: string;
  };
  readonly VpcConfig?: {
    readonly SubnetIds?: readonly string[];
    readonly SecurityGroupIds?: readonly string[];
    readonly Ipv6AllowedForDualStack?: boolean;
  };
  readonly DeadLetterConfig?: { readonly TargetArn?: string };
  readonly SnapStart?: { readonly ApplyOn?: "PublishedVersions" | "None" };
  readonly Architectures?: readonly Architecture[];
  readonly Layers?: readonly string[];
  readonly FileSystemConfigs?: readonly unknown[];
  readonly ImageConfig?: object;
  readonly KMSKeyArn?: string;
  readonly CapacityProviderConfig?: CapacityProviderConfig;
  readonly DurableConfig?: WireDurableConfig;
}

/**
 * The fields that a request sets, in the domain's terms.
 * @throws LambdaError for what no schema expresses
 */
export function configurationOf(wire: WireConfiguration): ConfigurationChange {
  const logging = wire.LoggingConfig;
  const passthrough = passthroughOf(wire);
  return defined({
    runtime: wire.Runtime === undefined ? undefined : runtimeOf(wire.Runtime),
    handler: wire.Handler,
    role: wire.Role,
    description: wire.Description,
    memorySizeMiB: wire.MemorySize,
    timeoutSeconds: wire.Timeout,
    environment: wire.Environment && variablesOf(wire.Environment.Variables ?? {}),
    ephemeralStorageMiB: wire.EphemeralStorage?.Size,
    architecture: wire.Architectures?.[0],
    tracingMode: wire.TracingConfig?.Mode,
    layers: wire.Layers,
    logging:
      logging &&
      defined({
        format: logging.LogFormat,
        group: logging.LogGroup,
        applicationLogLevel: logging.ApplicationLogLevel,
        systemLogLevel: logging.SystemLogLevel,
      }),
    passthrough: Object.keys(passthrough).length > 0 ? passthrough : undefined,
  });
}

/** What Hearth keeps and shows as given, because nothing here depends on it. */
function passthroughOf(wire: WireConfiguration): Record<string, unknown> {
  const { VpcConfig, DeadLetterConfig, CapacityProviderConfig } = wire;
  return {
    ...(VpcConfig && {
      VpcConfig: {
        SubnetIds: VpcConfig.SubnetIds ?? [],
        SecurityGroupIds: VpcConfig.SecurityGroupIds ?? [],
        Ipv6AllowedForDualStack: VpcConfig.Ipv6AllowedForDualStack ?? false,
        VpcId: "",
      },
    }),
    ...(DeadLetterConfig && { DeadLetterConfig }),
    ...(CapacityProviderConfig && { CapacityProviderConfig }),
  };
}

function runtimeOf(text: string): RuntimeName {
  if (isRuntimeName(text)) return text;
  throw invalidParameter(
    `Value ${text} at 'runtime' failed to satisfy constraint: ` +
      `Member must satisfy enum value set: [${RUNTIME_NAMES.join(", ")}] or be a valid ARN`,
  );
}

const VARIABLE_NAME = "[a-zA-Z]([a-zA-Z0-9_])+";
const variableName: RegExp = new RegExp(`^${VARIABLE_NAME}$`);

/** AWS keeps names and values of variables out of this message. */
function variablesOf(
  variables: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (Object.keys(variables).every((name) => variableName.test(name))) return variables;
  throw validationError([
    "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy " +
      `constraint: [Member must satisfy regular expression pattern: ${VARIABLE_NAME}, ` +
      "Member must not be null]",
  ]);
}

/** The same object without members that are undefined. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
