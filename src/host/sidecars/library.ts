import {
  familyOf,
  type InstrumentName,
  isLibrarySidecar,
  type LibrarySidecar,
  type RuntimeFamily,
  type RuntimeName,
} from "../../model/mod.ts";

/** What the library's sidecars want a runtime to observe of itself. */
const LIBRARY_INSTRUMENTS: Readonly<Record<LibrarySidecar, readonly InstrumentName[]>> = {
  logship: [],
  tracer: [],
  profiler: ["profiler"],
  capture: ["capture"],
  debugger: ["debugger"],
};

/** Runtimes that have the instrument: those that Hearth itself brings. */
const FAMILIES: Readonly<Record<InstrumentName, readonly RuntimeFamily[]>> = {
  profiler: ["node", "python"],
  capture: ["node", "python"],
  debugger: ["node"],
};

export function instrumentsOf(
  name: string,
  own: readonly InstrumentName[] | undefined,
): readonly InstrumentName[] {
  if (own !== undefined) return own;
  return isLibrarySidecar(name) ? LIBRARY_INSTRUMENTS[name] : [];
}

/** The first instrument that the runtime lacks. */
export function missingInstrument(
  instruments: readonly InstrumentName[],
  runtime: RuntimeName,
): InstrumentName | undefined {
  return instruments.find((name) => !FAMILIES[name].includes(familyOf(runtime)));
}
