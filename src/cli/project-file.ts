import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isRuntimeName } from "../model/mod.ts";
import { CommandError } from "./command.ts";
import { BOUNDS, type DeploySettings, isUrlAccess, withoutAbsent } from "./deploy-settings.ts";
import { nearest } from "./edit-distance.ts";
import { isLayerArn } from "./layers.ts";
import { PROJECT_FILE } from "./source-tree.ts";

/** One field: what it must be, and whether a value is that. */
interface Field<T> {
  readonly wanted: string;
  accepts(value: unknown): value is T;
}

const FIELDS = {
  name: text("a name"),
  runtime: {
    wanted: "a runtime that `hearth runtime ls` lists",
    accepts: (value) => typeof value === "string" && isRuntimeName(value),
  } as Field<NonNullable<DeploySettings["runtime"]>>,
  handler: text("FILE.EXPORT"),
  memory: integer(...BOUNDS.memory),
  timeout: integer(...BOUNDS.timeout),
  env: {
    wanted: "an object of texts",
    accepts: (value) =>
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every((each) => typeof each === "string"),
  } as Field<Record<string, string>>,
  layers: {
    wanted: "a list of folders, zips and ARNs",
    accepts: (value) => Array.isArray(value) && value.every((each) => typeof each === "string"),
  } as Field<string[]>,
  url: { wanted: '"iam" or "none"', accepts: isUrlAccess },
  stream: boolean(),
  alias: text("a name"),
  provisioned: integer(...BOUNDS.provisioned),
  jsonLogs: boolean(),
  durable: integer(...BOUNDS.durable),
} as const;

type FieldName = keyof typeof FIELDS;

/**
 * What `hearth.json` in the folder PATH, or beside the file PATH, says; undefined without one.
 * Paths of layers are relative to it.
 * @throws CommandError that names the file and the field
 */
export async function readProjectFile(
  path: string,
): Promise<{ readonly file: string; readonly settings: DeploySettings } | undefined> {
  const absolute = resolve(path);
  const isFolder = (await stat(absolute).catch(() => undefined))?.isDirectory() ?? false;
  const folder = isFolder ? absolute : dirname(absolute);
  const file = join(folder, PROJECT_FILE);
  const source = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new CommandError(`Cannot read ${file}: ${error.code}`, undefined, { cause: error });
  });
  if (source === undefined) return undefined;
  return { file, settings: settingsIn(objectIn(source, file), file, folder) };
}

function objectIn(source: string, file: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw new CommandError(`${file} is not JSON: ${(cause as Error).message}`, undefined, {
      cause,
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new CommandError(`${file} must be a JSON object`);
}

function settingsIn(
  object: Readonly<Record<string, unknown>>,
  file: string,
  folder: string,
): DeploySettings {
  for (const name of Object.keys(object)) requireKnown(name, file);
  const field = <N extends FieldName>(name: N): FieldValue<N> | undefined =>
    checked(name, object[name], file);
  return withoutAbsent({
    name: field("name"),
    runtime: field("runtime"),
    handler: field("handler"),
    memoryMiB: field("memory"),
    timeoutSeconds: field("timeout"),
    environment: field("env"),
    layers: field("layers")?.map((layer) => (isLayerArn(layer) ? layer : resolve(folder, layer))),
    url: field("url"),
    stream: field("stream"),
    alias: field("alias"),
    provisioned: field("provisioned"),
    jsonLogs: field("jsonLogs"),
    durableSeconds: field("durable"),
  });
}

type FieldValue<N extends FieldName> = (typeof FIELDS)[N] extends Field<infer T> ? T : never;

function checked<N extends FieldName>(
  name: N,
  value: unknown,
  file: string,
): FieldValue<N> | undefined {
  if (value === undefined) return undefined;
  const { accepts, wanted }: Field<unknown> = FIELDS[name];
  if (accepts(value)) return value as FieldValue<N>;
  const given = JSON.stringify(value).slice(0, 80);
  throw new CommandError(`${file}: ${name} must be ${wanted}, got ${given}`);
}

function requireKnown(name: string, file: string): void {
  const names = Object.keys(FIELDS);
  if (names.includes(name)) return;
  const [meant] = nearest(name, names);
  const advice = meant === undefined ? `Known are ${names.join(", ")}.` : `Did you mean ${meant}?`;
  throw new CommandError(`${file}: there is no setting ${name}`, advice);
}

function text(wanted: string): Field<string> {
  return {
    wanted,
    accepts: (value): value is string => typeof value === "string" && value !== "",
  };
}

function integer(least: number, most: number): Field<number> {
  return {
    wanted: `a whole number from ${least} to ${most}`,
    accepts: (value): value is number =>
      Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  };
}

function boolean(): Field<boolean> {
  return { wanted: "true or false", accepts: (value) => typeof value === "boolean" };
}
