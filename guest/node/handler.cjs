"use strict";
/**
 * Finds the user's handler as AWS's Node runtime does.
 * Source: aws-lambda-nodejs-runtime-interface-client, UserFunction.js (22) and src/function (24).
 */
const { statSync } = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { runtimeError } = require("./errors.cjs");

/** After these, and only these, extensions a file is looked for; order as AWS's. */
const EXTENSIONS = ["", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"];

/**
 * Loads the module named by `handler` ("dir/module.export.nested") under `root`.
 * @throws errors named Runtime.MalformedHandlerName, Runtime.ImportModuleError,
 *   Runtime.UserCodeSyntaxError, Runtime.HandlerNotFound, or what the module itself threw
 */
async function loadHandler(root, handler) {
  const { folder, moduleName, exportPath } = parseName(handler);
  const module = await loadModule(root, folder, moduleName);
  const found = findExport(module, exportPath) ?? findExport(module?.default, exportPath);
  if (!found) {
    throw runtimeError("HandlerNotFound", `${handler} is undefined or not exported`);
  }
  if (typeof found !== "function") {
    throw runtimeError("HandlerNotFound", `${handler} is not a function`);
  }
  return found;
}

function parseName(handler) {
  if (handler.includes("..")) {
    throw runtimeError(
      "MalformedHandlerName",
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root ` +
        "directories in handler names.",
    );
  }
  const base = path.basename(handler);
  const dot = base.indexOf(".");
  if (dot < 0) throw runtimeError("MalformedHandlerName", "Bad handler");
  return {
    folder: handler.slice(0, handler.indexOf(base)),
    moduleName: base.slice(0, dot),
    exportPath: base.slice(dot + 1),
  };
}

async function loadModule(root, folder, moduleName) {
  try {
    const stem = path.resolve(root, folder, moduleName);
    for (const extension of EXTENSIONS) {
      const file = stem + extension;
      if (isFile(file)) return await loadFile(file);
    }
    return require(require.resolve(moduleName, { paths: [root, path.join(root, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      const syntaxError = runtimeError("UserCodeSyntaxError", String(error));
      syntaxError.stack = error.stack;
      throw syntaxError;
    }
    if (error?.code === "MODULE_NOT_FOUND") throw runtimeError("ImportModuleError", String(error));
    throw error;
  }
}

/** Modules of either kind go through require, which is quicker than import. */
async function loadFile(file) {
  try {
    return require(file);
  } catch (error) {
    // Only import can wait for a top-level await; nothing of the module has run yet.
    if (error?.code !== "ERR_REQUIRE_ASYNC_MODULE") throw error;
    return import(pathToFileURL(file).href);
  }
}

function isFile(file) {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function findExport(module, exportPath) {
  return exportPath.split(".").reduce((nested, key) => nested?.[key], module);
}

module.exports = { loadHandler };
