"use strict";
/** Keeps V8's heap within the function's memory, of which V8 itself knows nothing. */
const { setFlagsFromString } = require("node:v8");

/** From here on V8's own policy has room enough. */
const SMALL_MIB_MAX = 2048;
/** Garbage may amount to this share of what is alive before V8 collects; its own choice is 300. */
const GARBAGE_PERCENT = 50;

/** The one heap setting that V8 still obeys in a process that runs. */
function fitHeap(memoryMiB) {
  if (memoryMiB <= SMALL_MIB_MAX) setFlagsFromString(`--heap-growing-percent=${GARBAGE_PERCENT}`);
}

module.exports = { fitHeap };
