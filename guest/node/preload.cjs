"use strict";
/**
 * The modules that the function's NODE_OPTIONS name: Node itself would have looked for them when
 * this process was started, before the function's code was there.
 */
const path = require("node:path");
const { createRequire } = require("node:module");
const { Script, constants } = require("node:vm");

/** Set by the host at boot: [{kind: "require" | "import", name}]. */
const modules = JSON.parse(process.env.HEARTH_PRELOADS ?? "[]");

/** Loads them in order, with names that are relative to `root` as they are to Node's directory. */
async function preload(root) {
  const filename = path.join(root, "[preload]");
  for (const { kind, name } of modules) {
    if (kind === "require") createRequire(filename)(name);
    else await importFrom(filename, name);
  }
}

/** A script's own name, not this file's, is where its import() starts to look. */
function importFrom(filename, name) {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const script = new Script("(name) => import(name)", { filename, importModuleDynamically });
  return script.runInThisContext()(name);
}

module.exports = { preload };
