"use strict";
/**
 * Streamed responses: the `awslambda` global that user code finds, and the stream it writes to.
 * Source: aws-lambda-nodejs-runtime-interface-client 4, stream/response-stream.js and
 * http-response-stream.js.
 */
const { Writable } = require("node:stream");
const { FRAME } = require("./channel.cjs");
const { runtimeError } = require("./errors.cjs");

const { stringify } = JSON;

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const STREAM_RESPONSE = "response";
const CONTENT_TYPE_DEFAULT = "application/octet-stream";
const PRELUDE_CONTENT_TYPE = "application/vnd.awslambda.http-integration-response";
/** NULs between the JSON of a prelude and the body. */
const PRELUDE_END_BYTES = 8;
/** What the host takes before it gives credit; its copy is STREAM_WINDOW_BYTES. */
const WINDOW_BYTES = 256 * 1024;
const CHUNK_BYTES_MAX = 64 * 1024;

/** Gives user code the global it marks streaming handlers with. */
function installGlobal() {
  globalThis.awslambda = {
    ...globalThis.awslambda,
    streamifyResponse(handler, options) {
      handler[STREAMING] = STREAM_RESPONSE;
      if (typeof options?.highWaterMark === "number") {
        handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      }
      return handler;
    },
    HttpResponseStream: {
      /** The same stream, which will put `prelude` (status, headers, cookies) before the body. */
      from(stream, prelude) {
        stream.setContentType(PRELUDE_CONTENT_TYPE);
        const text = stringify(prelude);
        stream._onBeforeFirstWrite = (write) => {
          write(text);
          write(Buffer.alloc(PRELUDE_END_BYTES));
        };
        return stream;
      },
    },
  };
}

/** @throws Runtime.MalformedStreamingHandler for a kind of streaming that does not exist */
function isStreaming(handler) {
  const kind = handler[STREAMING];
  if (!kind) return false;
  if (kind === STREAM_RESPONSE) return true;
  throw runtimeError("MalformedStreamingHandler", "Only response streaming is supported.");
}

/** What a streaming handler writes its response to, a window's worth ahead of its reader. */
class ResponseStream extends Writable {
  #channel;
  #contentType = CONTENT_TYPE_DEFAULT;
  #hasBegun = false;
  #isFirst = true;
  #window = WINDOW_BYTES;
  /** What goes on when the host gives credit. */
  #resume;

  constructor(channel, highWaterMark) {
    super(Number.isFinite(highWaterMark) ? { highWaterMark } : undefined);
    this.#channel = channel;
    this._onBeforeFirstWrite = undefined;
    // An error of the stream is met by whoever waits for its end.
    this.on("error", () => {});
  }

  setContentType(contentType) {
    if (!this.#isFirst) {
      throw runtimeError("InvalidStreamingOperation", "Cannot set content-type, too late.");
    }
    this.#contentType = String(contentType);
  }

  write(chunk, encoding, callback) {
    if (this.#isFirst) {
      this.#isFirst = false;
      this._onBeforeFirstWrite?.((part) => super.write(part));
    }
    const isBytes = typeof chunk === "string" || chunk instanceof Uint8Array;
    return super.write(isBytes ? chunk : stringify(chunk), encoding, callback);
  }

  end(chunk, encoding, callback) {
    if (chunk !== undefined && chunk !== null && typeof chunk !== "function") {
      this.write(chunk, typeof encoding === "function" ? undefined : encoding);
      chunk = undefined;
    }
    return super.end(chunk, encoding, callback);
  }

  /** Whether the host has been told of a response: a failure then comes in mid-stream. */
  get hasBegun() {
    return this.#hasBegun;
  }

  credit(bytes) {
    this.#window += bytes;
    const resume = this.#resume;
    this.#resume = undefined;
    if (resume === undefined) return;
    this.#channel?.keepAlive(false);
    resume();
  }

  /** Sends no more: the call has another end. */
  detach() {
    this.#channel = undefined;
    this.destroy();
  }

  _write(chunk, _encoding, callback) {
    if (this.#hasBegun) this.#send(chunk, 0, callback);
    else this.#begin(chunk, callback);
  }

  _final(callback) {
    if (!this.#hasBegun) this.#channel?.sendLater(FRAME.STREAM_BEGIN, this.#contentType);
    this.#hasBegun = true;
    callback();
  }

  /** The first bytes travel with the news that there is a response. */
  #begin(bytes, callback) {
    this.#hasBegun = true;
    const first = bytes.subarray(0, CHUNK_BYTES_MAX);
    this.#window -= first.length;
    const { STREAM_BEGIN, STREAM_CHUNK } = FRAME;
    this.#channel?.sendBothLater(STREAM_BEGIN, this.#contentType, STREAM_CHUNK, first);
    this.#send(bytes, first.length, callback);
  }

  #send(bytes, start, callback) {
    let offset = start;
    while (offset < bytes.length) {
      if (this.#channel === undefined) return;
      if (this.#window === 0) {
        this.#resume = () => this.#send(bytes, offset, callback);
        // Nothing else may be keeping the process from thinking that it has nothing left to do.
        this.#channel.keepAlive(true);
        return;
      }
      const length = Math.min(bytes.length - offset, CHUNK_BYTES_MAX, this.#window);
      this.#window -= length;
      this.#channel.sendLater(FRAME.STREAM_CHUNK, bytes.subarray(offset, offset + length));
      offset += length;
    }
    callback();
  }
}

module.exports = { HIGH_WATER_MARK, installGlobal, isStreaming, ResponseStream };
