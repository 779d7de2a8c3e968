import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { LambdaClient, LayerVersionsListItem, Runtime } from "@aws-sdk/client-lambda";
import { CommandError } from "./command.ts";
import { unlessMissing } from "./lambda.ts";
import { readSourceTree, resourceName, zipOf } from "./source-tree.ts";

/** What is to become a version of a layer. */
export interface LayerContent {
  readonly name: string;
  readonly zip: Buffer;
}

export interface LayerVersion {
  readonly name: string;
  readonly version: number;
  readonly arn: string;
  readonly bytes: number;
  /** False when the newest version already had this content. */
  readonly created: boolean;
}

/** What a new version says about itself. */
export interface LayerDescription {
  readonly runtimes?: readonly string[];
  readonly description?: string;
}

/** Whether a layer is named by its ARN rather than to be published. */
export function isLayerArn(layer: string): boolean {
  return layer.startsWith("arn:");
}

/** A folder, or a zip as it is; the layer is called as the path without its ending. */
export async function readLayer(path: string): Promise<LayerContent> {
  const name = resourceName(basename(resolve(path)).replace(/\.zip$/, ""));
  if (!path.endsWith(".zip")) return { name, zip: await zipOf(await readSourceTree(path)) };
  try {
    return { name, zip: await readFile(path) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CommandError(`Cannot read ${path}: ${code}`, undefined, { cause });
  }
}

/** Publishes a version unless the newest one has this content. */
export async function publishLayer(
  client: LambdaClient,
  { name, zip }: LayerContent,
  { runtimes = [], description }: LayerDescription = {},
): Promise<LayerVersion> {
  const newest = await newestVersion(client, name);
  const sha256 = createHash("sha256").update(zip).digest("base64");
  if (newest !== undefined && newest.sha256 === sha256) {
    return { ...newest.layer, created: false };
  }
  const { PublishLayerVersionCommand } = await import("@aws-sdk/client-lambda");
  const published = await client.send(
    new PublishLayerVersionCommand({
      LayerName: name,
      Content: { ZipFile: zip },
      ...(runtimes.length === 0 ? {} : { CompatibleRuntimes: runtimes as Runtime[] }),
      ...(description === undefined ? {} : { Description: description }),
    }),
  );
  return {
    name,
    version: published.Version ?? 0,
    arn: published.LayerVersionArn ?? "",
    bytes: zip.length,
    created: true,
  };
}

/** The version ARNs that stand for ARNs, folders and zips, in their order. */
export async function resolveLayers(
  client: LambdaClient,
  layers: readonly string[],
  say: (line: string) => void,
): Promise<string[]> {
  const arns: string[] = [];
  for (const layer of layers) {
    if (isLayerArn(layer)) {
      arns.push(layer);
      continue;
    }
    const { name, version, arn, created } = await publishLayer(client, await readLayer(layer));
    say(`Layer ${name}: ${created ? "published" : "unchanged since"} version ${version}`);
    arns.push(arn);
  }
  return arns;
}

/** All versions of a layer, the newest first; none when there is no such layer. */
export async function versionsOf(
  client: LambdaClient,
  name: string,
): Promise<LayerVersionsListItem[]> {
  const { paginateListLayerVersions } = await import("@aws-sdk/client-lambda");
  const versions: LayerVersionsListItem[] = [];
  for await (const page of paginateListLayerVersions({ client }, { LayerName: name })) {
    versions.push(...(page.LayerVersions ?? []));
  }
  return versions;
}

async function newestVersion(
  client: LambdaClient,
  name: string,
): Promise<{ readonly layer: LayerVersion; readonly sha256: string | undefined } | undefined> {
  const { GetLayerVersionCommand, ListLayerVersionsCommand } = await import(
    "@aws-sdk/client-lambda"
  );
  const list = new ListLayerVersionsCommand({ LayerName: name, MaxItems: 1 });
  const [newest] = (await unlessMissing(client.send(list)))?.LayerVersions ?? [];
  const version = newest?.Version;
  if (version === undefined) return undefined;
  const get = new GetLayerVersionCommand({ LayerName: name, VersionNumber: version });
  const { Content, LayerVersionArn: arn = "" } = await client.send(get);
  const bytes = Content?.CodeSize ?? 0;
  return { layer: { name, version, arn, bytes, created: false }, sha256: Content?.CodeSha256 };
}
