import Type, { type TObject } from "typebox";
import { type DurableConfiguration, limits, type Owner } from "../../model/mod.ts";
import { invalidParameter } from "./errors.ts";
import type { LambdaServices } from "./operation.ts";

/**
 * DurableConfig of a function.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_DurableConfig.html
 */
export interface WireDurableConfig {
  readonly ExecutionTimeout?: number;
  readonly RetentionPeriodInDays?: number;
  readonly KMSKeyArn?: string;
}

/** The member as a request has it. */
export const durableConfig: TObject = Type.Object({
  ExecutionTimeout: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.DURABLE_TIMEOUT_SECONDS_MAX }),
  ),
  RetentionPeriodInDays: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.DURABLE_RETENTION_DAYS_MAX }),
  ),
  KMSKeyArn: Type.Optional(Type.String()),
});

/** The configuration that a new function asks for. */
export function durableOf(wire: WireDurableConfig | undefined): { durable?: DurableConfiguration } {
  if (!wire) return {};
  refuseKey(wire);
  if (wire.ExecutionTimeout === undefined) {
    throw invalidParameter(
      "You cannot create a function with a durable configuration without an executionTimeout",
    );
  }
  return {
    durable: {
      executionTimeoutSeconds: wire.ExecutionTimeout,
      retentionDays: wire.RetentionPeriodInDays ?? limits.DURABLE_RETENTION_DAYS_DEFAULT,
    },
  };
}

/**
 * The change that an update asks for. "You cannot enable it on existing functions."
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/durable-configuration.html
 */
export async function durableChange(
  { registry }: Pick<LambdaServices, "registry">,
  owner: Owner,
  name: string,
  wire: WireDurableConfig | undefined,
): Promise<{ durable?: DurableConfiguration }> {
  if (!wire) return {};
  refuseKey(wire);
  const { durable } = (await registry.resolve(owner, name)).version.configuration;
  if (!durable) {
    throw invalidParameter("You cannot add a durable configuration to an existing function.");
  }
  return {
    durable: {
      executionTimeoutSeconds: wire.ExecutionTimeout ?? durable.executionTimeoutSeconds,
      retentionDays: wire.RetentionPeriodInDays ?? durable.retentionDays,
    },
  };
}

export function durableShape(durable: DurableConfiguration): Record<string, unknown> {
  return {
    ExecutionTimeout: durable.executionTimeoutSeconds,
    RetentionPeriodInDays: durable.retentionDays,
  };
}

function refuseKey({ KMSKeyArn }: WireDurableConfig): void {
  if (KMSKeyArn === undefined || KMSKeyArn === "") return;
  throw invalidParameter("DurableConfig.KMSKeyArn is not offered by this version of Hearth");
}
