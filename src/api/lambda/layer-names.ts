import {
  type Architecture,
  type LayerName,
  layerArn,
  type Owner,
  parseLayerArn,
} from "../../model/mod.ts";
import type { LayerFilter } from "../../registry/mod.ts";
import { invalidParameter, LambdaError, validationError } from "./errors.ts";
import type { LambdaCall } from "./operation.ts";
import { violation } from "./validation.ts";

/** How requests name layers, their versions, and what these are made for. */

const LAYER_PATTERN =
  "(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
const LAYER_LENGTH_MAX = 140;
const ARCHITECTURES = ["x86_64", "arm64"];

/** Every runtime that AWS has had: a layer may say it is made for one that Hearth has not. */
export const LAYER_RUNTIMES: string[] = [
  ...["nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x"],
  ...["nodejs12.x", "nodejs14.x", "nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x"],
  ...["nodejs24.x", "nodejs26.x", "python2.7", "python3.6", "python3.7", "python3.8", "python3.9"],
  ...["python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "python3.15"],
  ...["java8", "java8.al2", "java8.al2023", "java11", "java11.al2023", "java17", "java17.al2023"],
  ...["java21", "java25", "ruby2.5", "ruby2.7", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0"],
  ...["dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet6", "dotnet8"],
  ...["dotnet10", "go1.x", "provided", "provided.al2", "provided.al2023"],
];

/**
 * The layer that the path names, by name or ARN.
 * @throws LambdaError ValidationException; ResourceNotFoundException for another region
 */
export function namedLayer(call: LambdaCall): { readonly owner: Owner; readonly name: string } {
  const [text = ""] = call.labels;
  const violations: string[] = [];
  if (text.length > LAYER_LENGTH_MAX) {
    const constraint = `Member must have length less than or equal to ${LAYER_LENGTH_MAX}`;
    violations.push(violation(text, "layerName", constraint));
  }
  if (!new RegExp(`^(?:${LAYER_PATTERN})$`).test(text)) {
    const constraint = `Member must satisfy regular expression pattern: ${LAYER_PATTERN}`;
    violations.push(violation(text, "layerName", constraint));
  }
  if (violations.length > 0) throw validationError(violations);
  if (!text.includes(":")) return { owner: call.request.identity.owner, name: text };
  return inRegion(call, parseLayerArn(text));
}

/** A layer of the caller's own: what no policy can open to others. */
export function ownLayer(call: LambdaCall): { readonly owner: Owner; readonly name: string } {
  const { owner, name } = namedLayer(call);
  const { identity } = call.request;
  if (owner === identity.owner) return { owner, name };
  const action = `lambda:${call.operation}`;
  throw new LambdaError(
    403,
    "AccessDeniedException",
    `User: ${identity.arn} is not authorized to perform: ${action} on resource: ` +
      `${layerArn(call.services.region, owner, name)} because no resource-based policy allows ` +
      `the ${action} action`,
  );
}

/** @throws LambdaError ResourceNotFoundException for what cannot be here */
export function inRegion(call: LambdaCall, layer: LayerName | undefined): LayerName {
  if (layer?.region === call.services.region) return layer;
  throw new LambdaError(
    404,
    "ResourceNotFoundException",
    "The resource you requested does not exist.",
  );
}

/** The path's version number, whether or not there can be such a version. */
export function versionNumber(call: LambdaCall): number {
  const [, text = ""] = call.labels;
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw new LambdaError(
    400,
    "SerializationException",
    "STRING_VALUE at 'versionNumber' can not be converted to a Long",
  );
}

/** @throws LambdaError InvalidParameterValueException below 1 */
export function positiveVersionNumber(call: LambdaCall): number {
  const version = versionNumber(call);
  if (version >= 1) return version;
  throw invalidParameter("Layer Version Cannot be less than 1");
}

/** What a list is to be narrowed to. */
export function layerFilterOf(query: URLSearchParams): LayerFilter {
  const architecture = query.get("CompatibleArchitecture");
  const runtime = query.get("CompatibleRuntime");
  const violations: string[] = [];
  if (architecture !== null && !ARCHITECTURES.includes(architecture)) {
    violations.push(enumViolation(architecture, "compatibleArchitecture", ARCHITECTURES));
  }
  if (runtime !== null && !LAYER_RUNTIMES.includes(runtime)) {
    violations.push(enumViolation(runtime, "compatibleRuntime", LAYER_RUNTIMES));
  }
  if (violations.length > 0) throw validationError(violations);
  return {
    ...(architecture === null ? {} : { compatibleArchitecture: architecture as Architecture }),
    ...(runtime === null ? {} : { compatibleRuntime: runtime }),
  };
}

function enumViolation(value: string, path: string, allowed: readonly string[]): string {
  const constraint = `Member must satisfy enum value set: [${allowed.join(", ")}]`;
  return violation(value, path, constraint);
}
