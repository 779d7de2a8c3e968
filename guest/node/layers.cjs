"use strict";
/**
 * Packages of layers for ES modules: Node's `import` does not look at NODE_PATH, Lambda's does.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-layers.html
 */
const { statSync } = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const optRoot = process.env.HEARTH_OPT_ROOT ?? "/opt";

/** Does nothing for a function whose layers have nothing for Node. */
function importFromLayers() {
  const folder = path.join(optRoot, "nodejs");
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return;
  const [major] = process.versions.node.split(".");
  // As from a file there: node_modules of this very version first, then those for all versions.
  const parentURL = pathToFileURL(path.join(folder, `node${major}`, "importer.mjs")).href;
  Module.registerHooks?.({
    resolve(specifier, context, nextResolve) {
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if (error?.code !== "ERR_MODULE_NOT_FOUND" || /^[./]|^\w+:/.test(specifier)) throw error;
        return fromLayers(specifier, context, nextResolve) ?? fail(error);
      }
    },
  });

  function fromLayers(specifier, context, nextResolve) {
    try {
      return nextResolve(specifier, { ...context, parentURL });
    } catch {
      return undefined;
    }
  }
}

/** What the importer itself could not find is what its user is told. */
function fail(error) {
  throw error;
}

module.exports = { importFromLayers };
