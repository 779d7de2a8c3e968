"use strict";
/**
 * The thread of the debugger instrument: messages of the Chrome DevTools Protocol, each in a frame,
 * between the host and the inspector of the main thread. The first line that it sends is the token
 * that the host knows it by.
 */
const { Session } = require("node:inspector");
const { connect } = require("node:net");
const { parentPort, workerData } = require("node:worker_threads");

const GOING = 1;
const LEFT = 3;
const RETRY_MS = 20;
const ATTEMPTS_MAX = 100;
/** A frame's length (u32) counts its type and its payload; there is one type only. */
const HEADER_BYTES = 5;
const MESSAGE = 1;

const { port, token, cell, breakOnStart } = workerData;
const session = new Session();
session.connectToMainThread();

/** The connection to the host, once there is one. */
let relay;

function leave() {
  Atomics.store(cell, 0, LEFT);
  Atomics.notify(cell, 0);
}

/** Lets the call go on: the user's debugger is there and has set what it wants. */
function go() {
  Atomics.store(cell, 0, GOING);
  Atomics.notify(cell, 0);
}

/** Has the handler stop before its first line, then goes on. */
function goAndBreak() {
  const expression = 'globalThis[Symbol.for("hearth.debugged")]';
  session.post("Debugger.enable");
  session.post("Runtime.evaluate", { expression }, (_error, found) => {
    const objectId = found?.result.objectId;
    session.post("Debugger.setBreakpointOnFunctionCall", { objectId }, go);
  });
}

class Relay {
  #socket;
  #chunks = [];
  #held = 0;
  #wanted = HEADER_BYTES;
  #unanswered = 0;
  #onAnswered = () => {};

  constructor(socket) {
    this.#socket = socket;
    socket.write(`${token}\n`);
    socket.on("data", (chunk) => this.#read(chunk));
    // Without its user the call goes on by itself.
    socket.on("close", () => {
      relay = undefined;
      session.disconnect();
      if (Atomics.load(cell, 0) === 0) go();
    });
    session.on("inspectorNotification", (message) => this.#send(message));
  }

  /** Lets go of the inspector when all that the user asked is answered. */
  end() {
    this.#onAnswered = () => {
      session.disconnect();
      this.#socket.end(leave);
    };
    if (this.#unanswered === 0) this.#onAnswered();
  }

  #read(chunk) {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    while (this.#held >= this.#wanted) {
      const bytes = Buffer.concat(this.#chunks);
      const end = 4 + bytes.readUInt32BE(0);
      this.#wanted = end;
      this.#chunks = [bytes];
      if (bytes.length < end) return;
      this.#chunks = [bytes.subarray(end)];
      this.#held = bytes.length - end;
      this.#wanted = HEADER_BYTES;
      this.#take(bytes.toString("utf8", HEADER_BYTES, end));
    }
  }

  /** What is no message of the protocol is answered as one that is wrong. */
  #take(text) {
    let id;
    try {
      const message = JSON.parse(text);
      id = message.id;
      this.#post(message);
    } catch (error) {
      this.#send({ id, error: { code: -32600, message: error.message } });
    }
  }

  #post({ id, method, params }) {
    if (method === "Runtime.runIfWaitingForDebugger") {
      if (breakOnStart) goAndBreak();
      else go();
    }
    session.post(method, params, (error, result) => {
      this.#unanswered--;
      if (error === null) this.#send({ id, result });
      else this.#send({ id, error: { code: -32000, message: error.message } });
      if (this.#unanswered === 0) this.#onAnswered();
    });
    this.#unanswered++;
  }

  #send(message) {
    const text = Buffer.from(JSON.stringify(message));
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt32BE(1 + text.length, 0);
    header[4] = MESSAGE;
    this.#socket.write(Buffer.concat([header, text]));
  }
}

function meetHost(attempt = 1) {
  const socket = connect(port, "127.0.0.1", () => {
    socket.off("error", again);
    socket.on("error", () => {});
    relay = new Relay(socket);
  });
  const again = () => {
    if (attempt < ATTEMPTS_MAX) setTimeout(meetHost, RETRY_MS, attempt + 1);
  };
  socket.on("error", again);
}

parentPort.once("message", () => {
  if (relay !== undefined) {
    relay.end();
    return;
  }
  session.disconnect();
  leave();
});
meetHost();
