import { createHash } from "node:crypto";
import { PlatformError } from "../base/mod.ts";
import {
  type CodeReference,
  type FunctionConfiguration,
  type FunctionVersion,
  functionArn,
  type LayerReference,
  limits,
  type Owner,
} from "../model/mod.ts";
import type { FunctionRecord } from "./record.ts";

/** Pure rules of functions and their versions. */

export const LATEST = "$LATEST";

type Logging = FunctionConfiguration["logging"];

/** The fields that an update replaces; `logging` and `passthrough` field by field. */
export type ConfigurationChange = Partial<Omit<FunctionConfiguration, "logging" | "layers">> & {
  readonly logging?: Partial<Logging>;
  /** ARNs of layer versions; whoever applies the change looks them up. */
  readonly layers?: readonly string[];
};

/** What a caller must say of a new function; all else has a default. */
export type NewConfiguration = Pick<FunctionConfiguration, "runtime" | "handler" | "role"> &
  ConfigurationChange;

/** Fresh facts for a changed version. */
export interface Stamp {
  readonly revisionId: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** AWS's defaults under what was given. */
export function completeConfiguration(
  name: string,
  given: NewConfiguration,
  layers: readonly LayerReference[] = [],
): FunctionConfiguration {
  return {
    description: "",
    memorySizeMiB: limits.MEMORY_MIB_DEFAULT,
    timeoutSeconds: limits.TIMEOUT_SECONDS_DEFAULT,
    environment: {},
    ephemeralStorageMiB: limits.EPHEMERAL_STORAGE_MIB_MIN,
    architecture: "x86_64",
    tracingMode: "PassThrough",
    passthrough: {},
    ...given,
    layers,
    logging: changedLogging({ format: "Text", group: `/aws/lambda/${name}` }, given.logging),
  };
}

/**
 * Log levels belong to the JSON format: they start at INFO and go with it.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
 */
function changedLogging(before: Logging, change: Partial<Logging> = {}): Logging {
  const { format, group, ...levels } = { ...before, ...change };
  if (format === "Text") return { format, group };
  return { format, group, applicationLogLevel: "INFO", systemLogLevel: "INFO", ...levels };
}

/** ISO 8601 with AWS's offset notation: `2026-01-31T09:00:00.000+0000`. */
export function lastModifiedOf(nowMs: number): string {
  return new Date(nowMs).toISOString().replace("Z", "+0000");
}

export function latestVersion(
  identity: { readonly owner: Owner; readonly name: string; readonly region: string },
  configuration: FunctionConfiguration,
  code: CodeReference,
  stamp: Stamp,
): FunctionVersion {
  return {
    owner: identity.owner,
    name: identity.name,
    version: LATEST,
    arn: functionArn(identity.region, identity.owner, identity.name),
    configuration,
    code,
    revisionId: stamp.revisionId,
    lastModified: lastModifiedOf(stamp.nowMs),
    state: "Active",
    lastUpdateStatus: "Successful",
  };
}

/** `$LATEST` after a change of code or configuration. */
export function changedVersion(
  version: FunctionVersion,
  change: {
    readonly configuration?: ConfigurationChange;
    readonly layers?: readonly LayerReference[];
    readonly code?: CodeReference;
  },
  stamp: Stamp,
): FunctionVersion {
  const before = version.configuration;
  return {
    ...version,
    configuration: {
      ...before,
      ...change.configuration,
      layers: change.layers ?? before.layers,
      logging: changedLogging(before.logging, change.configuration?.logging),
      passthrough: { ...before.passthrough, ...change.configuration?.passthrough },
    },
    code: change.code ?? version.code,
    revisionId: stamp.revisionId,
    lastModified: lastModifiedOf(stamp.nowMs),
  };
}

/** A published copy of `$LATEST`; it never changes again. */
export function publishedVersion(
  latest: FunctionVersion,
  version: string,
  description: string | undefined,
  revisionId: string,
): FunctionVersion {
  return {
    ...latest,
    version,
    arn: `${latest.arn}:${version}`,
    configuration: {
      ...latest.configuration,
      description: description ?? latest.configuration.description,
    },
    revisionId,
  };
}

/** The record after `version` was published from its `$LATEST`. */
export function recordWithPublished(
  record: FunctionRecord,
  version: FunctionVersion,
): FunctionRecord {
  return {
    ...record,
    nextVersion: record.nextVersion + 1,
    published: { version: version.version, fingerprint: fingerprintOf(record.latest) },
    codeBytes: record.codeBytes + version.code.zipBytes,
  };
}

/**
 * Equal for two states of `$LATEST` that would publish the same version: "Lambda doesn't publish a
 * version if the function's configuration and code haven't changed since the last version."
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
 */
export function fingerprintOf(version: FunctionVersion): string {
  const text = JSON.stringify([version.code.sha256, version.configuration], sortedKeys);
  return createHash("sha256").update(text).digest("base64");
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws PlatformError kind "precondition_failed" when the caller knew another revision */
export function requireRevision(
  resource: string,
  id: string,
  current: string,
  wanted: string | undefined,
): void {
  if (wanted === undefined || wanted === current) return;
  throw new PlatformError(
    { kind: "precondition_failed", resource, id },
    "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
  );
}

/** @throws PlatformError kind "invalid" when `$LATEST` has other code than the caller published */
export function requireCode(latest: FunctionVersion, sha256: string | undefined): void {
  if (sha256 === undefined || sha256 === latest.code.sha256) return;
  throw new PlatformError(
    { kind: "invalid", field: "CodeSha256" },
    `CodeSHA256 (${sha256}) is different from current CodeSHA256 in $LATEST ` +
      `(${latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST.`,
  );
}

/** @throws PlatformError kind "too_large" when the owner's packages would exceed the limit */
export function requireCodeSpace(usedBytes: number, addedBytes: number): void {
  const actualBytes = usedBytes + addedBytes;
  if (actualBytes <= limits.ACCOUNT_CODE_BYTES_MAX) return;
  throw new PlatformError(
    {
      kind: "too_large",
      what: "account_code",
      limitBytes: limits.ACCOUNT_CODE_BYTES_MAX,
      actualBytes,
    },
    "Code storage limit exceeded.",
  );
}

export function isVersionNumber(qualifier: string): boolean {
  return /^[0-9]+$/.test(qualifier);
}

export function functionNotFound(arn: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "function", id: arn },
    `Function not found: ${arn}`,
  );
}
