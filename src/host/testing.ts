import { type Clock, deferred } from "../base/mod.ts";
import { type FunctionVersion, functionArn, type Outcome, ownerOf } from "../model/mod.ts";
import type { Instance, Sandbox, SandboxExit, SandboxUsage } from "../sandbox/mod.ts";
import type { Machine } from "./acquire.ts";
import type { BootKey } from "./boot-key.ts";
import type { InitialiseRequest, RuntimeCall, RuntimeChannel } from "./channel.ts";
import { Environment } from "./environment.ts";
import { HostInstance } from "./instance.ts";

/** A version for tests of this room; owner and name tell functions apart. */
export function testVersion(
  overrides: { owner?: string; name?: string; memorySizeMiB?: number; revision?: string } = {},
): FunctionVersion {
  const owner = ownerOf(overrides.owner ?? "000000000000");
  const name = overrides.name ?? "f";
  return {
    owner,
    name,
    version: "$LATEST",
    arn: functionArn("us-east-1", owner, name),
    configuration: {
      runtime: "nodejs24.x",
      handler: "index.handler",
      role: "arn:aws:iam::000000000000:role/r",
      description: "",
      memorySizeMiB: overrides.memorySizeMiB ?? 128,
      timeoutSeconds: 3,
      environment: {},
      ephemeralStorageMiB: 512,
      architecture: "x86_64",
      tracingMode: "PassThrough",
      layers: [],
      logging: { format: "Text", group: `/aws/lambda/${name}` },
      passthrough: {},
    },
    code: { sha256: "code", zipBytes: 1, unpackedBytes: 1 },
    revisionId: overrides.revision ?? "1",
    lastModified: "2026-01-01T00:00:00.000+0000",
    state: "Active",
    lastUpdateStatus: "Successful",
  };
}

const EXITED: SandboxExit = { code: null, signal: "SIGKILL", outOfMemory: false };

/** A sandbox in name only: remembers what it was told. */
export class ScriptedSandbox implements Sandbox {
  readonly id: string;
  readonly taskDirectory = "";
  readonly optDirectory = "";
  readonly runDirectory = "";
  readonly #exit = deferred<SandboxExit>();
  readonly exited: Promise<SandboxExit> = this.#exit.promise;
  isFrozen = false;
  isKilled = false;
  memoryMiB = 0;

  constructor(id: string) {
    this.id = id;
  }
  connect(): Promise<never> {
    throw new Error("A scripted sandbox has no socket");
  }
  listen(): Promise<never> {
    throw new Error("A scripted sandbox has no network");
  }
  dial(): Promise<never> {
    throw new Error("A scripted sandbox has no network");
  }
  limit(wanted: { memoryMiB: number }): void {
    this.memoryMiB = wanted.memoryMiB;
  }
  usage(): SandboxUsage {
    return { memoryPeakBytes: 0, memoryBytes: 0, cpuMs: 0 };
  }
  freeze(): void {
    this.isFrozen = true;
  }
  thaw(): void {
    this.isFrozen = false;
  }
  /** Ends as a process does: with code or signal of its own. */
  exit(exit: SandboxExit): void {
    this.isKilled = true;
    this.#exit.resolve(exit);
  }
  kill(): Promise<SandboxExit> {
    this.exit(EXITED);
    return this.exited;
  }
}

/** A runtime whose answers a test gives. */
export class ScriptedChannel implements RuntimeChannel {
  readonly calls: Array<{ call: RuntimeCall; answer(outcome: Outcome): void }> = [];
  #rejectAll: Array<(error: Error) => void> = [];
  isOpen = true;
  autoAnswer: Outcome | undefined = { status: "succeeded", payload: Buffer.from("null") };

  initialise(_request: InitialiseRequest): Promise<{ ok: true }> {
    return Promise.resolve({ ok: true });
  }
  invoke(call: RuntimeCall): Promise<Outcome> {
    call.onStarted?.();
    if (this.autoAnswer !== undefined) return Promise.resolve(this.autoAnswer);
    const answer = deferred<Outcome>();
    this.calls.push({ call, answer: answer.resolve });
    this.#rejectAll.push(answer.reject);
    return answer.promise;
  }
  abandon(): void {
    this.close();
  }
  close(): void {
    for (const reject of this.#rejectAll) reject(new Error("Channel closed"));
    this.#rejectAll = [];
  }
}

/** A machine whose boots end when the test says so, or at once. */
export class ScriptedMachine implements Machine {
  readonly boots: Array<{ instance: HostInstance; key: BootKey; finish(): void }> = [];
  readonly sandboxes: ScriptedSandbox[] = [];
  /** Of the environments in the order in which they were given to functions. */
  readonly channels: ScriptedChannel[] = [];
  readonly #channelOf = new Map<Environment, ScriptedChannel>();
  isManual = false;
  readonly #clock: Clock;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  createInstance(): HostInstance {
    const id = `instance-${++this.#count}`;
    const isolated: Instance = {
      id,
      boot: () => Promise.reject(new Error("A scripted instance boots nothing")),
      limit() {},
      async [Symbol.asyncDispose]() {},
    };
    return new HostInstance(id, Promise.resolve(isolated), 1024);
  }

  async boot(instance: HostInstance, key: BootKey): Promise<Environment> {
    const booted = deferred<void>();
    this.boots.push({ instance, key, finish: booted.resolve });
    if (this.isManual) await booted.promise;
    const sandbox = new ScriptedSandbox(`environment-${++this.#count}`);
    this.sandboxes.push(sandbox);
    const channel = new ScriptedChannel();
    const { id } = sandbox;
    const environment = new Environment(id, instance, key, sandbox, channel, this.#clock);
    this.#channelOf.set(environment, channel);
    return environment;
  }

  async load(environment: Environment, version: FunctionVersion): Promise<void> {
    this.channels.push(this.#channelOf.get(environment) as ScriptedChannel);
    environment.assign(version, {
      handler: version.configuration.handler,
      environment: {},
      functionName: version.name,
      functionVersion: version.version,
      memoryMiB: version.configuration.memorySizeMiB,
      logGroup: "",
      logStream: "",
      logFormat: "Text",
    });
  }
}
