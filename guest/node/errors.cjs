"use strict";
/** Errors of user code as AWS's Node runtime reports them. */
const { isNativeError } = require("node:util").types;
const { stringify } = JSON;

/** The host takes errors of 1 MiB; a UTF-16 unit is at most three bytes. */
const ERROR_UNITS_MAX = 320 * 1024;
const ERROR_TYPE_UNITS_MAX = 1024;

/** An error of the runtime itself; its name is AWS's errorType. */
function runtimeError(type, message, options) {
  const error = new Error(message, options);
  Object.defineProperty(error, "name", { value: `Runtime.${type}`, configurable: true });
  // The stack was captured under the name "Error".
  error.stack = error.stack.replace(/^Error/, error.name);
  return error;
}

function isErrorLike(value) {
  return (
    isNativeError(value) ||
    value instanceof Error ||
    (typeof value?.name === "string" &&
      typeof value.message === "string" &&
      typeof value.stack === "string")
  );
}

/** {errorType, errorMessage, trace}: the payload of a failed call. Never throws. */
function toResponse(thrown) {
  try {
    if (isErrorLike(thrown)) {
      return {
        errorType: String(thrown.name),
        errorMessage: String(thrown.message),
        trace: typeof thrown.stack === "string" ? thrown.stack.split("\n") : [],
      };
    }
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving " +
        "one or more of its message, name, and stack",
      trace: [],
    };
  }
}

/** `toResponse` as JSON, cut short when the host, which parses it, would refuse its length. */
function toResponseText(thrown) {
  const response = toResponse(thrown);
  const text = stringify(response);
  if (text.length <= ERROR_UNITS_MAX) return text;
  const errorMessage = response.errorMessage.slice(0, ERROR_UNITS_MAX / 8);
  const errorType = response.errorType.slice(0, ERROR_TYPE_UNITS_MAX);
  return stringify({ errorType, errorMessage, trace: [] });
}

/** The line that AWS logs for an error: a tab and JSON with the error's own fields. Never throws. */
function toLogText(thrown) {
  const error = intoError(thrown);
  try {
    return `\t${stringify(error, (_key, value) => (value instanceof Error ? fieldsOf(value) : value))}`;
  } catch {
    return `\t${stringify(toResponse(error))}`;
  }
}

function intoError(thrown) {
  if (thrown instanceof Error) return thrown;
  try {
    return new Error(String(thrown));
  } catch {
    return new Error("Unprintable value thrown");
  }
}

function fieldsOf(error) {
  const fields = {
    errorType: error.name,
    errorMessage: error.message,
    code: error.code,
    ...error,
  };
  if (typeof error.stack === "string") fields.stack = error.stack.split("\n");
  return fields;
}

module.exports = { intoError, runtimeError, toLogText, toResponseText };
