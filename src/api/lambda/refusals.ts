import type { Architecture } from "../../model/mod.ts";
import { invalidParameter } from "./errors.ts";

/**
 * What AWS offers and this version does not. Accepting it in silence would leave a function that
 * behaves differently from what was asked; so the request is refused and the field is named.
 */

/** The members of a request that this looks at; all of them optional on the wire. */
interface Asked {
  readonly PackageType?: unknown;
  readonly FileSystemConfigs?: readonly unknown[];
  readonly ImageConfig?: object;
  readonly KMSKeyArn?: string;
  readonly TenancyConfig?: object;
  readonly PublishTo?: unknown;
  readonly SnapStart?: { readonly ApplyOn?: unknown };
  readonly Architectures?: readonly unknown[];
  readonly S3Bucket?: string;
  readonly S3Key?: string;
  readonly ImageUri?: string;
  readonly SourceKMSKeyArn?: string;
}

/** @throws LambdaError InvalidParameterValueException that names the first such field */
export function refuseUnoffered(asked: Asked, architecture: Architecture): void {
  const [other] = asked.Architectures ?? [];
  if (other !== undefined && other !== architecture) {
    throw invalidParameter(
      `Architectures [${other}] is not offered by this version of Hearth: ` +
        `this host runs ${architecture} only`,
    );
  }
  for (const [field, isAsked] of unoffered(asked)) {
    if (isAsked) throw invalidParameter(`${field} is not offered by this version of Hearth`);
  }
}

function unoffered(asked: Asked): [field: string, isAsked: boolean][] {
  return [
    ["PackageType Image", asked.PackageType === "Image"],
    ["FileSystemConfigs", isFilled(asked.FileSystemConfigs)],
    ["ImageConfig", isFilled(asked.ImageConfig)],
    ["KMSKeyArn", isFilled(asked.KMSKeyArn)],
    ["TenancyConfig", asked.TenancyConfig !== undefined],
    ["PublishTo LATEST_PUBLISHED", asked.PublishTo !== undefined],
    ["SnapStart.ApplyOn PublishedVersions", asked.SnapStart?.ApplyOn === "PublishedVersions"],
    ["Code from S3Bucket (give ZipFile instead)", asked.S3Bucket !== undefined],
    ["Code from S3Key (give ZipFile instead)", asked.S3Key !== undefined],
    ["Code from ImageUri (give ZipFile instead)", asked.ImageUri !== undefined],
    ["SourceKMSKeyArn", isFilled(asked.SourceKMSKeyArn)],
  ];
}

function isFilled(value: string | object | undefined): boolean {
  if (value === undefined) return false;
  return typeof value === "string" ? value !== "" : Object.keys(value).length > 0;
}
