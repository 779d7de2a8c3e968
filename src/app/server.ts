import {
  createAdminApi,
  createHttpServer,
  createLambdaApi,
  createStsApi,
  type HttpEdge,
} from "../api/mod.ts";
import { type Log, Metrics, secureRandom, systemClock } from "../base/mod.ts";
import { ConcurrencyLimiter } from "../fleet/mod.ts";
import { FunctionLogs, Host, LocalMachine, runtimeImage } from "../host/mod.ts";
import { type Invoker, Spine } from "../invoke/mod.ts";
import type { SandboxDriver } from "../sandbox/mod.ts";
import type { ServerConfig } from "./config.ts";
import { codeLocation, functionCredentials } from "./credentials.ts";
import { type DataPaths, dataPaths, takeDataDirectory, writeDurably } from "./data-directory.ts";
import { probeHost } from "./host-probe.ts";
import { hostArchitecture, openDriver } from "./isolation.ts";
import { openState, type State } from "./state.ts";
import { VERSION } from "./version.ts";

/** A server that accepts calls. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly isolation: string;
  /** Lets calls under way end, for `deadlineMs` at most, then stops. */
  stop(deadlineMs: number): Promise<void>;
}

/** An environment ends before the keys it was given do. */
const ENVIRONMENT_AGE_MS_MAX = 6 * 3600 * 1000;

/** What the parts of a server have in common while it is being put together. */
interface Parts {
  readonly config: ServerConfig;
  readonly paths: DataPaths;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly state: State;
}

/**
 * Builds a server from its configuration and starts it. What was opened is closed in reverse order,
 * also when a later step fails.
 * @throws PlatformError kinds "unsupported" (this host lacks what the isolation needs), "conflict"
 *   (another server runs on the data directory), "corrupt"; or the system's error when the address
 *   cannot be had
 */
export async function startServer(config: ServerConfig, log: Log): Promise<RunningServer> {
  await using opened = new AsyncDisposableStack();
  const paths = dataPaths(config.dataDirectory);
  opened.use(await takeDataDirectory(paths));
  const state = await openState(paths, config.region, opened);
  const parts: Parts = { config, paths, log, metrics: new Metrics(), state };
  const driver = opened.use(await openDriver(config, paths, { clock: systemClock, log }));
  const logs = opened.use(new FunctionLogs({ directory: paths.logs, clock: systemClock, log }));
  const sandboxes: Pick<HttpEdge, "serve"> = {
    serve: (server, origin) => edge.serve(server, origin),
  };
  const host = opened.use(openHost(parts, driver, logs, sandboxes));
  const limiter = new ConcurrencyLimiter();
  const spine = new Spine({ resolver: state.registry, limiter, host, clock: systemClock });
  const edge = opened.use(createEdge(parts, spine, host, logs));
  retireOutdated(state, host, logs);
  const { port } = await edge.listen({ host: config.host, port: config.port });
  const url = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  await writeDurably(paths.server, JSON.stringify({ url, pid: process.pid }));
  host.start();
  log.info("server.ready", { url, isolation: config.isolation });
  return runningServer(url, config.isolation, edge, opened.move());
}

function openHost(
  { config, paths, log, metrics, state }: Parts,
  driver: SandboxDriver,
  logs: FunctionLogs,
  sandboxes: Pick<HttpEdge, "serve">,
): Host {
  const machine = new LocalMachine({
    driver,
    code: state.code,
    credentials: functionCredentials(state.accounts),
    region: config.region,
    network: config.network !== "off",
    serveSandbox: (server, origin) => sandboxes.serve(server, origin),
    image: (runtime) => runtimeImage(runtime, { directory: paths.runtimes }),
    clock: systemClock,
    random: secureRandom,
  });
  const { freeze } = driver.capabilities;
  return new Host({
    ...config,
    freezeAfterMs: freeze ? config.freezeAfterMs : Number.POSITIVE_INFINITY,
    machine,
    logs,
    log,
    metrics,
    clock: systemClock,
    environmentAgeMsMax: ENVIRONMENT_AGE_MS_MAX,
  });
}

function createEdge(
  { config, log, metrics, state }: Parts,
  invoker: Invoker,
  host: Host,
  logs: FunctionLogs,
): HttpEdge {
  const { registry, accounts, code } = state;
  const lambda = createLambdaApi({
    registry,
    invoker,
    codeLocation: codeLocation(accounts, config.region, systemClock),
    region: config.region,
    architecture: hostArchitecture(),
    clock: systemClock,
    random: secureRandom,
  });
  const admin = createAdminApi({
    version: VERSION,
    metrics,
    accounts,
    invoker,
    host,
    functions: registry,
    logs,
    code: (owner, hex) => code.zip(owner, Buffer.from(hex, "hex").toString("base64")),
    findings: async () => (await probeHost()).findings,
  });
  return createHttpServer({
    services: { lambda, sts: createStsApi(), hearth: admin },
    admin,
    accounts,
    clock: systemClock,
    random: secureRandom,
    log,
    metrics,
  });
}

/** New code or configuration is what the next call runs; a deleted function runs no more. */
function retireOutdated({ registry }: State, host: Host, logs: FunctionLogs): void {
  registry.onChange((owner, name, kind) => {
    const isOutdated = kind === "deleted" ? () => true : isLatest;
    host.retire(owner, name, isOutdated);
    if (kind === "deleted") void logs.remove(owner, name);
  });
}

function isLatest({ version }: { readonly version: string }): boolean {
  return version === "$LATEST";
}

function runningServer(
  url: string,
  isolation: string,
  edge: HttpEdge,
  opened: AsyncDisposableStack,
): RunningServer {
  return {
    url,
    isolation,
    async stop(deadlineMs) {
      await edge.close(deadlineMs);
      await opened.disposeAsync();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
