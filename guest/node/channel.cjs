"use strict";
/**
 * The guest's end of the frame protocol (guest/README.md): one unix socket, one host.
 *
 * Everything needed later is taken hold of at boot, so that user code which replaces JSON, console,
 * fs functions or timers cannot break the channel by accident.
 */
const { writeSync } = require("node:fs");
const { createServer, Socket } = require("node:net");

const HEADER_BYTES = 5;
const RETRY_MS = 1;
/** How long the host may take to hang up on a runtime that could not be initialised. */
const LINGER_MS = 1000;
/** AWS cuts log events at the same length. */
const LOG_BYTES_MAX = 256 * 1024;
/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const BYTES_PER_UNIT_MAX = 3;
const sleepCell = new Int32Array(new SharedArrayBuffer(4));
const { wait } = Atomics;
const { allocUnsafe, byteLength, concat, from } = Buffer;
/** Runs no handlers of the user, unlike process.exit. */
const exit = process.reallyExit.bind(process);
const later = setTimeout;

/** Frame types; the host's copy is src/host/frame-channel.ts. */
const FRAME = Object.freeze({
  INIT: 1,
  INVOKE: 2,
  CREDIT: 4,
  READY: 16,
  INIT_DONE: 17,
  INIT_ERROR: 18,
  RESPONSE: 20,
  ERROR: 21,
  LOG: 22,
  LAST_ERROR: 23,
  STREAM_BEGIN: 24,
  STREAM_CHUNK: 25,
  STREAM_END: 26,
  EVIDENCE: 27,
});

/**
 * Waits for the host on a unix socket, once; nobody else can connect afterwards. Where a wrapper
 * runs first, the host has connected before it, and the connection is inherited.
 */
function listen(path) {
  const { HEARTH_GUEST_DESCRIPTOR: descriptor } = process.env;
  if (descriptor !== undefined) {
    const options = { fd: Number(descriptor), readable: true, writable: true };
    return Promise.resolve(new Channel(new Socket(options)));
  }
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      server.close();
      resolve(new Channel(socket));
    });
    server.on("error", reject);
    server.listen(path);
  });
}

class Channel {
  #socket;
  #descriptor;
  #chunks = [];
  #held = 0;
  #wanted = HEADER_BYTES;
  #onFrame = () => {};
  #exitCode = 1;

  constructor(socket) {
    this.#socket = socket;
    this.#descriptor = socket._handle.fd;
    // Without its host a runtime has no purpose, whatever else it still does.
    const leave = () => exit(this.#exitCode);
    socket.on("error", leave);
    socket.on("close", leave);
  }

  /** `onFrame(type, bytes, start, end)`: the payload is bytes[start..end). */
  start(onFrame) {
    this.#onFrame = onFrame;
    this.#socket.on("data", (chunk) => this.#receive(chunk));
  }

  /** Whether waiting for the host keeps the process alive; off while user code runs. */
  keepAlive(on) {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  /**
   * Hands a frame to the kernel before it returns, so that what was logged survives an exit or a
   * crash. When the host is slow to read, it waits.
   */
  send(type, text) {
    const frame = encode(type, text);
    if (this.#socket.writableLength > 0) this.#socket.write(frame);
    else this.#write(frame, true);
  }

  /** As `send`, but what the kernel does not take at once goes out in the background. */
  sendLater(type, text) {
    this.#sendLater(encode(type, text));
  }

  /** Two frames in one write. */
  sendBothLater(type, text, nextType, nextText) {
    this.#sendLater(concat([encode(type, text), encode(nextType, nextText)]));
  }

  #sendLater(frame) {
    if (this.#socket.writableLength > 0) this.#socket.write(frame);
    else this.#write(frame, false);
  }

  /**
   * Ends the process as soon as the host has hung up. Were it the first to close, a frame that the
   * host is just writing would meet a closed socket and cost it what was sent last.
   */
  exitAfterHost(exitCode) {
    this.#exitCode = exitCode;
    this.#onFrame = () => {};
    this.keepAlive(true);
    later(() => exit(exitCode), LINGER_MS);
  }

  /** Text or bytes for the function's log, cut into frames of bounded length. */
  log(chunk) {
    if (chunk.length * BYTES_PER_UNIT_MAX <= LOG_BYTES_MAX) {
      this.send(FRAME.LOG, chunk);
      return;
    }
    const bytes = from(chunk);
    for (let start = 0; start < bytes.length; start += LOG_BYTES_MAX) {
      this.send(FRAME.LOG, bytes.subarray(start, start + LOG_BYTES_MAX));
    }
  }

  #write(frame, blocking) {
    let offset = 0;
    while (offset < frame.length) {
      try {
        offset += writeSync(this.#descriptor, frame, offset);
      } catch (error) {
        if (error.code !== "EAGAIN") exit(1);
        if (!blocking) {
          this.#socket.write(frame.subarray(offset));
          return;
        }
        wait(sleepCell, 0, 0, RETRY_MS);
      }
    }
  }

  #receive(chunk) {
    if (this.#held > 0) {
      this.#chunks.push(chunk);
      this.#held += chunk.length;
      if (this.#held < this.#wanted) return;
      chunk = concat(this.#chunks, this.#held);
    }
    let offset = 0;
    while (chunk.length - offset >= HEADER_BYTES) {
      const end = offset + 4 + chunk.readUInt32BE(offset);
      if (chunk.length < end) break;
      this.#onFrame(chunk[offset + 4], chunk, offset + HEADER_BYTES, end);
      offset = end;
    }
    this.#hold(offset === 0 ? chunk : chunk.subarray(offset));
  }

  #hold(rest) {
    this.#held = rest.length;
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#wanted = rest.length < HEADER_BYTES ? HEADER_BYTES : 4 + rest.readUInt32BE(0);
  }
}

function encode(type, text) {
  const isText = typeof text === "string";
  const bytes = isText ? byteLength(text) : text.length;
  const frame = allocUnsafe(HEADER_BYTES + bytes);
  frame.writeUInt32BE(bytes + 1, 0);
  frame[4] = type;
  if (isText) frame.utf8Write(text, HEADER_BYTES);
  else frame.set(text, HEADER_BYTES);
  return frame;
}

module.exports = { FRAME, listen };
