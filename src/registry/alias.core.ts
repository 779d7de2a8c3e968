import { PlatformError } from "../base/mod.ts";
import type { Alias, FunctionVersion } from "../model/mod.ts";
import { isVersionNumber, LATEST } from "./function.core.ts";

/** Pure rules of aliases: which versions they point at and who gets how much. */

export type Weights = Readonly<Record<string, number>>;

/**
 * @throws PlatformError kind "invalid" unless `weights` is empty or names one other published
 *   version with a share in [0, 1]
 */
export function requireWeights(functionVersion: string, weights: Weights): void {
  const entries = Object.entries(weights);
  if (entries.length > 1) {
    throw invalid("Number of items in AdditionalVersionWeights cannot be greater than 1");
  }
  for (const [version, share] of entries) {
    if (!isVersionNumber(version) || !(share >= 0 && share <= 1)) {
      throw invalid(`Additional version ${version} cannot have the weight ${share}`);
    }
    if (functionVersion === LATEST) {
      throw invalid("$LATEST is not supported for an alias pointing to more than 1 version");
    }
    if (version === functionVersion) {
      throw invalid(
        `Invalid function version ${version}. ` +
          `Function version ${version} is already included in routing configuration.`,
      );
    }
  }
}

/**
 * Calls must not depend on which of an alias's versions they get for what is theirs to use.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
 * @throws PlatformError kind "invalid" when roles or dead-letter targets differ
 */
export function requireAlike(versions: readonly FunctionVersion[]): void {
  const roles = new Set(versions.map(({ configuration }) => configuration.role));
  if (roles.size > 1) {
    throw invalid("The versions of an alias must have the same execution role");
  }
  const queues = new Set(versions.map(deadLetterTargetOf));
  if (queues.size > 1) {
    throw invalid("The versions of an alias must have the same dead-letter queue configuration");
  }
}

function deadLetterTargetOf({ configuration }: FunctionVersion): string {
  const config = configuration.passthrough.DeadLetterConfig as { TargetArn?: string } | undefined;
  return config?.TargetArn ?? "";
}

/** Every version that the alias can run, the main one first. */
export function versionsOf(alias: Alias): string[] {
  return [alias.functionVersion, ...Object.keys(alias.additionalVersionWeights)];
}

/**
 * Chooses among weighted values; `draw` in [0, 1). What the shares leave of 1 goes to `main`.
 */
export function chooseWeighted<T>(
  main: T,
  additional: readonly { readonly share: number; readonly value: T }[],
  draw: number,
): T {
  let edge = 0;
  for (const { share, value } of additional) {
    edge += share;
    if (draw < edge) return value;
  }
  return main;
}

function invalid(message: string): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "RoutingConfig.AdditionalVersionWeights" },
    message,
  );
}
