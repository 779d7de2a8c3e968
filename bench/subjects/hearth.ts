import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  CreateFunctionCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import { ZipFile } from "yazl";
import { signRequest } from "../../src/api/http/sign.ts";
import { adminJson } from "../../src/cli/admin.ts";
import { type Connection, connectionIn } from "../../src/cli/connection.ts";
import { handlerFile } from "../calls.ts";
import type { SdkTarget } from "../client/job.ts";
import { ServerProcess } from "../processes.ts";
import { postRequest, type Subject, type SubjectKind } from "../subject.ts";

const mainFile = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface HearthOptions {
  readonly name: string;
  /** Further words for `hearth up`. */
  readonly words?: readonly string[];
  /** What must be there before the next new function is called. */
  readonly settledWhen?: (state: HearthState) => boolean;
  /** Where the server writes a CPU profile when it ends. */
  readonly profileDirectory?: string | undefined;
}

/** What the admin API says of a server. */
export interface HearthState {
  readonly pools: readonly { target: number; ready: number; booting: number }[];
  readonly environments: readonly {
    state: string;
    instanceId: string;
    memoryMiB: number;
    owner?: string;
  }[];
}

export const RUNTIME = "nodejs24.x";
const FUNCTIONS_AT_ONCE = 16;
const SETTLED_MS_MAX = 60_000;
const POLL_MS = 5;
const ACTIVE_SECONDS_MAX = 60;

/** Every runtime that should wait for its first owner does. */
export function poolIsFull({ pools }: HearthState): boolean {
  return pools.every(({ target, ready, booting }) => ready >= target && booting === 0);
}

/** The next call is its owner's very first: nobody has an instance. */
export function ownersAreGone(state: HearthState): boolean {
  return poolIsFull(state) && state.environments.every(({ owner }) => owner === undefined);
}

/** A `hearth up` of its own on a free port, with its own data directory and default isolation. */
export function hearth(options: HearthOptions): SubjectKind {
  return {
    name: options.name,
    async start(functionNames) {
      const data = await mkdtemp(join(tmpdir(), "hearth-bench-"));
      try {
        const server = await HearthServer.start(options, data);
        await using undo = new AsyncDisposableStack();
        undo.use(server);
        await server.create(functionNames);
        await server.settled();
        undo.move();
        return server;
      } catch (error) {
        await rm(data, { recursive: true, force: true });
        throw error;
      }
    },
  };
}

/** One server; its data directory goes with it. */
export class HearthServer implements Subject {
  readonly name: string;
  readonly host: string = "127.0.0.1";
  readonly port: number;
  readonly pid: number;
  readonly readyInMs: number;
  readonly #options: HearthOptions;
  readonly #process: ServerProcess;
  readonly #connection: Connection;
  readonly #dataDirectory: string;

  private constructor(
    options: HearthOptions,
    process: ServerProcess,
    connection: Connection,
    dataDirectory: string,
  ) {
    this.name = options.name;
    this.#options = options;
    this.#process = process;
    this.#connection = connection;
    this.#dataDirectory = dataDirectory;
    this.port = Number(new URL(connection.endpoint).port);
    this.pid = process.pid;
    this.readyInMs = process.readyInMs;
  }

  static async start(options: HearthOptions, dataDirectory: string): Promise<HearthServer> {
    const { profileDirectory, words = [] } = options;
    const server = await ServerProcess.start({
      program: process.execPath,
      words: [
        "--disable-warning=ExperimentalWarning",
        ...(profileDirectory === undefined
          ? []
          : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`]),
        mainFile,
        "up",
        "--port",
        "0",
        "--data",
        dataDirectory,
        ...words,
      ],
      ready: /hearth ready (http:\/\/\S+)/,
    });
    const connection = await connectionIn(dataDirectory);
    return new HearthServer(options, server, connection, dataDirectory);
  }

  /** Registers functions with a module of the bench through the AWS SDK, until all are Active. */
  async create(functionNames: readonly string[], file: string = handlerFile): Promise<void> {
    const { endpoint, region, ...credentials } = this.#connection;
    const client = new LambdaClient({ endpoint, region, credentials });
    const zip = await zipOf(file);
    const waiting = [...functionNames];
    const worker = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        await createFunction(client, name, zip);
      }
    };
    try {
      await Promise.all(Array.from({ length: FUNCTIONS_AT_ONCE }, worker));
    } finally {
      client.destroy();
    }
  }

  request(functionName: string, payload: Buffer): Buffer {
    const path = `/2015-03-31/functions/${functionName}/invocations`;
    const headers = signRequest({
      method: "POST",
      url: new URL(path, this.#connection.endpoint),
      headers: { "content-type": "application/json" },
      body: payload,
      credentials: this.#connection,
      region: this.#connection.region,
      service: "lambda",
      timeMs: Date.now(),
    });
    return postRequest(path, headers, payload);
  }

  sdkTarget(functionName: string): SdkTarget {
    const { region, accessKeyId, secretAccessKey } = this.#connection;
    return { functionName, region, accessKeyId, secretAccessKey };
  }

  /** @throws Error when the server does not get there in time */
  async settled(): Promise<void> {
    const { settledWhen = poolIsFull } = this.#options;
    for (const deadline = performance.now() + SETTLED_MS_MAX; ; await sleep(POLL_MS)) {
      const state = await this.#state();
      if (settledWhen(state)) return;
      if (performance.now() > deadline) {
        throw new Error(`${this.name} did not settle: ${JSON.stringify(state)}`);
      }
    }
  }

  /** Stops the server and starts another on the same data. */
  async restart(): Promise<HearthServer> {
    await this.#process[Symbol.asyncDispose]();
    return await HearthServer.start(this.#options, this.#dataDirectory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await rm(this.#dataDirectory, { recursive: true, force: true });
  }

  async #state(): Promise<HearthState> {
    const get = (path: string): Promise<unknown> =>
      adminJson(this.#connection, { method: "GET", path: `/_hearth/${path}` });
    const [pools, environments] = await Promise.all([get("pools"), get("environments")]);
    return { ...(pools as HearthState), ...(environments as HearthState) };
  }
}

async function createFunction(client: LambdaClient, name: string, zip: Buffer): Promise<void> {
  const created = await client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: RUNTIME,
      Handler: "handler.handler",
      Role: "arn:aws:iam::000000000000:role/bench",
      Code: { ZipFile: zip },
      Timeout: 60,
    }),
  );
  if (created.State === "Active") return;
  await waitUntilFunctionActiveV2(
    { client, maxWaitTime: ACTIVE_SECONDS_MAX, minDelay: 1, maxDelay: 1 },
    { FunctionName: name },
  );
}

async function zipOf(file: string): Promise<Buffer> {
  const zip = new ZipFile();
  zip.addBuffer(await readFile(file), "handler.mjs");
  zip.end();
  return await buffer(zip.outputStream);
}
