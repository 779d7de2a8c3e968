"use strict";
/**
 * Logs as AWS writes them: console methods in text or JSON, one LOG frame a message, and whatever
 * user code writes to process.stdout or process.stderr as it is.
 */
const { Writable } = require("node:stream");
const { format } = require("node:util");
const { intoError, toLogText } = require("./errors.cjs");
const { stringify } = JSON;

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** Of the call that runs now; AWS prints `undefined` during initialisation. */
let requestId;

function setRequestId(id) {
  requestId = id;
}

/**
 * Replaces the console's methods and the standard streams.
 * @param write takes text for the log
 * @returns logError(message, error); it writes an ERROR line even when user code replaced console
 */
function install({ write, json, leastLevel }) {
  replaceStreams(write);
  const least = Math.max(0, LEVELS.indexOf(String(leastLevel).toUpperCase()));
  const line = json ? jsonLine : textLine;
  const at = (level) =>
    LEVELS.indexOf(level) < least
      ? () => {}
      : (message, ...parameters) => write(line(level, message, parameters));
  console.trace = at("TRACE");
  console.debug = at("DEBUG");
  console.info = at("INFO");
  console.log = console.info;
  console.warn = at("WARN");
  console.error = at("ERROR");
  console.fatal = at("FATAL");
  const error = console.error;
  if (json) return (_message, thrown) => error(intoError(thrown));
  return (message, thrown) => error(message, toLogText(thrown));
}

function textLine(level, message, parameters) {
  return `${new Date().toISOString()}\t${requestId}\t${level}\t${format(message, ...parameters)}\n`;
}

function jsonLine(level, message, parameters) {
  const line = { timestamp: new Date().toISOString(), level, requestId };
  if (parameters.length === 0) {
    line.message = message;
    try {
      return `${stringify(line, errorReplacer)}\n`;
    } catch {
      line.message = format(message);
      return `${stringify(line)}\n`;
    }
  }
  line.message = format(message, ...parameters);
  const error = parameters.find((parameter) => parameter instanceof Error);
  if (error) Object.assign(line, errorFields(error));
  return `${stringify(line)}\n`;
}

function errorReplacer(_key, value) {
  return value instanceof Error ? { ...errorFields(value), ...value } : value;
}

function errorFields(error) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  };
}

/** Streams are made when first asked for: few functions touch them. */
function replaceStreams(write) {
  for (const [name, descriptor] of [
    ["stdout", 1],
    ["stderr", 2],
  ]) {
    let stream;
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get() {
        stream ??= logStream(write, descriptor);
        return stream;
      },
    });
  }
}

function logStream(write, descriptor) {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      write(chunk);
      done();
    },
  });
  // Ending standard output, as some loggers do, must not silence later calls.
  stream.end = (chunk) => (chunk === undefined ? stream : stream.write(chunk) && stream);
  stream.destroy = () => stream;
  stream.fd = descriptor;
  stream.isTTY = false;
  return stream;
}

module.exports = { install, setRequestId };
