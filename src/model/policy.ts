/** What an owner wants done around calls, beside AWS's own configuration. */
export interface FunctionPolicy {
  /** Auxiliary functions that run beside the function. */
  readonly sidecars?: readonly SidecarWish[];
}

/**
 * How long a sidecar lives: `request` with one call, `function` while calls of the function come,
 * `owner` while calls of any function of the owner come that want it.
 */
export type SidecarScope = "request" | "function" | "owner";

export const SIDECAR_SCOPES: readonly SidecarScope[] = ["request", "function", "owner"];

/** One auxiliary function that a policy asks for. */
export interface SidecarWish {
  /** Of the library, or of a package that the owner registered. */
  readonly name: string;
  readonly scope: SidecarScope;
  /** A call is refused when this sidecar cannot be had; otherwise it runs with a warning. */
  readonly required: boolean;
  /** Share of calls, 0 to 1, that it is attached to. */
  readonly sample: number;
  /** `failure`: only to a call that follows a failed one of the same function. */
  readonly when: "always" | "failure";
  /** How long a sidecar of wider scope stays after its last call. */
  readonly idleSeconds: number;
  /** The sidecar's own; bounded, and passed on as they are. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A sidecar of the owner's own making. */
export interface SidecarPackage {
  readonly name: string;
  /** Base64 SHA-256 of the zip. */
  readonly sha256: string;
  readonly zipBytes: number;
  /** Changes with every registration. */
  readonly revision: number;
  /** What it wants a runtime to observe of itself during a call. */
  readonly instruments: readonly InstrumentName[];
  /** ISO 8601. */
  readonly registeredAt: string;
}

/** Modules of guest/<runtime>/instruments/. */
export type InstrumentName = "profiler" | "capture" | "debugger";

export const INSTRUMENT_NAMES: readonly InstrumentName[] = ["profiler", "capture", "debugger"];

/** Sidecars that come with Hearth: code in guest/sidecar/library/. */
export type LibrarySidecar = "logship" | "tracer" | "profiler" | "capture" | "debugger";

export const LIBRARY_SIDECARS: readonly LibrarySidecar[] = [
  "logship",
  "tracer",
  "profiler",
  "capture",
  "debugger",
];

export function isLibrarySidecar(name: string): name is LibrarySidecar {
  return (LIBRARY_SIDECARS as readonly string[]).includes(name);
}
