/** The thread in which SQLite runs, so that no fsync ever blocks the main loop. */
import { parentPort } from "node:worker_threads";
import { assert } from "../../base/mod.ts";
import { platformErrorOf } from "./database.ts";
import { type Call, failureOf, type Reply } from "./protocol.ts";
import { TableFile } from "./table-file.ts";

const port = parentPort;
assert(port, "The table worker runs in a worker thread");

let file: TableFile | undefined;

function opened(): TableFile {
  assert(file, "The first call opens the file");
  return file;
}

function perform(call: Call): unknown {
  switch (call.name) {
    case "open":
      file = new TableFile(call.request.path);
      return undefined;
    case "get":
      return opened().get(call.request.table, call.request.key);
    case "list":
      return opened().list(call.request);
    case "commit":
      return opened().commit(call.request.commits);
    case "close":
      opened()[Symbol.dispose]();
      return undefined;
  }
}

function answer(call: Call): Reply {
  try {
    return { id: call.id, result: perform(call) };
  } catch (error) {
    return { id: call.id, failure: failureOf(platformErrorOf(error)) };
  }
}

port.on("message", (call: Call) => {
  port.postMessage(answer(call));
  // Without its port the thread has nothing left to wait for and ends.
  if (call.name === "close") port.close();
});
