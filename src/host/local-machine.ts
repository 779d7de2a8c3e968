import type { Server } from "node:net";
import { assert, type Clock, messageOf, PlatformError, type SecureRandom } from "../base/mod.ts";
import { type CodeStore, placeTree, placeTrees } from "../code/mod.ts";
import {
  type FunctionVersion,
  familyOf,
  type LayerReference,
  limits,
  type Owner,
  type RuntimeName,
} from "../model/mod.ts";
import type { RuntimeImage, Sandbox, SandboxDriver } from "../sandbox/mod.ts";
import type { Machine } from "./acquire.ts";
import { type BootKey, wrapperOf } from "./boot-key.ts";
import type { RuntimeChannel } from "./channel.ts";
import { Environment, sandboxLimits } from "./environment.ts";
import { welcomeInternal } from "./extensions/internal.ts";
import { LocalCompanions } from "./extensions/local-companions.ts";
import {
  extensionEnvironment,
  extensionPaths,
  pathInside,
  supervisedImage,
} from "./extensions/supervised.ts";
import { Supervisor } from "./extensions/supervisor.ts";
import { WrappedChannel } from "./extensions/wrapped-channel.ts";
import { openFrameChannel } from "./frame-channel.ts";
import {
  type CredentialSource,
  type InitialisationType,
  initialiseRequest,
} from "./function-environment.ts";
import { HostInstance } from "./instance.ts";
import { parseNodeOptions } from "./node-options.ts";
import { withRealPaths } from "./real-paths.ts";
import { openRuntimeApi } from "./runtime-api.ts";
import { SandboxApi } from "./sandbox-api.ts";

/** Port on which Hearth's own services answer inside every sandbox: the one they have outside. */
const ENDPOINT_PORT = 4566;
/** Port of the Runtime API inside a sandbox, as on Lambda. */
const RUNTIME_API_PORT = 9001;
/** Memory of an instance unless a function needs more; eight functions of the default size. */
const INSTANCE_MIB = 1024;
const ID_BYTES = 8;
const TASK_ROOT = "/var/task";
/** A runtime that is not ready by then is given up; ours. */
const BOOT_MS_MAX = 30_000;
/** What a runtime that does not start may say about it, in characters. */
const LAST_WORDS_MAX = 500;

export interface LocalMachineOptions {
  readonly driver: SandboxDriver;
  readonly code: CodeStore;
  readonly credentials: CredentialSource;
  readonly region: string;
  readonly network: boolean;
  /** Serves Hearth's own API on a socket inside the sandbox of one owner's environment. */
  serveSandbox(server: Server, origin: { owner: Owner; environmentId: string }): Disposable;
  /** The files of a runtime, installed on first use if need be. */
  image(runtime: RuntimeName): Promise<RuntimeImage>;
  readonly clock: Clock;
  readonly random: SecureRandom;
}

/** This machine's instances and runtimes, made by one sandbox driver. */
export class LocalMachine implements Machine {
  readonly #options: LocalMachineOptions;
  readonly #surroundings = new WeakMap<Environment, Surroundings>();

  constructor(options: LocalMachineOptions) {
    this.#options = options;
  }

  createInstance(): HostInstance {
    const id = this.#options.random.hex(ID_BYTES);
    const isolated = this.#options.driver.createInstance({ id });
    // Met by the first boot in it.
    isolated.catch(() => {});
    return new HostInstance(id, isolated, INSTANCE_MIB);
  }

  async boot(instance: HostInstance, key: BootKey): Promise<Environment> {
    const { image: findImage, network, clock, random } = this.#options;
    const plain = withStartVariables(await findImage(key.runtime), key);
    const image = key.isSupervised ? supervisedImage(plain) : plain;
    const isolated = await instance.isolated;
    const id = random.hex(ID_BYTES);
    let environment: Environment | undefined;
    let lastWords = "";
    const onOutput = (chunk: Buffer, isMessage = false): void => {
      if (environment !== undefined) environment.writeOutput(chunk, isMessage);
      else lastWords = (lastWords + chunk.toString()).slice(-LAST_WORDS_MAX);
    };
    const onMessage = (message: Buffer): void => onOutput(message, true);
    const sandbox = await isolated.boot({
      id,
      image,
      temporaryMiB: key.temporaryMiB,
      limits: sandboxLimits(limits.MEMORY_MIB_MIN),
      network,
      onOutput: (chunk) => onOutput(chunk),
    });
    try {
      const signal = AbortSignal.timeout(BOOT_MS_MAX);
      const listening = listenInside(sandbox, RUNTIME_API_PORT).then((server) => {
        const api = new SandboxApi(server);
        void sandbox.exited.then(() => api.close());
        return api;
      });
      const [endpoint, api, { channel, supervisor }] = await Promise.all([
        listenInside(sandbox, ENDPOINT_PORT),
        listening,
        this.#meet({ sandbox, key, listening, onLog: onMessage, signal }),
      ]);
      environment = new Environment(id, instance, key, sandbox, channel, clock);
      this.#surroundings.set(environment, {
        endpoint,
        endpointUrl: `http://127.0.0.1:${portOf(endpoint)}`,
        api,
        supervisor,
        imageEnvironment: this.#isolates
          ? plain.environment
          : withRealPaths(plain.environment, sandbox),
        taskRoot: this.#isolates ? TASK_ROOT : sandbox.taskDirectory,
      });
      return environment;
    } catch (error) {
      await sandbox.kill();
      throw new PlatformError(
        { kind: "unavailable", what: "runtime" },
        `Runtime ${key.runtime} did not start: ${messageOf(error)}${lastWords && `; it said: ${lastWords}`}`,
        { cause: error },
      );
    }
  }

  async load(
    environment: Environment,
    version: FunctionVersion,
    initialisation: InitialisationType,
  ): Promise<void> {
    const { code, credentials, region, clock } = this.#options;
    const { sandbox } = environment;
    const surroundings = this.#surroundings.get(environment);
    assert(surroundings, "every environment of this machine was booted by it");
    const tree = await code.tree(version.owner, version.code.sha256);
    const placed = placeTree(tree, sandbox.taskDirectory);
    if (placed !== undefined) await placed;
    const { layers } = version.configuration;
    if (layers.length > 0) await this.#placeLayers(layers, sandbox.optDirectory);
    const origin = { owner: version.owner, environmentId: environment.id };
    const serving = this.#options.serveSandbox(surroundings.endpoint, origin);
    void sandbox.exited.then(() => serving[Symbol.dispose]());
    const { api } = surroundings;
    const request = initialiseRequest(version, {
      ...surroundings,
      runtimeApi: api.address,
      environmentId: environment.id,
      region,
      initialisation,
      credentials: credentials(version.owner, version.name),
      nowMs: clock.now(),
    });
    await this.#attach(environment, version, surroundings, request.environment);
    environment.assign(version, request);
  }

  /** Sees to extensions: those of the function's layers, and whoever registers from inside. */
  async #attach(
    host: Environment,
    version: FunctionVersion,
    { api, supervisor }: Surroundings,
    variables: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { sandbox } = host;
    const { clock, random } = this.#options;
    const options = { host, version, sandbox, api, clock, random };
    if (supervisor === undefined) {
      welcomeInternal(api, host, () => host.join(new LocalCompanions(options)));
      return;
    }
    const paths = await extensionPaths(sandbox, this.#isolates);
    const environment = extensionEnvironment(variables);
    host.join(new LocalCompanions({ ...options, external: { supervisor, paths, environment } }));
  }

  async #placeLayers(layers: readonly LayerReference[], directory: string): Promise<void> {
    const { code } = this.#options;
    const trees = layers.map(({ owner, sha256 }) => code.tree(owner, sha256));
    await placeTrees(await Promise.all(trees), directory);
  }

  get #isolates(): boolean {
    return this.#options.driver.capabilities.isolation !== "none";
  }

  /** Meets what was booted: the runtime, or the supervisor that starts it. */
  async #meet(meeting: Meeting): Promise<{ channel: RuntimeChannel; supervisor?: Supervisor }> {
    const { sandbox, key, signal } = meeting;
    if (!key.isSupervised) return { channel: await this.#openChannel(meeting) };
    const { clock } = this.#options;
    const supervisor = await Supervisor.open(await sandbox.connect(signal), clock, signal);
    void sandbox.exited.then(() => supervisor.close());
    // Nobody listens where a runtime has ended, though its sandbox has not.
    const ended = new AbortController();
    void supervisor.runtime.exited.then(() => ended.abort(new Error("The runtime has ended")));
    const wrapper = wrapperOf(key.runtime, key.startVariables);
    if (wrapper === undefined) {
      supervisor.startRuntime();
      const either = AbortSignal.any([signal, ended.signal]);
      return { channel: await this.#openChannel({ ...meeting, signal: either }), supervisor };
    }
    // Before the wrapper runs: it is the user's, and so is all that it leaves at the path.
    supervisor.admit();
    const socket = await sandbox.connect(signal);
    const path = pathInside(wrapper, sandbox, this.#isolates);
    const channel = new WrappedChannel({
      ...{ socket, clock, api: await meeting.listening, onLog: meeting.onLog },
      exited: supervisor.runtime.exited,
      start: ({ environment }) =>
        supervisor.startRuntime(path, { ...environment, ...this.#wrappedVariables(sandbox) }),
    });
    return { channel, supervisor };
  }

  /** What a guest must know when it starts with its function's variables. */
  #wrappedVariables(sandbox: Sandbox): Readonly<Record<string, string>> {
    const keep = { HEARTH_KEEP_ENVIRONMENT: "1" };
    if (this.#isolates) return keep;
    return {
      ...keep,
      HEARTH_TASK_ROOT: sandbox.taskDirectory,
      HEARTH_OPT_ROOT: sandbox.optDirectory,
      HEARTH_RUN_DIRECTORY: sandbox.runDirectory,
    };
  }

  /** The runtime itself: over frames, or over HTTP when the function brings its own. */
  async #openChannel({ sandbox, key, listening, onLog, signal }: Meeting): Promise<RuntimeChannel> {
    const socket = await sandbox.connect(signal);
    if (familyOf(key.runtime) !== "provided") {
      return await openFrameChannel(socket, { onLog, signal });
    }
    const { exited } = sandbox;
    const { clock } = this.#options;
    return await openRuntimeApi({ launcher: socket, api: await listening, clock, exited, signal });
  }
}

/** What it takes to meet a runtime that boots. */
interface Meeting {
  readonly sandbox: Sandbox;
  readonly key: BootKey;
  readonly listening: Promise<SandboxApi>;
  onLog(chunk: Buffer): void;
  readonly signal: AbortSignal;
}

/** What an environment finds around it beside its code. */
interface Surroundings {
  readonly endpoint: Server;
  readonly endpointUrl: string;
  readonly api: SandboxApi;
  /** Present where the boot key asks for one. */
  readonly supervisor: Supervisor | undefined;
  readonly imageEnvironment: Readonly<Record<string, string>>;
  readonly taskRoot: string;
}

function withStartVariables(image: RuntimeImage, key: BootKey): RuntimeImage {
  const environment = { ...image.environment, ...key.startVariables };
  const { NODE_OPTIONS } = key.startVariables;
  if (NODE_OPTIONS !== undefined && familyOf(key.runtime) === "node") {
    const { atBoot, preloads } = parseNodeOptions(NODE_OPTIONS);
    // The guest sets the variable as it was given when it learns the function's environment.
    Object.assign(environment, {
      NODE_OPTIONS: atBoot,
      HEARTH_PRELOADS: JSON.stringify(preloads),
    });
  }
  return { ...image, environment };
}

/** A server in the sandbox's network that ends with the sandbox. */
async function listenInside(sandbox: Sandbox, port: number): Promise<Server> {
  const server = await sandbox.listen(port);
  void sandbox.exited.then(() => server.close());
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  assert(
    address !== null && typeof address === "object",
    "a server inside a sandbox listens on TCP",
  );
  return address.port;
}
