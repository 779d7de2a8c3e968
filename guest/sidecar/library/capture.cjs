"use strict";
/**
 * Makes a HAR of the HTTP exchanges that the function's runtime saw. What authenticates is blotted
 * out: the headers in `redact`, or those below unless told.
 * Source: http://www.softwareishard.com/blog/har-12-spec/
 */
const REDACTED = [
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
  "x-amz-security-token",
  "x-api-key",
];
/** Parameters of presigned URLs, which are as good as keys. */
const REDACTED_PARAMETERS = ["X-Amz-Credential", "X-Amz-Security-Token", "X-Amz-Signature"];
const BLOT = "[redacted]";
const HEAD = '{"log":{"version":"1.2","creator":{"name":"Hearth","version":"1"},"entries":[';
const TAIL = "]}}";
const LINE_END = 10;

const captures = new Map();

function start(_call, context) {
  const { redact = REDACTED } = context.options;
  const redacted = new Set(redact.map((name) => name.toLowerCase()));
  captures.set(context, { redacted, open: [], isBegun: false });
}

/** Lines are worked off and go on as they come: the most of them would not fit in twice. */
function evidence(_name, bytes, context) {
  const capture = captures.get(context);
  const { redacted, open } = capture;
  let from = 0;
  for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, from)) {
    open.push(bytes.subarray(from, end));
    const exchange = JSON.parse(Buffer.concat(open.splice(0)).toString());
    const entry = JSON.stringify(entryOf(exchange, redacted));
    keep((capture.isBegun ? ",\n" : HEAD) + entry, context, { more: true });
    capture.isBegun = true;
    from = end + 1;
  }
  open.push(bytes.subarray(from));
}

function end(_result, context) {
  const { isBegun } = captures.get(context);
  captures.delete(context);
  keep(isBegun ? TAIL : HEAD + TAIL, context);
}

function keep(text, context, options) {
  context.artifact("traffic.har", "application/json", text, options);
}

function entryOf(exchange, redacted) {
  const { durationMs, headersAfter = durationMs } = exchange;
  return {
    startedDateTime: new Date(exchange.startedAt).toISOString(),
    time: durationMs,
    request: requestOf(exchange, redacted),
    response: responseOf(exchange, redacted),
    cache: {},
    timings: { send: 0, wait: headersAfter, receive: Math.max(0, durationMs - headersAfter) },
    ...(exchange.error === undefined ? {} : { comment: exchange.error }),
    ...(exchange.unfinished ? { comment: "The call ended before this exchange did" } : {}),
  };
}

function requestOf(exchange, redacted) {
  const url = new URL(exchange.url);
  for (const name of REDACTED_PARAMETERS) {
    if (url.searchParams.has(name)) url.searchParams.set(name, BLOT);
  }
  const headers = headersOf(exchange.requestHeaders, redacted);
  const { bytes, base64 } = exchange.sent;
  const mimeType = headerValue(headers, "content-type");
  return {
    method: exchange.method,
    url: url.href,
    httpVersion: exchange.httpVersion ?? "HTTP/1.1",
    cookies: [],
    headers,
    queryString: Array.from(url.searchParams, ([name, value]) => ({ name, value })),
    ...(bytes === 0 ? {} : { postData: { mimeType, text: textOf(base64) } }),
    headersSize: -1,
    bodySize: bytes,
  };
}

function responseOf(exchange, redacted) {
  const headers = headersOf(exchange.responseHeaders ?? [], redacted);
  const { bytes, base64 } = exchange.received;
  const mimeType = headerValue(headers, "content-type");
  const isText = /^text\/|json|xml|javascript|x-www-form-urlencoded/.test(mimeType);
  const isPlain = isText && headerValue(headers, "content-encoding") === "";
  const content = { size: bytes, mimeType };
  return {
    status: exchange.status ?? 0,
    statusText: exchange.statusText ?? "",
    httpVersion: exchange.httpVersion ?? "HTTP/1.1",
    cookies: [],
    headers,
    content: isPlain
      ? { ...content, text: textOf(base64) }
      : { ...content, text: base64, encoding: "base64" },
    redirectURL: headerValue(headers, "location"),
    headersSize: -1,
    bodySize: bytes,
  };
}

function headersOf(pairs = [], redacted) {
  return pairs.map(([name, value]) => ({
    name,
    value: redacted.has(name.toLowerCase()) ? BLOT : value,
  }));
}

function headerValue(headers, wanted) {
  return headers.find(({ name }) => name.toLowerCase() === wanted)?.value ?? "";
}

function textOf(base64) {
  return Buffer.from(base64, "base64").toString();
}

module.exports = { start, evidence, end };
