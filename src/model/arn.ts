import { PlatformError } from "../base/mod.ts";

/** The account that owns functions: twelve digits. */
export type Owner = string & { readonly brand: "Owner" };

export const REGION_DEFAULT: string = "us-east-1";

/** A function as a caller names it, taken apart; `owner` and `region` only if the name had them. */
export interface FunctionReference {
  readonly owner?: Owner;
  readonly region?: string;
  readonly name: string;
  readonly qualifier?: string;
}

const NAME = "[a-zA-Z0-9-_]{1,64}";
const QUALIFIER = "\\$LATEST|[a-zA-Z0-9-_]{1,128}";
/** Source: pattern of FunctionName in the Lambda API reference. */
const REFERENCE: RegExp = new RegExp(
  `^(?:arn:(?:aws[a-zA-Z-]*):lambda:([a-z]{2}(?:-[a-z]+)+-\\d):(\\d{12}):function:|(\\d{12}):function:|function:)?(${NAME})(?::(${QUALIFIER}))?$`,
);

export function isOwner(text: string): text is Owner {
  return /^\d{12}$/.test(text);
}

export function ownerOf(text: string): Owner {
  if (isOwner(text)) return text;
  throw new PlatformError({ kind: "invalid", field: "owner" }, `Owner is not 12 digits: ${text}`);
}

/** Takes a name, partial ARN or ARN apart; undefined when it is none of them. */
export function parseFunctionReference(text: string): FunctionReference | undefined {
  const match = REFERENCE.exec(text);
  if (!match) return undefined;
  const [, region, arnOwner, partialOwner, name, qualifier] = match;
  const owner = arnOwner ?? partialOwner;
  return {
    name: name as string,
    ...(owner === undefined ? {} : { owner: owner as Owner }),
    ...(region === undefined ? {} : { region }),
    ...(qualifier === undefined ? {} : { qualifier }),
  };
}

/** `arn:aws:lambda:REGION:OWNER:function:NAME[:QUALIFIER]` */
export function functionArn(
  region: string,
  owner: Owner,
  name: string,
  qualifier?: string,
): string {
  const arn = `arn:aws:lambda:${region}:${owner}:function:${name}`;
  return qualifier === undefined ? arn : `${arn}:${qualifier}`;
}
