"use strict";
/**
 * One call at a time: from the INVOKE frame to its RESPONSE or ERROR frame.
 * Source: aws-lambda-nodejs-runtime-interface-client, Runtime.js and CallbackContext.js (Node 22),
 * src/runtime and src/context (Node 24).
 */
const { FRAME } = require("./channel.cjs");
const { runtimeError, toResponseText } = require("./errors.cjs");
const { setRequestId } = require("./logging.cjs");
const { dropBuffers } = require("./memory.cjs");
const { HIGH_WATER_MARK, isStreaming, ResponseStream } = require("./response-stream.cjs");

const { parse, stringify } = JSON;
const { byteLength } = Buffer;
const { now } = Date;
const afterThisTurn = setImmediate;
const environment = process.env;

/** AWS: 6 MB and 100 bytes. The host enforces the same. */
const RESPONSE_BYTES_MAX = 6_291_556;
/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const BYTES_PER_UNIT_MAX = 3;

const CALLBACKS_REMOVED =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with " +
  "Node.js 24. You need to modify this function to use a supported handler signature to use " +
  "Node.js 24 or later. For more information see " +
  "https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";

const NEVER_SETTLED =
  "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly " +
  "caused by a Promise that was never settled. For more information, see " +
  "https://nodejs.org/docs/latest/api/process.html#exit-codes";

class Invoker {
  #channel;
  #handler;
  #init;
  #callbackStyle;
  #logError;
  #handlerIsAsync;
  #streams;
  /** Ends what the runtime observes of itself during the running call; mostly undefined. */
  #endInstruments;
  /** The call that runs, as an identity: whoever settles it compares with this. */
  #current;
  #waiting = [];

  /**
   * @param options.callbackStyle whether handlers may answer through a callback (Node 22), and are
   *   waited for until the event loop is empty
   * @throws Runtime.CallbackHandlerDeprecated for a callback handler on a runtime without them,
   *   Runtime.MalformedStreamingHandler
   */
  constructor({ channel, handler, init, callbackStyle, logError }) {
    this.#streams = isStreaming(handler);
    if (!callbackStyle && !this.#streams && handler.length >= 3) {
      throw runtimeError("CallbackHandlerDeprecated", CALLBACKS_REMOVED);
    }
    this.#channel = channel;
    this.#handler = handler;
    this.#init = init;
    this.#callbackStyle = callbackStyle;
    this.#logError = logError;
    this.#handlerIsAsync = handler.constructor?.name === "AsyncFunction";
  }

  get busy() {
    return this.#current !== undefined;
  }

  /** Takes the payload of an INVOKE frame; one that comes early waits for the call before it. */
  invoke(bytes, start, end) {
    if (this.#current !== undefined) {
      this.#waiting.push([bytes, start, end]);
      return;
    }
    const headerEnd = start + 4 + bytes.readUInt32BE(start);
    const header = parse(bytes.utf8Slice(start + 4, headerEnd));
    setRequestId(header.requestId);
    (process.env ?? environment)._X_AMZN_TRACE_ID = header.traceId;
    const call = { emptied: undefined, stream: undefined };
    this.#current = call;
    this.#channel.keepAlive(false);
    try {
      const context = this.#context(header);
      const event = parse(bytes.utf8Slice(headerEnd, end));
      if (header.instruments !== undefined) this.#instrument(header.instruments);
      if (this.#streams) this.#runStreaming(call, event, context);
      else if (this.#callbackStyle) this.#runWithCallback(call, event, context);
      else this.#run(call, event, context);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #instrument(wanted) {
    const { beginInstruments } = require("./instruments.cjs");
    this.#endInstruments = beginInstruments(wanted, this.#channel, this.#handler);
  }

  #uninstrument() {
    const end = this.#endInstruments;
    this.#endInstruments = undefined;
    end();
  }

  #run(call, event, context) {
    const result = this.#handler(event, context);
    if (typeof result?.then === "function") this.#follow(call, result);
    else this.#succeed(call, result);
  }

  /** The response is what the handler writes; the call ends when both stream and handler have. */
  #runStreaming(call, event, context) {
    const stream = new ResponseStream(this.#channel, Number(this.#handler[HIGH_WATER_MARK]));
    call.stream = stream;
    const ended = new Promise((resolve, reject) => {
      stream.on("finish", resolve);
      stream.on("error", reject);
      stream.on("close", () => reject(new Error("Response stream is not finished.")));
    });
    // Met below, unless the handler fails first.
    ended.catch(() => {});
    const result = this.#handler(event, stream, context);
    if (typeof result?.then !== "function") {
      throw new Error("Streaming does not support non-async handlers.");
    }
    result
      .then((value) => {
        if (value !== undefined) console.warn("Streaming handlers ignore return values.");
        return ended;
      })
      .then(
        () => this.#endStream(call),
        (error) => this.#fail(call, error),
      );
  }

  #endStream(call) {
    afterThisTurn(() => {
      if (this.#current === call) this.#finish(FRAME.STREAM_END, "");
    });
  }

  /** The host takes so many bytes more of the running call's stream. */
  credit(bytes) {
    this.#current?.stream?.credit(bytes);
  }

  #runWithCallback(call, event, context) {
    let waits = true;
    let answered = false;
    const once = (answer) => (first, second) => {
      if (answered) return;
      answered = true;
      answer(first, second);
    };
    const done = (error, result) => {
      if (error === undefined || error === null) this.#succeed(call, result);
      else this.#fail(call, error);
    };
    context.done = once(done);
    context.succeed = once((result) => done(null, result));
    context.fail = once((error) => done(error ?? "handled"));
    Object.defineProperty(context, "callbackWaitsForEmptyEventLoop", {
      enumerable: true,
      get: () => waits,
      set: (value) => {
        waits = value;
      },
    });
    const callback = once((error, result) => {
      if (waits && (error === undefined || error === null)) {
        call.emptied = () => this.#succeed(call, result);
      } else done(error, result);
    });
    const result = this.#handler(event, context, callback);
    if (typeof result?.then === "function") this.#follow(call, result);
  }

  #follow(call, promise) {
    promise.then(
      (result) => this.#succeed(call, result),
      (error) => this.#fail(call, error),
    );
  }

  #context(header) {
    const deadline = now() + header.timeoutMs;
    const init = this.#init;
    return {
      functionVersion: init.functionVersion,
      functionName: init.functionName,
      memoryLimitInMB: String(init.memoryMiB),
      logGroupName: init.logGroup,
      logStreamName: init.logStream,
      clientContext: header.clientContext ? parse(header.clientContext) : undefined,
      identity: header.cognitoIdentity ? parse(header.cognitoIdentity) : undefined,
      invokedFunctionArn: header.functionArn,
      awsRequestId: header.requestId,
      getRemainingTimeInMillis: () => deadline - now(),
    };
  }

  /** Nothing is left to do in the event loop, and the call has not been answered. */
  loopEmptied() {
    const call = this.#current;
    if (call === undefined) return;
    if (call.emptied !== undefined) call.emptied();
    else if (this.#callbackStyle && !this.#handlerIsAsync && !this.#streams)
      this.#succeed(call, null);
    else this.#fail(call, runtimeError("NodeJsExit", NEVER_SETTLED));
  }

  /**
   * The answer goes out in the next turn: a rejection that nobody handles is seen by then, and ends
   * the call instead.
   */
  #succeed(call, result) {
    afterThisTurn(() => {
      if (this.#current !== call) return;
      let text;
      try {
        text = stringify(result === undefined ? null : result) ?? "null";
      } catch {
        this.#fail(call, this.#unserialisable());
        return;
      }
      if (text.length * BYTES_PER_UNIT_MAX > RESPONSE_BYTES_MAX && isTooLarge(text)) {
        this.#finish(FRAME.ERROR, stringify(TOO_LARGE));
      } else this.#finish(FRAME.RESPONSE, text);
    });
  }

  #unserialisable() {
    const message = "Unable to stringify response body";
    return this.#callbackStyle ? new Error(message) : runtimeError("JSONStringifyError", message);
  }

  #fail(call, error) {
    afterThisTurn(() => {
      if (this.#current !== call) return;
      call.stream?.detach();
      this.#logError("Invoke Error", error);
      this.#finish(FRAME.ERROR, toResponseText(error));
    });
  }

  /** Ends the running call with an error that the process does not survive. */
  abort(error) {
    this.#current = undefined;
    if (this.#endInstruments !== undefined) this.#uninstrument();
    this.#channel.send(FRAME.LAST_ERROR, toResponseText(error));
  }

  #finish(type, text) {
    this.#current = undefined;
    if (this.#endInstruments !== undefined) this.#uninstrument();
    this.#channel.keepAlive(true);
    this.#channel.sendLater(type, text);
    dropBuffers();
    const next = this.#waiting.shift();
    if (next !== undefined) this.invoke(...next);
  }
}

const TOO_LARGE = {
  errorType: "Function.ResponseSizeTooLarge",
  errorMessage: `Response payload size exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`,
};

function isTooLarge(text) {
  return byteLength(text) > RESPONSE_BYTES_MAX;
}

module.exports = { Invoker };
