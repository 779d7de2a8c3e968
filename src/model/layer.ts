import type { Owner } from "./arn.ts";

/** A layer or layer version as its ARN names it. */
export interface LayerName {
  readonly region: string;
  readonly owner: Owner;
  readonly name: string;
  readonly version?: number;
}

const LAYER_ARN =
  /^arn:aws[a-zA-Z-]*:lambda:([a-zA-Z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::([0-9]{1,15}))?$/;

/** Takes the ARN of a layer or layer version apart; undefined when it is none. */
export function parseLayerArn(text: string): LayerName | undefined {
  const match = LAYER_ARN.exec(text);
  if (!match) return undefined;
  const [, region = "", owner = "", name = "", version] = match;
  const layer = { region, owner: owner as Owner, name };
  return version === undefined ? layer : { ...layer, version: Number(version) };
}

/** `arn:aws:lambda:REGION:OWNER:layer:NAME[:VERSION]` */
export function layerArn(region: string, owner: Owner, name: string, version?: number): string {
  const arn = `arn:aws:lambda:${region}:${owner}:layer:${name}`;
  return version === undefined ? arn : `${arn}:${version}`;
}
