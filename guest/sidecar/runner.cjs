"use strict";
/**
 * The program of every sidecar: it waits for the host, loads one module, and calls its hooks for
 * each call that the host attaches. A module exports any of
 *
 *   start(call, context)          before the function runs; throwing refuses the call
 *   started(facts, context)       the handler is about to run
 *   log(line, context)            a line that was logged: {timestamp, source, message}
 *   evidence(name, bytes, context)  a piece of what an instrument brings
 *   end(result, context)          the call is over; what it returns is waited for, 2 s at most
 */
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { FRAME, listen } = require("./channel.cjs");
const { Context } = require("./context.cjs");
const { LineCutter } = require("./lines.cjs");

const runDirectory = process.env.HEARTH_RUN_DIRECTORY ?? "/run/hearth";
const taskRoot = process.env.HEARTH_TASK_ROOT ?? "/var/task";

class Runner {
  #channel;
  #hooks = {};
  #calls = new Map();

  async begin(socketPath) {
    this.#channel = await listen(socketPath, (type, payload) => this.#receive(type, payload));
    this.#channel.send(FRAME.READY);
  }

  #receive(type, payload) {
    if (type === FRAME.LOAD) {
      void this.#load(JSON.parse(payload.toString()));
      return;
    }
    const number = payload.readUInt32BE(0);
    const rest = payload.subarray(4);
    if (type === FRAME.ATTACH) void this.#attach(number, JSON.parse(rest.toString()));
    else this.#receiveOfCall(type, number, rest);
  }

  #receiveOfCall(type, number, payload) {
    const call = this.#calls.get(number);
    if (call === undefined) return;
    if (type === FRAME.LOG) call.lines.take(payload);
    else if (type === FRAME.EVIDENCE) {
      const bytesFrom = 1 + payload[0];
      const name = payload.toString("latin1", 1, bytesFrom);
      this.#run("evidence", call, name, Buffer.from(payload.subarray(bytesFrom)));
    } else if (type === FRAME.STARTED) this.#run("started", call, JSON.parse(payload.toString()));
    else if (type === FRAME.DELIVERED) call.context.delivered(JSON.parse(payload.toString()));
    else if (type === FRAME.FROM_USER) this.#run("fromUser", call, Buffer.from(payload));
    else if (type === FRAME.FROM_FUNCTION) this.#run("fromFunction", call, Buffer.from(payload));
    else if (type === FRAME.END) void this.#end(number, call, JSON.parse(payload.toString()));
  }

  async #load({ library }) {
    try {
      this.#hooks =
        library === undefined
          ? await loadOwn()
          : require(path.join(__dirname, "library", `${library}.cjs`));
      this.#channel.send(FRAME.LOADED);
    } catch (error) {
      this.#channel.send(FRAME.LOAD_ERROR, undefined, textOf(error));
    }
  }

  async #attach(number, facts) {
    const context = new Context(this.#channel, number, facts);
    const lines = new LineCutter((line) => this.#run("log", call, line));
    const call = { context, lines };
    this.#calls.set(number, call);
    try {
      await this.#hooks.start?.(facts, context);
      this.#channel.send(FRAME.ATTACHED, number);
    } catch (error) {
      this.#calls.delete(number);
      this.#channel.send(FRAME.REFUSED, number, textOf(error));
    }
  }

  async #end(number, call, result) {
    call.lines.end();
    try {
      await this.#hooks.end?.(result, call.context);
    } catch (error) {
      call.context.warn(`end failed: ${textOf(error)}`);
    }
    this.#calls.delete(number);
    this.#channel.send(FRAME.FLUSHED, number);
  }

  /** A hook that fails costs its sidecar what it would have brought, nothing else. */
  #run(hook, call, ...values) {
    const failed = (error) => call.context.warn(`${hook} failed: ${textOf(error)}`);
    try {
      const result = this.#hooks[hook]?.(...values, call.context);
      if (typeof result?.then === "function") result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
}

/** The package's main module, whatever kind of module it is. */
async function loadOwn() {
  const file = require.resolve(taskRoot);
  const module = await import(pathToFileURL(file).href);
  return module.default === undefined ? module : { ...module, ...module.default };
}

function textOf(error) {
  return error instanceof Error ? error.message : String(error);
}

void new Runner().begin(path.join(runDirectory, "guest.sock"));
