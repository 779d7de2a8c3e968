"use strict";
/** A sidecar's end of the frame protocol (guest/README.md): one unix socket, one host. */
const { createServer } = require("node:net");

const HEADER_BYTES = 5;
/** The host takes no larger frames than this and a little. */
const PIECE_BYTES = 512 * 1024;

/** Frame types; the host's copy is src/host/sidecars/protocol.ts. */
const FRAME = Object.freeze({
  LOAD: 1,
  ATTACH: 2,
  STARTED: 3,
  LOG: 4,
  EVIDENCE: 5,
  END: 6,
  DELIVERED: 7,
  FROM_USER: 8,
  FROM_FUNCTION: 9,
  READY: 16,
  LOADED: 17,
  LOAD_ERROR: 18,
  ATTACHED: 19,
  REFUSED: 20,
  ARTEFACT: 21,
  DELIVER: 22,
  APPEND: 23,
  WARN: 24,
  FLUSHED: 25,
  TO_FUNCTION: 26,
  TO_USER: 27,
});

/** Waits for the host on a unix socket, once. */
function listen(path, onFrame) {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      server.close();
      resolve(new Channel(socket, onFrame));
    });
    server.on("error", reject);
    server.listen(path);
  });
}

class Channel {
  #socket;
  #onFrame;
  #chunks = [];
  #held = 0;
  #wanted = HEADER_BYTES;

  constructor(socket, onFrame) {
    this.#socket = socket;
    this.#onFrame = onFrame;
    // Without its host a sidecar has no purpose.
    const leave = () => process.exit(0);
    socket.on("error", leave);
    socket.on("close", leave);
    socket.on("data", (chunk) => this.#receive(chunk));
  }

  /** @param call number of the call that the frame is about; none for the sidecar as a whole */
  send(type, call, ...parts) {
    const payload = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const prefix = call === undefined ? 0 : 4;
    const header = Buffer.allocUnsafe(HEADER_BYTES + prefix);
    header.writeUInt32BE(1 + prefix + payload.length, 0);
    header[4] = type;
    if (call !== undefined) header.writeUInt32BE(call, HEADER_BYTES);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  /** `u32 header length, JSON header, bytes`. */
  sendHeaded(type, call, header, bytes) {
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(text.length, 0);
    this.send(type, call, length, text, bytes);
  }

  #receive(chunk) {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#held);
    let offset = 0;
    while (bytes.length - offset >= HEADER_BYTES) {
      const end = offset + 4 + bytes.readUInt32BE(offset);
      if (bytes.length < end) break;
      this.#onFrame(bytes[offset + 4], bytes.subarray(offset + HEADER_BYTES, end));
      offset = end;
    }
    const rest = bytes.subarray(offset);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#held = rest.length;
    this.#wanted = rest.length < HEADER_BYTES ? HEADER_BYTES : 4 + rest.readUInt32BE(0);
  }
}

module.exports = { FRAME, listen, PIECE_BYTES };
