import { limits, type RuntimeName } from "../model/mod.ts";
import {
  type Flags,
  type FlagValues,
  integerFlag,
  listFlag,
  textFlag,
  UsageError,
} from "./command.ts";
import { runtimeNamed } from "./detect.ts";

/** Who may call a function URL: whoever signs as an owner with the right to, or everybody. */
export const URL_ACCESS = ["iam", "none"] as const;
export type UrlAccess = (typeof URL_ACCESS)[number];

/** What deploying is asked for, by flags or by `hearth.json`; what is absent stays as it is. */
export interface DeploySettings {
  readonly name?: string;
  readonly runtime?: RuntimeName;
  readonly handler?: string;
  readonly memoryMiB?: number;
  readonly timeoutSeconds?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** ARNs of layer versions, and paths of folders and zips. */
  readonly layers?: readonly string[];
  readonly url?: UrlAccess;
  /** The URL answers while the function writes. */
  readonly stream?: boolean;
  readonly alias?: string;
  readonly provisioned?: number;
  readonly jsonLogs?: boolean;
  /** How long an execution may take; only a new function becomes durable. */
  readonly durableSeconds?: number;
}

type Counted = "memory" | "timeout" | "provisioned" | "durable";

/** Least and most of what is counted. */
export const BOUNDS: Readonly<Record<Counted, readonly [least: number, most: number]>> = {
  memory: [limits.MEMORY_MIB_MIN, limits.MEMORY_MIB_MAX],
  timeout: [limits.TIMEOUT_SECONDS_MIN, limits.TIMEOUT_SECONDS_MAX],
  provisioned: [0, 1000],
  durable: [1, limits.DURABLE_TIMEOUT_SECONDS_MAX],
};

export const SETTING_FLAGS: Flags = {
  name: { type: "string", short: "n", value: "N", help: "The function's name (that of PATH)" },
  runtime: { type: "string", value: "R", help: "nodejs24.x, python3.11, provided.al2023, ..." },
  handler: { type: "string", value: "H", help: "FILE.EXPORT, as on Lambda" },
  memory: { type: "string", short: "m", value: "MB", help: "128 to 10240 (128)" },
  timeout: { type: "string", value: "S", help: "1 to 900 seconds (3)" },
  env: {
    type: "string",
    short: "e",
    multiple: true,
    value: "K=V",
    help: "An environment variable; repeat for more. Replaces those of the function",
  },
  layer: {
    type: "string",
    multiple: true,
    value: "DIR|ZIP|ARN",
    help: "A layer, published when it changed; repeat for more. Replaces the others",
  },
  url: {
    type: "string",
    value: "iam|none",
    alone: "iam",
    help: "Give it a URL: for signed calls (iam) or for everybody (none)",
  },
  stream: { type: "boolean", help: "The URL streams what the function writes" },
  alias: { type: "string", value: "A", help: "Publish a version and point this alias at it" },
  provisioned: { type: "string", value: "N", help: "Environments kept ready for the alias" },
  "json-logs": { type: "boolean", help: "Log lines are JSON" },
  durable: {
    type: "string",
    value: "S",
    help: "A durable function; an execution may take S seconds",
  },
};

/** What the flags say. @throws UsageError that names the flag */
export function settingsOfFlags(flags: FlagValues): DeploySettings {
  const variables = listFlag(flags, "env").map(variableOf);
  const layers = listFlag(flags, "layer");
  return withoutAbsent({
    name: textFlag(flags, "name"),
    runtime: runtimeNamed(textFlag(flags, "runtime")),
    handler: textFlag(flags, "handler"),
    memoryMiB: integerFlag(flags, "memory", ...BOUNDS.memory),
    timeoutSeconds: integerFlag(flags, "timeout", ...BOUNDS.timeout),
    environment: variables.length === 0 ? undefined : Object.fromEntries(variables),
    layers: layers.length === 0 ? undefined : layers,
    url: accessOf(textFlag(flags, "url"), "--url"),
    stream: flags.stream === true ? true : undefined,
    alias: textFlag(flags, "alias"),
    provisioned: integerFlag(flags, "provisioned", ...BOUNDS.provisioned),
    jsonLogs: flags["json-logs"] === true ? true : undefined,
    durableSeconds: integerFlag(flags, "durable", ...BOUNDS.durable),
  });
}

/** @throws UsageError for settings that mean nothing without another */
export function requireWhole({ url, stream, alias, provisioned }: DeploySettings): void {
  if (stream === true && url === undefined) {
    throw new UsageError(
      "stream says how the function's URL answers: add --url, or url in hearth.json",
    );
  }
  if (provisioned !== undefined && alias === undefined) {
    throw new UsageError(
      "provisioned keeps an alias ready: add --alias NAME, or alias in hearth.json",
    );
  }
}

/** The settings that are there; absent ones must not stand in the way of a weaker source's. */
export function withoutAbsent(
  settings: {
    readonly [K in keyof DeploySettings]: DeploySettings[K] | undefined;
  },
): DeploySettings {
  const present = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present);
}

export function isUrlAccess(value: unknown): value is UrlAccess {
  return URL_ACCESS.some((access) => access === value);
}

/** The access that a flag names. @throws UsageError */
export function accessOf(text: string | undefined, flag: string): UrlAccess | undefined {
  if (text === undefined || isUrlAccess(text)) return text;
  throw new UsageError(`${flag} must be iam or none, got ${text}`);
}

function variableOf(text: string): [string, string] {
  const index = text.indexOf("=");
  if (index > 0) return [text.slice(0, index), text.slice(index + 1)];
  throw new UsageError(`--env must be NAME=VALUE, got ${text}`);
}
