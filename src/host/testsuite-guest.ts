import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { isPlatformError, systemClock } from "../base/mod.ts";
import type { Outcome, RuntimeName } from "../model/mod.ts";
import type { RuntimeImage } from "../sandbox/mod.ts";
import type { InitialiseRequest, InitialiseResult, RuntimeCall } from "./channel.ts";
import { type FrameChannel, openFrameChannel } from "./frame-channel.ts";
import { runtimeImage } from "./images.ts";

/** Real guest processes for tests, without a sandbox around them. */

/** Kept between runs; Node 22 is not among the dependencies. */
const RUNTIMES_DIRECTORY: string = fileURLToPath(
  new URL("../../node_modules/.cache/hearth/runtimes", import.meta.url),
);
const POLL_MS = 1;

export interface GuestProcess {
  readonly image: RuntimeImage;
  readonly directory: string;
  readonly taskRoot: string;
  readonly socket: Socket;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  /** What came through standard output and error of the process itself. */
  output(): string;
}

/** The image of a runtime; undefined, and the test skipped, where this machine cannot have it. */
export async function imageOrSkip(
  t: TestContext,
  runtime: RuntimeName,
): Promise<RuntimeImage | undefined> {
  try {
    return await runtimeImage(runtime, { directory: RUNTIMES_DIRECTORY });
  } catch (error) {
    if (!isPlatformError(error, "unsupported")) throw error;
    t.skip(`${error.message}: ${error.detail.remedy}`);
    return undefined;
  }
}

/** Starts a runtime with `files` as its code; ended and removed after the test. */
export async function startGuest(
  t: TestContext,
  image: RuntimeImage,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<GuestProcess> {
  const directory = await mkdtemp(path.join(tmpdir(), "hearth-guest-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const taskRoot = path.join(directory, "task");
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(taskRoot, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content, { mode: 0o755 });
  }
  const [program = "", ...argv] = image.argv.map((part) => localPath(image, part));
  const child = spawn(program, argv, {
    env: {
      ...image.environment,
      HEARTH_RUN_DIRECTORY: directory,
      HEARTH_TASK_ROOT: taskRoot,
      HEARTH_OPT_ROOT: path.join(directory, "opt"),
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that its children end with it.
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const { promise: exited, resolve } = Promise.withResolvers<Awaited<GuestProcess["exited"]>>();
  child.on("close", (code, signal) => resolve({ code, signal }));
  t.after(async () => {
    killGroup(child.pid);
    await exited;
  });
  const ended = exited.then(() => Promise.reject(new Error(`Guest ended early: ${output}`)));
  const listening = connectWhenListening(path.join(directory, "guest.sock"));
  const socket = await Promise.race([listening, ended]);
  ended.catch(() => {});
  t.after(() => socket.destroy());
  return { image, directory, taskRoot, socket, exited, output: () => output };
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

/** Mounts are not there without a sandbox: a path inside becomes the path outside. */
function localPath(image: RuntimeImage, part: string): string {
  const mount = image.mounts.find(({ target }) => part === target || part.startsWith(`${target}/`));
  return mount ? mount.source + part.slice(mount.target.length) : part;
}

async function connectWhenListening(file: string): Promise<Socket> {
  const deadline = AbortSignal.timeout(10_000);
  while (true) {
    const socket = existsSync(file) ? await tryConnect(file) : undefined;
    if (socket) return socket;
    await systemClock.sleep(POLL_MS, deadline);
  }
}

function tryConnect(file: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", () => resolve(undefined));
  });
}

export interface RunOptions {
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly handler?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly logFormat?: "Text" | "JSON";
}

/** An initialised function of a built-in runtime. */
export interface RunningFunction {
  readonly guest: GuestProcess;
  readonly channel: FrameChannel;
  readonly initialised: InitialiseResult;
  call(event: unknown, options?: Partial<RuntimeCall>): Promise<Outcome>;
  /** What the function logged so far. */
  log(): string;
}

/** Boots a runtime and initialises it with a function. */
export async function runFunction(
  t: TestContext,
  image: RuntimeImage,
  options: RunOptions,
): Promise<RunningFunction> {
  const guest = await startGuest(t, image, options.files);
  const logged: Buffer[] = [];
  const onLog = (chunk: Buffer): void => void logged.push(Buffer.from(chunk));
  const channel = await openFrameChannel(guest.socket, { onLog });
  const initialised = await channel.initialise(initialiseRequest(image, options));
  return {
    guest,
    channel,
    initialised,
    call: (event, overrides) => channel.invoke(runtimeCall(event, overrides)),
    log: () => Buffer.concat(logged).toString(),
  };
}

export function initialiseRequest(
  image: RuntimeImage,
  options: Omit<RunOptions, "files"> = {},
): InitialiseRequest {
  return {
    handler: options.handler ?? "index.handler",
    environment: { ...image.environment, ...options.environment },
    functionName: "under-test",
    functionVersion: "$LATEST",
    memoryMiB: 256,
    logGroup: "/aws/lambda/under-test",
    logStream: "2026/01/01/[$LATEST]0123456789abcdef",
    logFormat: options.logFormat ?? "Text",
  };
}

export function runtimeCall(event: unknown, overrides: Partial<RuntimeCall> = {}): RuntimeCall {
  return {
    requestId: "8b6a2c4e-0000-4000-8000-000000000001",
    functionArn: "arn:aws:lambda:us-east-1:000000000000:function:under-test",
    traceId: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    timeoutMs: 3000,
    payload: Buffer.from(JSON.stringify(event) ?? ""),
    ...overrides,
  };
}

/** The payload of an outcome as a value. */
export function payloadOf(outcome: Outcome): unknown {
  return JSON.parse(outcome.payload.toString());
}
