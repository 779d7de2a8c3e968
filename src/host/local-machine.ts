import type { Server } from "node:net";
import { assert, type Clock, messageOf, PlatformError, type SecureRandom } from "../base/mod.ts";
import { type CodeStore, placeTree } from "../code/mod.ts";
import {
  type FunctionVersion,
  familyOf,
  limits,
  type Owner,
  type RuntimeName,
} from "../model/mod.ts";
import type { RuntimeImage, Sandbox, SandboxDriver } from "../sandbox/mod.ts";
import type { Machine } from "./acquire.ts";
import type { BootKey } from "./boot-key.ts";
import type { RuntimeChannel } from "./channel.ts";
import { Environment, sandboxLimits } from "./environment.ts";
import { openFrameChannel } from "./frame-channel.ts";
import { type CredentialSource, initialiseRequest } from "./function-environment.ts";
import { HostInstance } from "./instance.ts";
import { parseNodeOptions } from "./node-options.ts";
import { openRuntimeApi } from "./runtime-api.ts";

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
    const image = withStartVariables(await findImage(key.runtime), key);
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
      const [endpoint, { channel, runtimeApi }] = await Promise.all([
        listenInside(sandbox, ENDPOINT_PORT),
        this.#openChannel(sandbox, key, onMessage, signal),
      ]);
      environment = new Environment(id, instance, key, sandbox, channel, clock);
      this.#surroundings.set(environment, {
        endpoint,
        endpointUrl: `http://127.0.0.1:${portOf(endpoint)}`,
        runtimeApi,
        imageEnvironment: image.environment,
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

  async load(environment: Environment, version: FunctionVersion): Promise<void> {
    const { code, credentials, region, clock } = this.#options;
    const { sandbox } = environment;
    const surroundings = this.#surroundings.get(environment);
    assert(surroundings, "every environment of this machine was booted by it");
    const tree = await code.tree(version.owner, version.code.sha256);
    const placed = placeTree(tree, sandbox.taskDirectory);
    if (placed !== undefined) await placed;
    const origin = { owner: version.owner, environmentId: environment.id };
    const serving = this.#options.serveSandbox(surroundings.endpoint, origin);
    void sandbox.exited.then(() => serving[Symbol.dispose]());
    const request = initialiseRequest(version, {
      ...surroundings,
      environmentId: environment.id,
      region,
      credentials: credentials(version.owner, version.name),
      nowMs: clock.now(),
    });
    environment.assign(version, request);
  }

  get #isolates(): boolean {
    return this.#options.driver.capabilities.isolation !== "none";
  }

  /** Meets the runtime: over frames, or over the Runtime API when the function brings its own. */
  async #openChannel(
    sandbox: Sandbox,
    key: BootKey,
    onLog: (chunk: Buffer) => void,
    signal: AbortSignal,
  ): Promise<{ channel: RuntimeChannel; runtimeApi: string }> {
    if (familyOf(key.runtime) !== "provided") {
      const socket = await sandbox.connect(signal);
      const channel = await openFrameChannel(socket, { onLog, signal });
      return { channel, runtimeApi: `127.0.0.1:${RUNTIME_API_PORT}` };
    }
    const [launcher, server] = await Promise.all([
      sandbox.connect(signal),
      listenInside(sandbox, RUNTIME_API_PORT),
    ]);
    const { exited } = sandbox;
    const { clock } = this.#options;
    const channel = await openRuntimeApi({ launcher, server, clock, exited, signal });
    return { channel, runtimeApi: `127.0.0.1:${portOf(server)}` };
  }
}

/** What an environment finds around it beside its code. */
interface Surroundings {
  readonly endpoint: Server;
  readonly endpointUrl: string;
  readonly runtimeApi: string;
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
