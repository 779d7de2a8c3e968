"use strict";
/**
 * Keeps the processor profile that the function's runtime took of one call. It goes on as it comes:
 * the largest would not fit in twice.
 */
const NAME = "profile.cpuprofile";
const TYPE = "application/json";

const begun = new Set();

function evidence(_name, bytes, context) {
  begun.add(context);
  context.artifact(NAME, TYPE, bytes, { more: true });
}

function end(_result, context) {
  if (begun.delete(context)) context.artifact(NAME, TYPE, "");
  else context.warn("the runtime brought no profile: it ended before the call");
}

module.exports = { evidence, end };
