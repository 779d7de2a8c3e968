"use strict";
/** Cuts what a call writes into lines. */

const HEADER_BYTES = 10;
const LINE_END = 10;
/** A line longer than this is cut; AWS cuts log events at the same length. */
const LINE_BYTES_MAX = 256 * 1024;
const SOURCES = ["function", "platform", "extension"];

class LineCutter {
  #onLine;
  /** The beginning of a line, until its end comes. */
  #open;

  constructor(onLine) {
    this.#onLine = onLine;
  }

  /** A LOG frame's payload: `f64` time, `u8` source, `u8` whether it is one message, bytes. */
  take(payload) {
    const timestamp = payload.readDoubleBE(0);
    const source = SOURCES[payload[8]];
    const bytes = payload.subarray(HEADER_BYTES);
    const isMessage = payload[9] === 1;
    if (isMessage || this.#open?.source !== source) this.end();
    if (isMessage) {
      this.#tell({ timestamp, source }, bytes);
      return;
    }
    let start = 0;
    for (let end = bytes.indexOf(LINE_END, start); end >= 0; end = bytes.indexOf(LINE_END, start)) {
      this.#extend(timestamp, source, bytes.subarray(start, end));
      this.end();
      start = end + 1;
    }
    if (start < bytes.length) this.#extend(timestamp, source, bytes.subarray(start));
  }

  /** What has no line end yet is a line, too. */
  end() {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#tell(open, Buffer.concat(open.pieces));
  }

  #extend(timestamp, source, bytes) {
    this.#open ??= { timestamp, source, pieces: [], bytes: 0 };
    this.#open.pieces.push(Buffer.from(bytes));
    this.#open.bytes += bytes.length;
    if (this.#open.bytes > LINE_BYTES_MAX) this.end();
  }

  #tell({ timestamp, source }, bytes) {
    const message = bytes.toString().replace(/^\n+|\n+$/g, "");
    if (message !== "") {
      this.#onLine({ timestamp: new Date(timestamp).toISOString(), source, message });
    }
  }
}

module.exports = { LineCutter };
