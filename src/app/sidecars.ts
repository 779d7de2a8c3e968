import { type Log, type Metrics, secureRandom, seededRandom, systemClock } from "../base/mod.ts";
import {
  ArtefactStore,
  DebugSessions,
  FileSinks,
  HttpSinks,
  runtimeImage,
  SidecarMachine,
  SidecarManager,
  SidecarPool,
} from "../host/mod.ts";
import type { SandboxDriver } from "../sandbox/mod.ts";
import type { ServerConfig } from "./config.ts";
import type { DataPaths } from "./data-directory.ts";
import type { State } from "./state.ts";

/** What runs beside calls, and where it leaves what it brings. */
export interface Sidecars extends AsyncDisposable {
  readonly manager: SidecarManager;
  readonly files: FileSinks;
  readonly debug: DebugSessions;
}

/** The runtime whose Node runs sidecars: one that is part of Hearth. */
const SIDECAR_RUNTIME = "nodejs24.x";

export async function openSidecars(
  { config, paths, log, metrics, state }: SidecarParts,
  driver: SandboxDriver,
): Promise<Sidecars> {
  const common = { clock: systemClock, log };
  const artefacts = await ArtefactStore.open(paths.artefacts, systemClock, log);
  const files = new FileSinks(paths.sinks);
  const machine = new SidecarMachine({
    ...{ driver, code: state.code, clock: systemClock, random: secureRandom },
    image: () => runtimeImage(SIDECAR_RUNTIME, { directory: paths.runtimes }),
  });
  const debug = new DebugSessions(systemClock, secureRandom);
  const pool = new SidecarPool({ ...common, machine });
  metrics.gauge("hearth_sidecars", "Sidecars that run", () => pool.count);
  const manager = new SidecarManager({
    ...{ ...common, registry: state.sidecars, pool, artefacts, files, debug },
    http: new HttpSinks(config.allowSinks),
    chance: seededRandom(secureRandom.bytes(4).readUInt32LE()),
  });
  return {
    manager,
    files,
    debug,
    async [Symbol.asyncDispose]() {
      await manager[Symbol.asyncDispose]();
      await artefacts[Symbol.asyncDispose]();
    },
  };
}

interface SidecarParts {
  readonly config: ServerConfig;
  readonly paths: DataPaths;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly state: State;
}
