import type { Readable } from "node:stream";
import type { Metrics } from "../../base/mod.ts";
import type {
  DebugSessions,
  EnvironmentSummary,
  FileSinks,
  PoolSummary,
  SidecarManager,
} from "../../host/mod.ts";
import type { Invoker } from "../../invoke/mod.ts";
import type { Owner } from "../../model/mod.ts";
import type { Accounts, SidecarRegistry, SigningProfiles } from "../../registry/mod.ts";
import type { HostFinding } from "../../sandbox/mod.ts";

/** What the admin API shows, each bound in app/ to the room that knows. */
export interface AdminPorts {
  readonly version: string;
  readonly metrics: Pick<Metrics, "text">;
  readonly accounts: Pick<Accounts, "create" | "list">;
  readonly invoker: Pick<Invoker, "decisionRecord">;
  readonly host: HostView;
  readonly functions: FunctionLookup;
  readonly logs: FunctionLogs;
  readonly functionMetrics: FunctionCounters;
  readonly code: CodeSource;
  readonly signingProfiles: Pick<SigningProfiles, "put" | "get" | "delete">;
  readonly sidecars: SidecarPorts;
  /** What this host really offers, each probed. */
  findings(): Promise<readonly HostFinding[]>;
}

/** Policies, sidecars and what they bring. */
export interface SidecarPorts {
  readonly registry: Pick<
    SidecarRegistry,
    | "functionPolicy"
    | "ownerPolicy"
    | "packages"
    | "register"
    | "remove"
    | "setFunctionPolicy"
    | "setOwnerPolicy"
  >;
  readonly manager: Pick<SidecarManager, "artefact" | "artefacts" | "running">;
  readonly files: Pick<FileSinks, "list" | "read">;
  readonly debug: Pick<DebugSessions, "list" | "find">;
}

export interface HostView {
  /** Environments of one owner, or of all. */
  environments(owner?: Owner): readonly EnvironmentSummary[];
  pools(): readonly PoolSummary[];
}

export interface FunctionLookup {
  /** @throws PlatformError kind "not_found" when the owner has no such function */
  get(owner: Owner, name: string): Promise<unknown>;
}

export interface FunctionCounters {
  /** Counters of an owner's functions in Prometheus's text format. */
  prometheusText(owner: Owner): string;
}

export interface FunctionLogs {
  /** The last `lines` lines, 1 or more. */
  tail(owner: Owner, name: string, lines: number): Promise<Buffer>;
  /** What is logged from now on, until the signal aborts. */
  follow(owner: Owner, name: string, signal: AbortSignal): AsyncIterable<Buffer>;
}

/**
 * The zip of one package of an owner, by its SHA-256 in lower-case hexadecimal.
 * Rejects with PlatformError kind "not_found" when the owner has no such package.
 */
export type CodeSource = (owner: Owner, sha256Hex: string) => Promise<Readable>;
