import { PlatformError } from "../base/mod.ts";
import {
  type Architecture,
  type CodeReference,
  type FunctionVersion,
  type LayerName,
  limits,
  type Owner,
  parseLayerArn,
} from "../model/mod.ts";
import { type PolicyDocument, type PolicyPrincipal, verdictOf } from "./policy.core.ts";

/** Pure rules of layers. */

/** One version of a layer; but for its policy it never changes. */
export interface LayerVersion {
  readonly owner: Owner;
  readonly name: string;
  /** From 1 on. */
  readonly version: number;
  /** Of the version, not the layer. */
  readonly arn: string;
  readonly description: string;
  /** Absent when the publisher said nothing about them, which AWS tells from an empty list. */
  readonly compatibleRuntimes?: readonly string[];
  readonly compatibleArchitectures?: readonly Architecture[];
  readonly licenseInfo?: string;
  /** ISO 8601 with AWS's offset notation. */
  readonly created: string;
  readonly code: CodeReference;
  /** Who beside the owner may use it. */
  readonly policy?: LayerPolicy;
}

export interface LayerPolicy {
  readonly revisionId: string;
  readonly document: PolicyDocument;
}

/** Which versions a list shows; those that say nothing of the matter are not among them. */
export interface LayerFilter {
  readonly compatibleRuntime?: string;
  readonly compatibleArchitecture?: Architecture;
}

/** The one thing that a layer's policy can allow. */
export const USE_LAYER = "lambda:GetLayerVersion";

export function matchesFilter(version: LayerVersion, filter: LayerFilter): boolean {
  const { compatibleRuntime: runtime, compatibleArchitecture: architecture } = filter;
  if (runtime !== undefined && !version.compatibleRuntimes?.includes(runtime)) return false;
  return (
    architecture === undefined || version.compatibleArchitectures?.includes(architecture) === true
  );
}

/** Owners need no policy; to all others it is the policy that counts. */
export function mayUse(version: LayerVersion, asking: PolicyPrincipal): boolean {
  if (asking.kind === "account" && asking.owner === version.owner) return true;
  const document = version.policy?.document;
  if (document === undefined) return false;
  return verdictOf(document, version.arn, { principal: asking, action: USE_LAYER }) === "allowed";
}

/**
 * The layer versions that a function is to have, as AWS checks them before it looks for them.
 * @throws PlatformError kind "invalid": too many, two of one layer, or no layer version's ARN
 */
export function requireLayerNames(
  arns: readonly string[],
  region: string,
): readonly Required<LayerName>[] {
  if (arns.length > limits.LAYERS_PER_FUNCTION_MAX) {
    throw invalid(`Cannot reference more than ${limits.LAYERS_PER_FUNCTION_MAX} layers.`);
  }
  const seen = new Map<string, string>();
  return arns.map((arn) => {
    const { version, ...layer } = parseLayerArn(arn) ?? unreadable(arn);
    if (version === undefined) return unreadable(arn);
    if (layer.region !== region) {
      throw invalid(
        "Layers are not in the same region as the function. " +
          `Layers are expected to be in region ${region}.`,
      );
    }
    const key = `${layer.owner}/${layer.name}`;
    const other = seen.get(key);
    if (other !== undefined) {
      throw invalid(
        "Two different versions of the same layer are not allowed to be referenced in the same " +
          `function. ${other} and ${arn} are versions of the same layer.`,
      );
    }
    seen.set(key, arn);
    return { ...layer, version };
  });
}

/**
 * AWS: a function and its layers together may have 250 MB unpacked.
 * @throws PlatformError kind "too_large"
 */
export function requireUnpackedSize({ code, configuration }: FunctionVersion): void {
  const limitBytes = limits.PACKAGE_UNPACKED_BYTES_MAX;
  let actualBytes = code.unpackedBytes;
  for (const layer of configuration.layers) actualBytes += layer.unpackedBytes;
  if (actualBytes <= limitBytes) return;
  throw new PlatformError(
    { kind: "too_large", what: "function_with_layers", limitBytes, actualBytes },
    `Function code combined with layers exceeds the maximum allowed size of ${limitBytes} bytes. ` +
      `The actual size is ${actualBytes} bytes.`,
  );
}

export function noLayerVersion(arn: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "layer version", id: arn },
    `Layer version ${arn} does not exist.`,
  );
}

/** What a function hears of a layer that is not there. */
export function unknownLayer(arn: string): PlatformError {
  return invalid(`Layer version ${arn} does not exist.`);
}

/** To strangers a layer that does not exist looks like one that they may not use. */
export function forbiddenLayer(asking: string, action: string, arn: string): PlatformError {
  return new PlatformError(
    { kind: "forbidden", action, resource: arn },
    `User: ${asking} is not authorized to perform: ${action} on resource: ${arn} ` +
      `because no resource-based policy allows the ${action} action`,
  );
}

/** @throws PlatformError kind "precondition_failed" when the caller knew another policy */
export function requirePolicyRevision(
  { arn, policy }: LayerVersion,
  wanted: string | undefined,
): void {
  if (wanted === undefined || wanted === policy?.revisionId) return;
  throw new PlatformError(
    { kind: "precondition_failed", resource: "layer policy", id: arn },
    "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetLayerPolicy API to retrieve the latest Revision Id",
  );
}

function unreadable(arn: string): never {
  throw invalid(`${arn} is not the ARN of a layer version`);
}

function invalid(message: string): PlatformError {
  return new PlatformError({ kind: "invalid", field: "Layers" }, message);
}
