"use strict";
/**
 * Goes once through what a first call needs, while the runtime waits and nobody counts the time:
 * module loaders, the path from frame to answer, log lines. Leaves no trace in the process.
 */
const path = require("node:path");
const { format } = require("node:util");
const { pathToFileURL } = require("node:url");
const { toLogText, toResponseText } = require("./errors.cjs");
const { loadHandler } = require("./handler.cjs");
const { Invoker } = require("./invoke.cjs");
const { setRequestId } = require("./logging.cjs");

const stage = path.join(__dirname, "rehearsal");
/** A runtime that waits this long is in a pool, and not on some call's way. */
const TYPESCRIPT_DELAY_MS = 200;

async function rehearse(callbackStyle) {
  const previous = process.env._X_AMZN_TRACE_ID;
  await loadHandler(stage, "commonjs.handler");
  const handler = await loadHandler(stage, "module.handler");
  await runOnce(handler, callbackStyle);
  toLogText(new Error(format("%s", toResponseText(new Error("rehearsal")))));
  setRequestId(undefined);
  if (previous === undefined) delete process.env._X_AMZN_TRACE_ID;
}

function runOnce(handler, callbackStyle) {
  return new Promise((resolve) => {
    const channel = { keepAlive() {}, send() {}, sendLater: resolve };
    const init = { functionName: "", functionVersion: "", memoryMiB: 128 };
    const invoker = new Invoker({ channel, handler, init, callbackStyle, logError() {} });
    const header = Buffer.from(JSON.stringify({ requestId: "", traceId: "", timeoutMs: 1000 }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(header.length);
    const frame = Buffer.concat([length, header, Buffer.from("{}")]);
    invoker.invoke(frame, 0, frame.length);
  });
}

/**
 * Loads Node's type stripper (25 ms, 17 MB) when the runtime has nothing else to do.
 * @returns a function that calls it off
 */
function rehearseTypeScript() {
  const file = pathToFileURL(path.join(stage, "typed.mts")).href;
  const timer = setTimeout(() => import(file).catch(() => {}), TYPESCRIPT_DELAY_MS);
  timer.unref();
  return () => clearTimeout(timer);
}

module.exports = { rehearse, rehearseTypeScript };
