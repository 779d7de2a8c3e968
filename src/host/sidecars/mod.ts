/** sidecars: auxiliary functions beside calls. manager.ts is where to start reading. */
export { type Artefact, ArtefactStore, type CallArtefacts } from "./artefacts.ts";
export { DEBUG_MESSAGE_BYTES_MAX, type DebugSession, DebugSessions } from "./debug-sessions.ts";
export { FileSinks, type SinkFile } from "./file-sinks.ts";
export { HttpSinks } from "./http-sinks.ts";
export { SidecarManager, type SidecarManagerOptions } from "./manager.ts";
export { SidecarMachine } from "./sidecar-machine.ts";
export { SidecarPool, type SidecarSummary } from "./sidecar-pool.ts";
