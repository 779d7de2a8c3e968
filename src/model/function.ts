import type { Owner } from "./arn.ts";
import type { FunctionPolicy } from "./policy.ts";
import type { RuntimeName } from "./runtime.ts";

export type FunctionState = "Pending" | "Active" | "Inactive" | "Failed";
export type UpdateStatus = "Successful" | "Failed" | "InProgress";
export type Architecture = "x86_64" | "arm64";

/** `$LATEST` or a number in decimal. */
export type VersionName = string;

/** What the user configures; field meanings are AWS's own. */
export interface FunctionConfiguration {
  readonly runtime: RuntimeName;
  readonly handler: string;
  readonly role: string;
  readonly description: string;
  readonly memorySizeMiB: number;
  readonly timeoutSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly ephemeralStorageMiB: number;
  readonly architecture: Architecture;
  readonly tracingMode: "PassThrough" | "Active";
  /** In the order in which they are laid over each other. */
  readonly layers: readonly LayerReference[];
  readonly logging: {
    readonly format: "Text" | "JSON";
    readonly group: string;
    readonly applicationLogLevel?: string;
    readonly systemLogLevel?: string;
  };
  /** Present: calls start durable executions. Decided when the function is created. */
  readonly durable?: DurableConfiguration;
  /** Hearth's own; AWS's operations neither show nor change it. */
  readonly policy?: FunctionPolicy | undefined;
  /** Stored and echoed as given; later issues give them meaning. */
  readonly passthrough: Readonly<Record<string, unknown>>;
}

/** AWS's DurableConfig. */
export interface DurableConfiguration {
  /** How long one execution may take from start to end, waits included. */
  readonly executionTimeoutSeconds: number;
  /** How long an execution can be looked up after its end. */
  readonly retentionDays: number;
}

/** Where the code of a version is. */
export interface CodeReference {
  /** Base64 SHA-256 of the zip, as AWS's CodeSha256. */
  readonly sha256: string;
  readonly zipBytes: number;
  readonly unpackedBytes: number;
  /** Whether programs in it (extensions/ of a layer) run beside the functions that have it. */
  readonly hasExtensions?: true;
  /** Present when a registered signing profile vouches for the package. */
  readonly signing?: Signing;
}

/** Who signed a package, in AWS Signer's terms. */
export interface Signing {
  readonly profileVersionArn: string;
  readonly jobArn: string;
}

/** A layer version as a function has it: it stays whole when the layer version is deleted. */
export interface LayerReference extends CodeReference {
  /** Of the layer version. */
  readonly arn: string;
  /** Whose package it is; not always the function's owner. */
  readonly owner: Owner;
}

/** One version of a function, `$LATEST` included: all that is needed to run it. */
export interface FunctionVersion {
  readonly owner: Owner;
  readonly name: string;
  readonly version: VersionName;
  /** Unqualified for `$LATEST`, qualified otherwise. */
  readonly arn: string;
  readonly configuration: FunctionConfiguration;
  readonly code: CodeReference;
  /** Changes with every change of code or configuration; AWS's RevisionId. */
  readonly revisionId: string;
  readonly lastModified: string;
  readonly state: FunctionState;
  readonly stateReason?: string;
  readonly lastUpdateStatus: UpdateStatus;
}

export interface Alias {
  readonly owner: Owner;
  readonly functionName: string;
  readonly name: string;
  readonly arn: string;
  readonly functionVersion: VersionName;
  readonly description: string;
  /** Version -> share in (0, 1); the rest goes to `functionVersion`. */
  readonly additionalVersionWeights: Readonly<Record<VersionName, number>>;
  readonly revisionId: string;
}

/** What an environment's contents depend on: two versions with equal keys are interchangeable. */
export function versionKey(version: FunctionVersion): string {
  return `${version.owner}/${version.name}/${version.version}/${version.revisionId}`;
}
