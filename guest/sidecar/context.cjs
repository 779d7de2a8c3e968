"use strict";
/** What a sidecar's hooks are given for one call: facts, and ways to bring something out. */
const { FRAME, PIECE_BYTES } = require("./channel.cjs");

const WARNING_UNITS_MAX = 500;
/** The host takes no larger deliveries. */
const DELIVERY_BYTES_MAX = 2 * 1024 * 1024;

class Context {
  #channel;
  #number;
  #deliveries = new Map();
  #lastDelivery = 0;

  /**
   * @param call what the host tells of the call: requestId, functionName, version, options, …
   */
  constructor(channel, number, call) {
    this.#channel = channel;
    this.#number = number;
    this.call = call;
    this.options = call.options;
  }

  /**
   * Keeps `bytes` (text or bytes) as a file of the call that its owner can fetch.
   * @param more whether further bytes of the same file follow
   */
  artifact(name, type, bytes, { more: isOpen = false } = {}) {
    const data = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes);
    for (let start = 0; start === 0 || start < data.length; start += PIECE_BYTES) {
      const more = isOpen || start + PIECE_BYTES < data.length;
      const piece = data.subarray(start, start + PIECE_BYTES);
      this.#channel.sendHeaded(FRAME.ARTEFACT, this.#number, { name, type, more }, piece);
    }
  }

  /** Appends whole lines to a file that the owner can read at `/_hearth/sinks/{file}`. */
  append(file, lines) {
    const data = Buffer.from(lines);
    for (let start = 0; start < data.length; start += PIECE_BYTES) {
      const piece = data.subarray(start, start + PIECE_BYTES);
      this.#channel.sendHeaded(FRAME.APPEND, this.#number, { file }, piece);
    }
  }

  /**
   * Sends an HTTP request through the host, which checks where it leads.
   * @returns the status; rejects when there was no answer
   */
  deliver(url, { method = "POST", headers = {}, body = "" } = {}) {
    const bytes = Buffer.from(body);
    if (bytes.length > DELIVERY_BYTES_MAX) {
      const problem = `A delivery has ${bytes.length} bytes, wanted at most ${DELIVERY_BYTES_MAX}`;
      return Promise.reject(new Error(problem));
    }
    const delivery = ++this.#lastDelivery;
    const header = { delivery, url: String(url), method, headers };
    this.#channel.sendHeaded(FRAME.DELIVER, this.#number, header, bytes);
    return new Promise((resolve, reject) => this.#deliveries.set(delivery, { resolve, reject }));
  }

  /** Leaves a sentence in the call's decision record. */
  warn(text) {
    this.#channel.send(FRAME.WARN, this.#number, String(text).slice(0, WARNING_UNITS_MAX));
  }

  /** One message of the protocol that an instrument in the function speaks. */
  toFunction(message) {
    this.#sendPieces(FRAME.TO_FUNCTION, message);
  }

  /** One message of the same protocol to the user's program. */
  toUser(message) {
    this.#sendPieces(FRAME.TO_USER, message);
  }

  /** In pieces, each behind a byte that says whether more follow. */
  #sendPieces(type, message) {
    for (let start = 0; start === 0 || start < message.length; start += PIECE_BYTES) {
      const more = start + PIECE_BYTES < message.length ? 1 : 0;
      const piece = message.subarray(start, start + PIECE_BYTES);
      this.#channel.send(type, this.#number, [more], piece);
    }
  }

  delivered({ delivery, status, error }) {
    const waiting = this.#deliveries.get(delivery);
    this.#deliveries.delete(delivery);
    if (error === undefined) waiting?.resolve(status);
    else waiting?.reject(new Error(error));
  }
}

module.exports = { Context };
