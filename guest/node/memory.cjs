"use strict";
/** Keeps V8's heap within the function's memory, of which V8 itself knows nothing. */
const v8 = require("node:v8");
const { runInNewContext } = require("node:vm");

const MIB = 1024 * 1024;
/** From here on V8's own policy has room enough. */
const SMALL_MIB_MAX = 2048;
/** Garbage may amount to this share of what is alive before V8 collects; its own choice is 300. */
const GARBAGE_PERCENT = 50;
/** Buffers that may gather before a collection between calls, as a share of the memory. */
const BUFFERS_SHARE = 1 / 4;

const { getHeapStatistics } = v8;
/** In bytes: what may gather from one collection to the next, and where the next is due. */
let room = Number.POSITIVE_INFINITY;
let buffersMax = Number.POSITIVE_INFINITY;
let collect;

/** Sets what V8 still obeys in a process that runs. */
function fitHeap(memoryMiB) {
  if (memoryMiB > SMALL_MIB_MAX) return;
  v8.setFlagsFromString(`--heap-growing-percent=${GARBAGE_PERCENT}`);
  // A collection gives the memory of dead buffers back before it ends, not some time after.
  v8.setFlagsFromString("--no-concurrent-array-buffer-sweeping");
  room = memoryMiB * MIB * BUFFERS_SHARE;
  buffersMax = getHeapStatistics().external_memory + room;
}

/**
 * Called between calls. A call's large buffers are dead when it has ended, but V8 would let them lie
 * while the next call fills as many new ones.
 */
function dropBuffers() {
  if (getHeapStatistics().external_memory < buffersMax) return;
  collect ??= exposeCollector();
  collect();
  buffersMax = getHeapStatistics().external_memory + room;
}

function exposeCollector() {
  v8.setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

module.exports = { dropBuffers, fitHeap };
