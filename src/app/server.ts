import {
  createAdminApi,
  createDebugUpgrade,
  createHttpServer,
  createLambdaApi,
  createLogsApi,
  createMonitoringApi,
  createStsApi,
  createUrlApi,
  type HttpEdge,
} from "../api/mod.ts";
import { type Log, Metrics, secureRandom, systemClock } from "../base/mod.ts";
import { DurableExecutions } from "../durable/mod.ts";
import { EventDispatcher, serverEventMetrics } from "../event/mod.ts";
import { ConcurrencyLimiter, Provisioner } from "../fleet/mod.ts";
import { Host, LocalMachine, runtimeImage } from "../host/mod.ts";
import { type Invoker, Spine } from "../invoke/mod.ts";
import { FunctionMetrics, LogStore, MetricStore } from "../monitoring/mod.ts";
import type { SandboxDriver } from "../sandbox/mod.ts";
import type { ServerConfig } from "./config.ts";
import { codeLocation, functionCredentials } from "./credentials.ts";
import { type DataPaths, dataPaths, takeDataDirectory, writeDurably } from "./data-directory.ts";
import { probeHost } from "./host-probe.ts";
import { hostArchitecture, openDriver } from "./isolation.ts";
import { openSidecars, type Sidecars } from "./sidecars.ts";
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
  const logs = opened.use(openLogs(parts));
  const figures = opened.use(new MetricStore({ table: state.table, clock: systemClock, log }));
  const functionMetrics = new FunctionMetrics(figures);
  const sandboxes: Pick<HttpEdge, "serve"> = {
    serve: (server, origin) => edge.serve(server, origin),
  };
  const sidecars = opened.use(await openSidecars(parts, driver));
  const host = opened.use(openHost(parts, driver, { logs, sidecars, sandboxes }));
  const limiter = new ConcurrencyLimiter();
  const spine = new Spine({
    ...{ resolver: state.registry, limiter, recursion: state.settings, host, clock: systemClock },
    metrics: functionMetrics,
  });
  const events = opened.use(openEvents(parts, spine));
  await events.load();
  const durable = opened.use(openDurable(parts, spine));
  const provisioner = openProvisioner(parts, host);
  const edge = opened.use(
    createEdge(parts, {
      ...{ invoker: spine, events, durable, provisioner, host, logs, sidecars },
      ...{ figures, functionMetrics },
    }),
  );
  retireOutdated(state, host, events);
  state.registry.onChange((owner, name, kind) => {
    if (kind === "deleted") void durable.forget(owner, name);
    if (kind === "deleted") functionMetrics.forget(owner, name);
  });
  tellOfUntrusted(parts);
  const { port } = await edge.listen({ host: config.host, port: config.port });
  const url = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  await writeDurably(paths.server, JSON.stringify({ url, pid: process.pid }));
  host.start();
  await provisioner.open();
  events.start();
  void durable.open();
  log.info("server.ready", { url, isolation: config.isolation });
  return runningServer(url, config.isolation, { edge, events }, opened.move());
}

function openLogs({ paths, log, state }: Parts): LogStore {
  return new LogStore({
    ...{ directory: paths.logs, table: state.table, log },
    ...{ clock: systemClock, random: secureRandom },
    groupOf: async (owner, name) => {
      const { version } = await state.registry.resolve(owner, name, undefined);
      return version.configuration.logging.group;
    },
  });
}

/** What the host stands on beside a driver. */
interface HostParts {
  readonly logs: LogStore;
  readonly sidecars: Sidecars;
  readonly sandboxes: Pick<HttpEdge, "serve">;
}

function openHost(
  { config, paths, log, metrics, state }: Parts,
  driver: SandboxDriver,
  { logs, sidecars, sandboxes }: HostParts,
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
    sidecars: sidecars.manager,
    log,
    metrics,
    clock: systemClock,
    environmentAgeMsMax: ENVIRONMENT_AGE_MS_MAX,
  });
}

function openEvents({ config, log, metrics, state }: Parts, invoker: Invoker): EventDispatcher {
  const dispatcher = new EventDispatcher({
    ...{ invoker, log, region: config.region, clock: systemClock, random: secureRandom },
    ...{ table: state.table, resolver: state.registry, configs: state.eventConfigs },
    metrics: serverEventMetrics(metrics),
  });
  const help = "Events that wait or run";
  metrics.gauge("hearth_async_events_queued", help, () => dispatcher.size);
  return dispatcher;
}

/** What durable functions do; it goes on from one start of the server to the next. */
function openDurable({ config, log, state }: Parts, invoker: Invoker): DurableExecutions {
  return new DurableExecutions({
    ...{ table: state.table, invoker, resolver: state.registry, region: config.region },
    ...{ clock: systemClock, random: secureRandom, log },
  });
}

/** Keeps what is provisioned ready, whatever becomes of the functions. */
function openProvisioner({ state, log }: Parts, host: Host): Provisioner {
  const { provisioned, parts } = state.registry;
  const provisioner = new Provisioner(provisioned, host, log);
  parts.resolver.onForget((owner, name) => provisioner.changed(owner, name));
  return provisioner;
}

/** What the protocols stand on. */
interface EdgeParts {
  readonly invoker: Invoker;
  readonly events: EventDispatcher;
  readonly durable: DurableExecutions;
  readonly provisioner: Provisioner;
  readonly host: Host;
  readonly logs: LogStore;
  readonly sidecars: Sidecars;
  readonly figures: MetricStore;
  readonly functionMetrics: FunctionMetrics;
}

function createEdge({ config, log, metrics, state }: Parts, edgeParts: EdgeParts): HttpEdge {
  const { invoker, events, durable, provisioner, host, logs, sidecars } = edgeParts;
  const { registry, accounts, code } = state;
  const lambda = createLambdaApi({
    registry,
    policies: state.policies,
    urls: state.urls,
    settings: state.settings,
    capacityProviders: state.capacityProviders,
    invoker,
    provisioner,
    events,
    durable,
    eventConfigs: state.eventConfigs,
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
    functionMetrics: edgeParts.functionMetrics,
    signingProfiles: registry.codeSigning.profiles,
    code: (owner, hex) => code.zip(owner, Buffer.from(hex, "hex").toString("base64")),
    sidecars: { registry: state.sidecars, ...sidecars },
    findings: async () => (await probeHost()).findings,
  });
  const open = createUrlApi({
    urls: state.urls,
    policies: state.policies,
    invoker,
    region: config.region,
    clock: systemClock,
    random: secureRandom,
    log,
    metrics: edgeParts.functionMetrics,
  });
  return createHttpServer({
    services: {
      ...{ lambda, sts: createStsApi(), hearth: admin },
      logs: createLogsApi({ logs, region: config.region }),
      monitoring: createMonitoringApi({ metrics: edgeParts.figures, clock: systemClock }),
    },
    admin,
    open,
    upgrade: createDebugUpgrade(sidecars.debug),
    accounts,
    clock: systemClock,
    random: secureRandom,
    log,
    metrics,
  });
}

/** New code or configuration is what the next call runs; a deleted function runs no more. */
function retireOutdated({ registry }: State, host: Host, events: EventDispatcher): void {
  registry.onChange((owner, name, kind) => {
    const isOutdated = kind === "deleted" ? () => true : isLatest;
    host.retire(owner, name, isOutdated);
    if (kind === "deleted") events.forget(owner, name);
  });
}

/** Code that its function's code signing configuration lets in with a warning. */
function tellOfUntrusted({ state, log, metrics }: Parts): void {
  const help = "Packages deployed though no allowed signing profile vouches for them";
  const count = metrics.counter("hearth_signature_validation_errors", help);
  state.registry.codeSigning.onUntrusted((untrusted) => {
    count.add();
    log.warn("code.untrusted", { ...untrusted });
  });
}

function isLatest({ version }: { readonly version: string }): boolean {
  return version === "$LATEST";
}

function runningServer(
  url: string,
  isolation: string,
  { edge, events }: { readonly edge: HttpEdge; readonly events: EventDispatcher },
  opened: AsyncDisposableStack,
): RunningServer {
  return {
    url,
    isolation,
    async stop(deadlineMs) {
      await Promise.all([edge.close(deadlineMs), events.drain(deadlineMs)]);
      await opened.disposeAsync();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
