"use strict";
/**
 * What waits in the warm pool for a Node function, and then is its runtime. Runs on every Node that
 * Hearth offers, without a build. See guest/README.md for the protocol.
 */
const Module = require("node:module");
const path = require("node:path");
const { FRAME, listen } = require("./channel.cjs");
const { runtimeError, toResponseText } = require("./errors.cjs");
const { loadHandler } = require("./handler.cjs");
const { Invoker } = require("./invoke.cjs");
const { importFromLayers } = require("./layers.cjs");
const logging = require("./logging.cjs");
const { fitHeap } = require("./memory.cjs");
const { preload } = require("./preload.cjs");
const { installGlobal } = require("./response-stream.cjs");
const { rehearse, rehearseTypeScript } = require("./rehearsal.cjs");

const { parse, stringify } = JSON;

const runDirectory = process.env.HEARTH_RUN_DIRECTORY ?? "/run/hearth";
const taskRoot = process.env.HEARTH_TASK_ROOT ?? "/var/task";
/** AWS removed callback handlers with Node 24. */
const callbackStyle = Number.parseInt(process.versions.node, 10) < 24;
const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;
/** What Node itself exits with when the main module's await never settles. */
const EXIT_UNSETTLED_AWAIT = 13;

class Runtime {
  #channel;
  #stopRehearsing;
  /** Undefined until the handler is loaded. */
  #invoker;
  #logError = () => {};
  /** INVOKE frames that came while the handler was loading. */
  #early = [];

  constructor(channel, stopRehearsing) {
    this.#channel = channel;
    this.#stopRehearsing = stopRehearsing;
    channel.start((type, bytes, start, end) => {
      if (type === FRAME.INIT) void this.#initialise(parse(bytes.utf8Slice(start, end)));
      else if (type === FRAME.CREDIT) this.#invoker?.credit(bytes.readUInt32BE(start));
      else if (type !== FRAME.INVOKE) throw new Error(`Unknown frame type ${type} from the host`);
      else if (this.#invoker) this.#invoker.invoke(bytes, start, end);
      else this.#early.push([bytes, start, end]);
    });
    channel.send(FRAME.READY, stringify({ runtimeVersion: process.version }));
  }

  async #initialise(request) {
    this.#stopRehearsing();
    fitHeap(request.memoryMiB);
    applyEnvironment(request.environment);
    this.#logError = logging.install({
      write: (text) => this.#channel.log(text),
      json: request.logFormat === "JSON",
      leastLevel: request.environment.AWS_LAMBDA_LOG_LEVEL ?? "TRACE",
    });
    this.#watchProcess();
    this.#channel.keepAlive(false);
    try {
      process.chdir(taskRoot);
      if (!/^(1|true)$/.test(request.environment.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA ?? "")) {
        installGlobal();
      }
      importFromLayers();
      await preload(taskRoot);
      const handler = await loadHandler(taskRoot, request.handler);
      // A rejection that the module left unhandled comes up now, and fails the initialisation.
      await new Promise(setImmediate);
      this.#begin(handler, request);
    } catch (error) {
      this.#logError(callbackStyle ? "Uncaught Exception" : "Init Error", error);
      this.#endInitialisation(error, EXIT_EXCEPTION);
    }
  }

  #begin(handler, init) {
    const channel = this.#channel;
    const logError = this.#logError;
    this.#invoker = new Invoker({ channel, handler, init, callbackStyle, logError });
    channel.keepAlive(true);
    channel.send(FRAME.INIT_DONE, "");
    for (const [bytes, start, end] of this.#early) this.#invoker.invoke(bytes, start, end);
    this.#early = [];
  }

  #endInitialisation(error, exitCode) {
    this.#channel.send(FRAME.INIT_ERROR, toResponseText(error));
    this.#channel.exitAfterHost(exitCode);
  }

  #watchProcess() {
    process.on("uncaughtException", (error) => {
      this.#logError("Uncaught Exception", error);
      this.#die(error, EXIT_EXCEPTION);
    });
    process.on("unhandledRejection", (reason) => {
      const error = runtimeError("UnhandledPromiseRejection", String(reason));
      error.reason = reason;
      this.#logError("Unhandled Promise Rejection", error);
      this.#die(error, EXIT_REJECTION);
    });
    process.on("beforeExit", () => {
      if (this.#invoker) this.#invoker.loopEmptied();
      else process.exit(EXIT_UNSETTLED_AWAIT);
    });
  }

  #die(error, exitCode) {
    if (!this.#invoker) {
      this.#endInitialisation(error, exitCode);
      return;
    }
    if (this.#invoker.busy) this.#invoker.abort(error);
    process.exit(exitCode);
  }
}

/**
 * Makes process.env exactly `variables`, and NODE_PATH count if it was not set at boot. A wrapper
 * had them already, and what it made of them stays.
 */
function applyEnvironment(variables) {
  if (process.env.HEARTH_KEEP_ENVIRONMENT !== undefined) {
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("HEARTH_") && !Object.hasOwn(variables, name)) delete process.env[name];
    }
    return;
  }
  const nodePath = process.env.NODE_PATH;
  for (const name of Object.keys(process.env)) {
    if (!Object.hasOwn(variables, name)) delete process.env[name];
  }
  for (const [name, value] of Object.entries(variables)) {
    if (process.env[name] !== value) process.env[name] = value;
  }
  if (process.env.NODE_PATH !== nodePath) Module._initPaths();
}

async function main() {
  const connected = listen(path.join(runDirectory, "guest.sock"));
  await rehearse(callbackStyle);
  new Runtime(await connected, rehearseTypeScript());
}

void main();
