import { existsSync } from "node:fs";
import { cpus, homedir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { type LogLevel, PlatformError } from "../base/mod.ts";
import {
  familyOf,
  isRuntimeName,
  REGION_DEFAULT,
  RUNTIME_NAMES,
  type RuntimeName,
} from "../model/mod.ts";
import type { IsolationName } from "../sandbox/mod.ts";

/** Everything a server is told, with units; read once, then frozen. */
export interface ServerConfig {
  readonly host: string;
  /** 0 = a free one. */
  readonly port: number;
  readonly dataDirectory: string;
  readonly region: string;
  readonly isolation: Extract<IsolationName, "process" | "none">;
  /** `auto`: functions reach outside addresses where this machine can wire it. */
  readonly network: "auto" | "off";
  readonly warm: ReadonlyMap<RuntimeName, number>;
  readonly keepAliveMs: number;
  readonly freezeAfterMs: number;
  readonly environmentsMax: number;
  readonly bootConcurrency: number;
  /** URL prefixes that sidecars may deliver to although they lead to this machine's networks. */
  readonly allowSinks: readonly string[];
  readonly logLevel: LogLevel;
}

/** Values as they come from a command line; every one is optional. */
export interface ServerFlags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly data?: string | undefined;
  readonly region?: string | undefined;
  readonly isolation?: string | undefined;
  readonly network?: string | undefined;
  readonly warm?: string | undefined;
  readonly "keep-alive"?: string | undefined;
  readonly "allow-sink"?: readonly string[] | undefined;
  readonly "log-level"?: string | undefined;
}

export interface ConfigSources {
  readonly flags: ServerFlags;
  /** HEARTH_HOST, HEARTH_PORT, HEARTH_DATA … stand in for flags that were not given. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export const PORT_DEFAULT: number = 4566;
const WARM_DEFAULT = "nodejs24.x=2,provided.al2023=1";
const WARM_MAX = 100;
const KEEP_ALIVE_SECONDS_DEFAULT = 300;
const FREEZE_AFTER_MS = 200;
/** What a booted Node takes, with its kernel structures; measured. */
const ENVIRONMENT_MIB = 64;
const MEMORY_SHARE = 0.75;

/**
 * Flags before environment variables before defaults.
 * @throws PlatformError kind "invalid" naming the flag
 */
export function parseServerConfig(sources: ConfigSources): ServerConfig {
  const pick = (name: Exclude<keyof ServerFlags, "allow-sink">): string | undefined => {
    const variable = `HEARTH_${name.toUpperCase().replaceAll("-", "_")}`;
    return sources.flags[name] ?? sources.environment[variable];
  };
  const totalMiB = totalmem() / (1024 * 1024);
  return Object.freeze({
    host: pick("host") ?? "127.0.0.1",
    port: integer("port", pick("port") ?? String(PORT_DEFAULT), 0, 65_535),
    dataDirectory: resolve(pick("data") ?? defaultDataDirectory()),
    region: pick("region") ?? REGION_DEFAULT,
    isolation: oneOf("isolation", pick("isolation") ?? "process", ["process", "none"]),
    network: oneOf("network", pick("network") ?? "auto", ["auto", "off"]),
    warm: parseWarm(pick("warm") ?? defaultWarm()),
    keepAliveMs:
      1000 *
      integer("keep-alive", pick("keep-alive") ?? String(KEEP_ALIVE_SECONDS_DEFAULT), 0, 86_400),
    freezeAfterMs: FREEZE_AFTER_MS,
    environmentsMax: Math.max(16, Math.floor((totalMiB * MEMORY_SHARE) / ENVIRONMENT_MIB)),
    bootConcurrency: Math.max(2, cpus().length * 2),
    allowSinks: parseSinks(
      sources.flags["allow-sink"] ?? listOf(sources.environment.HEARTH_ALLOW_SINK),
    ),
    logLevel: oneOf("log-level", pick("log-level") ?? "info", ["debug", "info", "warn", "error"]),
  });
}

export function defaultDataDirectory(): string {
  return join(homedir(), ".hearth");
}

/** Node, custom runtimes, and the newest Python that this machine has. */
function defaultWarm(): string {
  const python = RUNTIME_NAMES.findLast(
    (name) => familyOf(name) === "python" && existsSync(`/usr/bin/${name}`),
  );
  return python === undefined ? WARM_DEFAULT : `${WARM_DEFAULT},${python}=1`;
}

function listOf(text = ""): readonly string[] {
  return text.split(",").filter((part) => part !== "");
}

function parseSinks(texts: readonly string[]): readonly string[] {
  for (const text of texts) {
    if (/^https?:$/.test(URL.parse(text)?.protocol ?? "")) continue;
    throw invalid("allow-sink", `--allow-sink is ${text}, wanted an http or https URL`);
  }
  return texts;
}

/** `nodejs24.x=4,python3.11=2` */
function parseWarm(text: string): ReadonlyMap<RuntimeName, number> {
  const warm = new Map<RuntimeName, number>();
  for (const part of text.split(",").filter((piece) => piece.trim() !== "")) {
    const [runtime = "", count = ""] = part.split("=").map((piece) => piece.trim());
    if (!isRuntimeName(runtime)) throw invalid("warm", `Unknown runtime in --warm: ${runtime}`);
    warm.set(runtime, integer("warm", count, 0, WARM_MAX));
  }
  return warm;
}

function integer(flag: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(flag, `--${flag} is ${text}, wanted a whole number from ${least} to ${most}`);
}

function oneOf<const T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  const value = allowed.find((candidate) => candidate === text);
  if (value !== undefined) return value;
  throw invalid(flag, `--${flag} is ${text}, wanted one of ${allowed.join(", ")}`);
}

function invalid(flag: string, message: string): PlatformError {
  return new PlatformError({ kind: "invalid", field: flag }, message);
}
