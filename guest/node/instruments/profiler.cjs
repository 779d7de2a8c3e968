"use strict";
/** A processor profile of one call, in the format that Chrome DevTools opens (.cpuprofile). */
const { Session } = require("node:inspector");

const INTERVAL_MICROS = 500;

function begin({ intervalMicros = INTERVAL_MICROS }, bring) {
  const session = new Session();
  session.connect();
  // To its own thread a session posts synchronously.
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: intervalMicros });
  session.post("Profiler.start");
  return {
    end() {
      session.post("Profiler.stop", (error, result) => {
        if (error === null) bring(JSON.stringify(result.profile));
      });
      session.disconnect();
    },
  };
}

module.exports = { begin };
