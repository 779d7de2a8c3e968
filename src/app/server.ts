import { arch } from "node:os";
import { createHttpServer, createLambdaApi, createStsApi, type HttpEdge } from "../api/mod.ts";
import { type Log, Metrics, secureRandom, seededRandom, systemClock } from "../base/mod.ts";
import { CodeStore } from "../code/mod.ts";
import { openDiskBlobStore } from "../engine/disk/mod.ts";
import { openSqliteTableStore } from "../engine/sqlite/mod.ts";
import { ConcurrencyLimiter } from "../fleet/mod.ts";
import { type CredentialSource, FunctionLogs, Host, LocalMachine, runtimeImage } from "../host/mod.ts";
import { Spine } from "../invoke/mod.ts";
import { Accounts, FunctionRegistry } from "../registry/mod.ts";
import type { SandboxDriver } from "../sandbox/mod.ts";
import { adminApi } from "./admin.ts";
import { codeLocations } from "./code-location.ts";
import type { ServerConfig } from "./config.ts";
import {
  type DataPaths,
  dataPaths,
  readMasterKey,
  takeDataDirectory,
  writeDurably,
} from "./data-directory.ts";
import { openDriver } from "./isolation.ts";

/** A server that accepts calls. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly isolation: string;
  /** Lets calls under way end, for `deadlineMs` at most, then stops. */
  stop(deadlineMs: number): Promise<void>;
}

/** An environment ends before the keys it was given do. */
const ENVIRONMENT_AGE_MS_MAX = 6 * 3600 * 1000;
const CREDENTIAL_SECONDS = 12 * 3600;

/**
 * Builds a server from its configuration and starts it. What is opened is closed again in reverse
 * order, also when a later step fails.
 * @throws PlatformError kinds "unsupported" (this host lacks what the isolation needs), "conflict"
 *   (another server runs on the data directory), "corrupt"
 */
export async function startServer(config: ServerConfig, log: Log): Promise<RunningServer> {
  await using opened = new AsyncDisposableStack();
  const paths = dataPaths(config.dataDirectory);
  opened.use(await takeDataDirectory(paths));
  const state = await openState(paths, config, opened);
  const driver = opened.use(await openDriver(config, paths, { clock: systemClock, log }));
  const metrics = new Metrics();
  const logs = opened.use(new FunctionLogs({ directory: paths.logs, clock: systemClock, log }));
  let edge: HttpEdge | undefined;
  const machine = new LocalMachine({
    driver,
    code: state.code,
    credentials: functionCredentials(state.accounts),
    region: config.region,
    network: config.network !== "off",
    serveSandbox: (server, origin) => edge?.serve(server, origin),
    image: (runtime) => runtimeImage(runtime, { directory: paths.runtimes }),
    clock: systemClock,
    random: secureRandom,
  });
  const host = opened.use(
    new Host({
      ...config,
      machine,
      logs,
      log,
      metrics,
      clock: systemClock,
      environmentAgeMsMax: ENVIRONMENT_AGE_MS_MAX,
    }),
  );
  retireOutdated(state.registry, host, logs);
  const limiter = new ConcurrencyLimiter();
  const spine = new Spine({ resolver: resolverOf(state.registry), limiter, host, clock: systemClock });
  edge = opened.use(createEdge({ config, state, spine, host, logs, driver, metrics, log }));
  const address = await edge.listen({ host: config.host, port: config.port });
  const url = `http://${hostText(config.host)}:${address.port}`;
  await writeDurably(paths.server, JSON.stringify({ url, pid: process.pid }));
  host.start();
  log.info("server.ready", { url, isolation: driver.capabilities.isolation });
  return runningServer(url, driver, edge, opened.move());
}
