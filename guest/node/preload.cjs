"use strict";
/**
 * The modules that the function's NODE_OPTIONS name: Node itself would have looked for them when
 * this process was started, before the function's code was there.
 */
const path = require("node:path");
const { createRequire } = require("node:module");
const { pathToFileURL } = require("node:url");

/** Set by the host at boot: [{kind: "require" | "import", name}]. */
const modules = JSON.parse(process.env.HEARTH_PRELOADS ?? "[]");

/** Loads them in order, with names that are relative to `root` as they are to Node's directory. */
async function preload(root) {
  const require = createRequire(path.join(root, "[preload]"));
  for (const { kind, name } of modules) {
    if (kind === "require") require(name);
    else await import(urlOf(name, require));
  }
}

/** import() would look beside this file, not in the function. */
function urlOf(name, require) {
  if (URL.canParse(name)) return name;
  return pathToFileURL(require.resolve(name)).href;
}

module.exports = { preload };
