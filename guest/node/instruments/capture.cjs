"use strict";
/**
 * The outbound HTTP of one call: node:http, node:https and fetch, as one JSON line an exchange. The
 * capture sidecar makes a HAR of the lines. Bodies are cut at `bodyBytes`.
 */
const { subscribe, unsubscribe } = require("node:diagnostics_channel");

const BODY_BYTES = 64 * 1024;
const EXCHANGES_MAX = 1000;

function begin({ bodyBytes = BODY_BYTES }, bring) {
  const capture = new Capture(bodyBytes, bring);
  for (const [channel, listener] of capture.subscriptions) subscribe(channel, listener);
  return {
    end() {
      for (const [channel, listener] of capture.subscriptions) unsubscribe(channel, listener);
      capture.finishAll();
    },
  };
}

class Capture {
  #bodyBytes;
  #bring;
  #open = new Map();
  #count = 0;
  subscriptions = [
    ["http.client.request.created", ({ request }) => this.#httpRequest(request)],
    ["http.client.request.error", ({ request, error }) => this.#finish(request, { error })],
    ["undici:request:create", ({ request }) => this.#fetchRequest(request)],
    ["undici:request:bodyChunkSent", ({ request, chunk }) => this.#sent(request, chunk)],
    ["undici:request:headers", ({ request, response }) => this.#fetchHeaders(request, response)],
    ["undici:request:bodyChunkReceived", ({ request, chunk }) => this.#received(request, chunk)],
    ["undici:request:trailers", ({ request }) => this.#finish(request)],
    ["undici:request:error", ({ request, error }) => this.#finish(request, { error })],
  ];

  constructor(bodyBytes, bring) {
    this.#bodyBytes = bodyBytes;
    this.#bring = bring;
  }

  /** Exchanges without an end are told as they are. */
  finishAll() {
    for (const request of [...this.#open.keys()]) this.#finish(request, { unfinished: true });
  }

  #begin(request, facts) {
    if (++this.#count > EXCHANGES_MAX) return undefined;
    const exchange = {
      ...facts,
      startedAt: Date.now(),
      begun: performance.now(),
      sent: new Body(this.#bodyBytes),
      received: new Body(this.#bodyBytes),
    };
    this.#open.set(request, exchange);
    return exchange;
  }

  #httpRequest(request) {
    const exchange = this.#begin(request, {});
    if (exchange === undefined) return;
    for (const method of ["write", "end"]) {
      const original = request[method];
      request[method] = function (chunk, encoding, ...rest) {
        if (typeof chunk !== "function") exchange.sent.add(chunk, encoding);
        return original.call(this, chunk, encoding, ...rest);
      };
    }
    // Not a listener: with one, a body that nobody wants would not be thrown away.
    const { emit } = request;
    request.emit = (event, ...values) => {
      if (event === "response") this.#httpResponse(request, exchange, values[0]);
      return emit.call(request, event, ...values);
    };
  }

  #httpResponse(request, exchange, response) {
    const { push } = response;
    response.push = (chunk, encoding) => {
      exchange.received.add(chunk, encoding);
      return push.call(response, chunk, encoding);
    };
    response.once("close", () => this.#finish(request));
    exchange.headersAfter = performance.now() - exchange.begun;
    exchange.method = request.method;
    exchange.url = urlOf(request);
    exchange.requestHeaders = pairsOf(request.getHeaders());
    exchange.httpVersion = `HTTP/${response.httpVersion}`;
    exchange.status = response.statusCode;
    exchange.statusText = response.statusMessage;
    exchange.responseHeaders = paired(response.rawHeaders);
  }

  #fetchRequest(request) {
    const exchange = this.#begin(request, { method: request.method });
    if (exchange === undefined) return;
    exchange.url = new URL(request.path, request.origin).href;
    exchange.requestHeaders = fetchPairs(request.headers);
  }

  #fetchHeaders(request, response) {
    const exchange = this.#open.get(request);
    if (exchange === undefined) return;
    exchange.headersAfter = performance.now() - exchange.begun;
    exchange.requestHeaders = fetchPairs(request.headers);
    exchange.status = response.statusCode;
    exchange.statusText = response.statusText;
    exchange.responseHeaders = paired(response.headers.map(String));
  }

  #sent(request, chunk) {
    this.#open.get(request)?.sent.add(chunk);
  }

  #received(request, chunk) {
    this.#open.get(request)?.received.add(chunk);
  }

  #finish(request, { error, unfinished } = {}) {
    const exchange = this.#open.get(request);
    if (exchange === undefined) return;
    this.#open.delete(request);
    if (exchange.url === undefined) {
      exchange.method = request.method;
      exchange.url = urlOf(request);
      exchange.requestHeaders = pairsOf(request.getHeaders());
    }
    const { begun, sent, received, ...facts } = exchange;
    const line = {
      ...facts,
      durationMs: performance.now() - begun,
      sent: sent.facts,
      received: received.facts,
      ...(error === undefined ? {} : { error: String(error.message ?? error) }),
      ...(unfinished === undefined ? {} : { unfinished }),
    };
    this.#bring(`${JSON.stringify(line)}\n`);
  }
}

/** The beginning of a body, and how long it was. */
class Body {
  #max;
  #kept = [];
  #keptBytes = 0;
  #bytes = 0;

  constructor(max) {
    this.#max = max;
  }

  add(chunk, encoding) {
    if (chunk === null || chunk === undefined) return;
    const isText = typeof chunk === "string";
    const bytes = isText
      ? Buffer.from(chunk, typeof encoding === "string" ? encoding : "utf8")
      : Buffer.from(chunk);
    this.#bytes += bytes.length;
    const kept = bytes.subarray(0, this.#max - this.#keptBytes);
    this.#keptBytes += kept.length;
    if (kept.length > 0) this.#kept.push(kept);
  }

  get facts() {
    return { bytes: this.#bytes, base64: Buffer.concat(this.#kept).toString("base64") };
  }
}

function urlOf(request) {
  const { path, protocol } = request;
  // A proxy is told the whole address.
  if (/^https?:/i.test(path)) return path;
  const host = request.getHeader("host") ?? request.host;
  return path.startsWith("/") ? `${protocol}//${host}${path}` : `${protocol}//${host}/${path}`;
}

function pairsOf(headers) {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)]),
  );
}

/** [name, value, name, value, …] */
function paired(flat) {
  const pairs = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at], flat[at + 1]]);
  return pairs;
}

/** What undici keeps of a request's headers: a list, or text in older versions. */
function fetchPairs(headers) {
  if (Array.isArray(headers)) return paired(headers.map(String));
  return String(headers ?? "")
    .split("\r\n")
    .filter((line) => line.includes(":"))
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
}

module.exports = { begin };
