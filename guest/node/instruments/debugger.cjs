"use strict";
/**
 * Lets a user's debugger drive this process during one call. The inspector is reached from a worker
 * thread, which goes on while the main thread stands at a breakpoint; it speaks to the host over a
 * connection of its own.
 */
const path = require("node:path");
const { Worker } = require("node:worker_threads");

/** States of the cell that both threads share. */
const WAITING = 0;
const OVER = 2;
/** How long the relay may take to let go of the inspector. */
const LEAVE_MS = 5000;
/** Where the relay finds the handler, to break at it. */
const HANDLER = Symbol.for("hearth.debugged");
/** In between the main thread does what the inspector asks of it. */
const SLICE_MS = 5;

function begin({ port, token, waitSeconds, breakOnStart }, _bring, handler) {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(path.join(__dirname, "debugger-relay.cjs"), {
    workerData: { port, token, cell, breakOnStart },
    execArgv: [],
  });
  worker.on("error", () => {});
  worker.unref();
  globalThis[HANDLER] = handler;
  waitWhile(cell, WAITING, waitSeconds * 1000);
  delete globalThis[HANDLER];
  return {
    end() {
      // A breakpoint that outlived its session would stop the next call for good.
      Atomics.store(cell, 0, OVER);
      worker.postMessage("end");
      waitWhile(cell, OVER, LEAVE_MS);
      void worker.terminate();
    },
  };
}

function waitWhile(cell, state, waitMs) {
  const until = Date.now() + waitMs;
  while (Atomics.load(cell, 0) === state && Date.now() < until) {
    Atomics.wait(cell, 0, state, SLICE_MS);
  }
}

module.exports = { begin };
