"use strict";
/**
 * Finds the user's handler as AWS's Node runtime does.
 * Source: aws-lambda-nodejs-runtime-interface-client, UserFunction.js (22) and src/function (24).
 */
const { statSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { runtimeError } = require("./errors.cjs");
const { parse } = JSON;

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
      if (isFile(file)) return await loadFile(file, extension);
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

/** CommonJS goes through require, which is quicker than import and gives all named exports. */
async function loadFile(file, extension) {
  const isModule =
    extension === ".mjs" ||
    extension === ".mts" ||
    ((extension === ".js" || extension === ".ts") && isInModulePackage(path.dirname(file)));
  if (isModule) return import(pathToFileURL(file).href);
  try {
    return require(file);
  } catch (error) {
    // ES module syntax with top-level await in a file that is not marked as a module.
    if (error?.code !== "ERR_REQUIRE_ASYNC_MODULE") throw error;
    return import(pathToFileURL(file).href);
  }
}

/** Whether the nearest package.json says `"type": "module"`. */
function isInModulePackage(folder) {
  if (folder.endsWith("/node_modules")) return false;
  const text = readIfPresent(path.join(folder, "package.json"));
  if (text !== undefined) {
    try {
      return parse(text)?.type === "module";
    } catch {
      return false;
    }
  }
  return folder !== "/" && isInModulePackage(path.dirname(folder));
}

function readIfPresent(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function isFile(file) {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function findExport(module, exportPath) {
  return exportPath.split(".").reduce((nested, key) => nested?.[key], module);
}

module.exports = { loadHandler };
