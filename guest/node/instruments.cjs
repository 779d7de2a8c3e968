"use strict";
/** What the runtime observes of itself for auxiliary functions, during one call. */
const { FRAME } = require("./channel.cjs");

const { concat, from } = Buffer;
/** Evidence goes out in pieces: the host takes no frame longer than the longest response. */
const PIECE_BYTES = 1024 * 1024;
const NAMES = ["profiler", "capture", "debugger"];
/** The host ends a runtime that brings more than 64 MiB for one call. */
const EVIDENCE_BYTES_MAX = 60 * 1024 * 1024;

/**
 * Begins each instrument; one that fails is left out, the call goes on.
 * @param wanted [{name, options}] of the INVOKE header
 * @returns end(), to be called once, before the call is answered
 */
function beginInstruments(wanted, channel, handler) {
  const running = [];
  let left = EVIDENCE_BYTES_MAX;
  for (const { name, options = {} } of wanted) {
    if (!NAMES.includes(name)) continue;
    const bring = (text) => {
      const bytes = from(text);
      left -= bytes.length;
      if (left >= 0) sendEvidence(channel, name, bytes);
    };
    try {
      running.push(require(`./instruments/${name}.cjs`).begin(options, bring, handler));
    } catch (error) {
      console.error(`[hearth] Instrument ${name} failed: ${error?.message}`);
    }
  }
  const end = () => {
    process.off("exit", end);
    for (const instrument of running.splice(0)) {
      try {
        instrument.end();
      } catch (error) {
        console.error(`[hearth] Instrument cannot end: ${error?.message}`);
      }
    }
  };
  // A function may end its process; what was seen until then is worth having.
  process.on("exit", end);
  return end;
}

function sendEvidence(channel, name, bytes) {
  const prefix = from(`${String.fromCharCode(name.length)}${name}`, "latin1");
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    channel.send(FRAME.EVIDENCE, concat([prefix, bytes.subarray(start, start + PIECE_BYTES)]));
  }
}

module.exports = { beginInstruments };
