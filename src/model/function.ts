import type { Owner } from "./arn.ts";
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
  readonly layers: readonly string[];
  readonly logging: {
    readonly format: "Text" | "JSON";
    readonly group: string;
    readonly applicationLogLevel?: string;
    readonly systemLogLevel?: string;
  };
  /** Stored and echoed as given; later issues give them meaning. */
  readonly passthrough: Readonly<Record<string, unknown>>;
}

/** Where the code of a version is. */
export interface CodeReference {
  /** Base64 SHA-256 of the zip, as AWS's CodeSha256. */
  readonly sha256: string;
  readonly zipBytes: number;
  readonly unpackedBytes: number;
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
