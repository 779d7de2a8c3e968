import assert from "node:assert/strict";
import { test } from "node:test";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { PlatformError } from "../../base/mod.ts";
import type { SignedMessage } from "./canonical.ts";
import { presign } from "./presign.ts";
import { signRequest } from "./sign.ts";
import { SigningKeys, sha256Hex } from "./signing-key.ts";
import {
  parseSignature,
  signedPayloadHash,
  verifyPayload,
  verifySignature,
  verifyTime,
} from "./sigv4.ts";
import { credentials, Sha256 } from "./testing.ts";

const NOW_MS: number = Date.UTC(2026, 10, 21, 12, 30, 5);
const HOST = "127.0.0.1:4566";

type Query = Record<string, string | string[]>;

interface Sample {
  readonly method: string;
  /** Encoded, as it goes over the wire. */
  readonly path: string;
  readonly query: Query;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly sessionToken: string | undefined;
}

function oracle(
  service: string,
  sessionToken: string | undefined,
  applyChecksum = true,
): SignatureV4 {
  return new SignatureV4({
    credentials: sessionToken === undefined ? credentials : { ...credentials, sessionToken },
    region: "eu-west-3",
    service,
    sha256: Sha256,
    uriEscapePath: service !== "s3",
    applyChecksum,
  });
}

function oracleRequest(sample: Sample) {
  return {
    method: sample.method,
    protocol: "http:",
    hostname: "127.0.0.1",
    port: 4566,
    path: sample.path,
    query: { ...sample.query },
    headers: { host: HOST, ...sample.headers },
    body: sample.body,
  };
}

/** As clients put a query on the wire. */
function wireQuery(query: Query): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) parts.push(`${percentEncoded(name)}=${percentEncoded(one)}`);
  }
  return parts.join("&");
}

function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** What the server does with a request, without the server. */
function verify(
  message: SignedMessage,
  body: Buffer,
  nowMs = NOW_MS,
  keys = new SigningKeys(),
): void {
  const claim = parseSignature(message);
  assert.equal(claim.accessKeyId, credentials.accessKeyId);
  verifyTime(claim, nowMs);
  const secret = credentials.secretAccessKey;
  const payloadHash = signedPayloadHash(claim);
  verifySignature(message, claim, secret, payloadHash ?? sha256Hex(body), keys);
  if (payloadHash !== undefined) verifyPayload(payloadHash, body);
}

function refused(reason?: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof PlatformError &&
    error.detail.kind === "unauthenticated" &&
    (reason === undefined || error.detail.reason === reason);
}

const segment = fc.oneof(
  fc.constantFrom(
    "",
    ".",
    "..",
    "2015-03-31",
    "functions",
    "a+b",
    "x.y~z_-",
    "%20",
    "%3A",
    "(a)!*'",
  ),
  fc.string({ unit: "grapheme", maxLength: 8 }).map(percentEncoded),
);
const path = fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join("/")}`);
const parameter = fc.oneof(
  fc.constantFrom("", "a", "a b", "a+b", "=", "&", "é", "Ω", "~", "*", "a-", "A", "prefix", "%41"),
  fc.string({ unit: "grapheme", maxLength: 6 }),
);
const query: fc.Arbitrary<Query> = fc.dictionary(
  parameter,
  fc.oneof(parameter, fc.array(parameter, { minLength: 1, maxLength: 3 })),
  { maxKeys: 4, noNullPrototype: true },
);
const headerValue = fc.constantFrom("", "a", "  a  b ", "a\tb", "x,y", "a;b=c", "Basic  x", "é");
const headers = fc.dictionary(
  fc.constantFrom(
    "Content-Type",
    "X-Amz-Meta-A",
    "x-amz-target",
    "Accept",
    "x-custom",
    "User-Agent",
  ),
  headerValue,
  { noNullPrototype: true },
);
const sample: fc.Arbitrary<Sample> = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD"),
  path,
  query,
  headers,
  body: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  sessionToken: fc.option(fc.base64String({ minLength: 4, maxLength: 40 }), { nil: undefined }),
});

function messageFrom(given: Sample, signed: Record<string, string>): SignedMessage {
  const { method, path } = given;
  return { method, path, query: wireQuery(given.query), headers: lowerCased(signed) };
}

/** Published by AWS: its test suite's get-vanilla, and the worked example of the signing guide. */
const VECTORS: readonly { service: string; message: SignedMessage; signature: string }[] = [
  {
    service: "service",
    message: { method: "GET", path: "/", query: "", headers: { host: "example.amazonaws.com" } },
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  },
  {
    service: "iam",
    message: {
      method: "GET",
      path: "/",
      query: "Action=ListUsers&Version=2010-05-08",
      headers: {
        host: "iam.amazonaws.com",
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
      },
    },
    signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
  },
];

test("SIG-2: sigv4: accepts AWS's published vectors", () => {
  for (const { service, message, signature } of VECTORS) {
    const headers = { ...message.headers, "x-amz-date": "20150830T123600Z" };
    const names = Object.keys(headers).sort().join(";");
    const authorization =
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/${service}/aws4_request, ` +
      `SignedHeaders=${names}, Signature=${signature}`;
    const signed = { ...message, headers: { ...headers, authorization } };
    const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    verifySignature(signed, parseSignature(signed), secret, sha256Hex(""), new SigningKeys());
  }
});

test("SIG-2: sigv4: accepts what the SDK's signer signs, with and without a payload header", async () => {
  await fc.assert(
    fc.asyncProperty(
      sample,
      fc.boolean(),
      fc.constantFrom("lambda", "sqs", "s3"),
      async (given, checksum, service) => {
        const signer = oracle(service, given.sessionToken, checksum);
        const signed = await signer.sign(oracleRequest(given), { signingDate: new Date(NOW_MS) });
        verify(messageFrom(given, signed.headers), given.body);
      },
    ),
    { numRuns: 300 },
  );
});

test("SIG-2: sigv4: accepts the SDK's presigned requests until they expire", async () => {
  await fc.assert(
    fc.asyncProperty(sample, fc.integer({ min: 1, max: 604_800 }), async (given, expiresIn) => {
      const signer = oracle("lambda", given.sessionToken);
      const request = oracleRequest(given);
      const options = { signingDate: new Date(NOW_MS), expiresIn };
      const signed = await signer.presign(request, options);
      const sent = { ...given, query: signed.query as Query };
      const message = messageFrom(sent, signed.headers);
      verify(message, given.body, NOW_MS + expiresIn * 1000);
      assert.throws(
        () => verify(message, given.body, NOW_MS + expiresIn * 1000 + 1),
        refused("expired"),
      );
    }),
    { numRuns: 200 },
  );
});

/** Another character of the same alphabet, so that the change is not refused for its form. */
function otherHex(text: string, at: number): string {
  const changed = text[at] === "0" ? "1" : "0";
  return text.slice(0, at) + changed + text.slice(at + 1);
}

test("SIG-1: sigv4: refuses a signature with any digit changed, in either form", () => {
  const url = new URL(`http://${HOST}/2015-03-31/functions?Marker=a`);
  const common = { credentials, region: "us-east-1", service: "lambda", timeMs: NOW_MS };
  const signed = signRequest({ method: "GET", url, ...common });
  const message = { method: "GET", path: url.pathname, query: "Marker=a", headers: signed };
  verify(message, Buffer.alloc(0));
  const authorization = signed.authorization ?? "";
  const from = authorization.length - 64;
  for (let at = from; at < authorization.length; at++) {
    const headers = { ...signed, authorization: otherHex(authorization, at) };
    assert.throws(
      () => verify({ ...message, headers }, Buffer.alloc(0)),
      refused("signature_mismatch"),
    );
  }
  const link = presign({ method: "GET", url: url.href, expiresSeconds: 60, ...common });
  const query = link.slice(link.indexOf("?") + 1);
  const bare = { method: "GET", path: url.pathname, headers: { host: HOST } };
  verify({ ...bare, query }, Buffer.alloc(0));
  for (let at = query.length - 64; at < query.length; at++) {
    const changed = { ...bare, query: otherHex(query, at) };
    assert.throws(() => verify(changed, Buffer.alloc(0)), refused("signature_mismatch"));
  }
  for (const cut of [query.slice(0, -1), `${query}0`]) {
    assert.throws(() => verify({ ...bare, query: cut }, Buffer.alloc(0)), refused());
  }
});

test("SIG-1: sigv4: refuses a request when anything signed is changed", async () => {
  const change = fc.constantFrom(
    "method",
    "path",
    "query",
    "header",
    "newHeader",
    "dropped",
    "body",
  );
  await fc.assert(
    fc.asyncProperty(sample, change, async (given, what) => {
      const signer = oracle("lambda", given.sessionToken);
      const signed = await signer.sign(oracleRequest(given), { signingDate: new Date(NOW_MS) });
      const message = messageFrom(given, signed.headers);
      const keys = new SigningKeys();
      verify(message, given.body, NOW_MS, keys);
      const [changed, body] = changedOf(message, given.body, what);
      assert.throws(() => verify(changed, body, NOW_MS, keys), refused());
    }),
    { numRuns: 300 },
  );
});

function changedOf(message: SignedMessage, body: Buffer, what: string): [SignedMessage, Buffer] {
  const { host = "", ...rest } = message.headers;
  switch (what) {
    case "method":
      return [{ ...message, method: "PATCH" }, body];
    case "path":
      return [{ ...message, path: `${message.path}x` }, body];
    case "query":
      return [{ ...message, query: `${message.query}&a` }, body];
    case "header":
      return [{ ...message, headers: { ...rest, host: `${host}0` } }, body];
    case "newHeader":
      return [{ ...message, headers: { ...rest, host, "x-amz-log-type": "Tail" } }, body];
    case "dropped":
      return [{ ...message, headers: rest }, body];
    default:
      return [message, Buffer.concat([body, Buffer.from("x")])];
  }
}

test("SIG-1: sigv4: refuses every other byte in the signed parts", () => {
  const url = new URL(`http://${HOST}/2015-03-31/functions/fn/invocations?Qualifier=7`);
  const body = Buffer.from('{"a":1}');
  const signed = signRequest({
    method: "POST",
    url,
    headers: { "x-amz-invocation-type": "Event", "content-type": "application/json" },
    body,
    credentials: { ...credentials, sessionToken: "token" },
    region: "us-east-1",
    service: "lambda",
    timeMs: NOW_MS,
  });
  const message = { method: "POST", path: url.pathname, query: "Qualifier=7", headers: signed };
  verify(message, body);
  for (const [name, value] of Object.entries(signed)) {
    if (name === "authorization") continue;
    for (let at = 0; at < value.length; at++) {
      const changed = value.slice(0, at) + (value[at] === "1" ? "2" : "1") + value.slice(at + 1);
      const headers = { ...signed, [name]: changed };
      assert.throws(() => verify({ ...message, headers }, body), refused(), `${name}: ${changed}`);
    }
  }
  for (let at = 0; at < body.length; at++) {
    const changed = Buffer.from(body);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    assert.throws(() => verify(message, changed), refused("payload_mismatch"));
  }
});

test("SIG-1: sigv4: holds the time against the clock, 15 minutes either way", () => {
  const url = new URL(`http://${HOST}/`);
  const common = { credentials, region: "us-east-1", service: "sts", timeMs: NOW_MS };
  const headers = signRequest({ method: "GET", url, ...common });
  const message = { method: "GET", path: "/", query: "", headers };
  const quarter = 15 * 60_000;
  for (const lateMs of [-quarter, 0, quarter]) verify(message, Buffer.alloc(0), NOW_MS + lateMs);
  assert.throws(() => verify(message, Buffer.alloc(0), NOW_MS + quarter + 1), {
    message:
      "Signature expired: 20261121T123005Z is now earlier than 20261121T123005Z " +
      "(20261121T124505Z - 15 min.)",
  });
  assert.throws(() => verify(message, Buffer.alloc(0), NOW_MS - quarter - 1), {
    message: /^Signature not yet current: 20261121T123005Z is still later than/,
  });
});

test("sigv4: takes the date of HTTP when there is no X-Amz-Date", async () => {
  const url = new URL(`http://${HOST}/`);
  const signed = signRequest({
    method: "GET",
    url,
    credentials,
    region: "us-east-1",
    service: "sts",
    timeMs: NOW_MS,
  });
  const { "x-amz-date": _, ...headers } = signed;
  const claim = parseSignature({
    method: "GET",
    path: "/",
    query: "",
    headers: { ...headers, date: new Date(NOW_MS).toUTCString() },
  });
  assert.equal(claim.timestamp, "20261121T123005Z");
  assert.equal(claim.signedAtMs, NOW_MS);
});

test("sigv4: names what an incomplete signature lacks", () => {
  const scope = "AKIAIOSFODNN7EXAMPLE/20261121/us-east-1/lambda/aws4_request";
  const good = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=${"0".repeat(64)}`;
  const date = { host: HOST, "x-amz-date": "20261121T123005Z" };
  const parse =
    (headers: Record<string, string>, query = "") =>
    () =>
      void parseSignature({ method: "GET", path: "/", query, headers });
  parse({ ...date, authorization: good })();
  assert.throws(parse(date), { message: "Missing Authentication Token" });
  const incomplete: [Record<string, string>, string][] = [
    [{ ...date, authorization: "Basic dTpw" }, ""],
    [{ ...date, authorization: "AWS4-HMAC-SHA256 " }, ""],
    [{ ...date, authorization: good.replace("Credential=", "XCredential=") }, ""],
    [{ ...date, authorization: good.replace("Signature=", "Sig=") }, ""],
    [{ ...date, authorization: good.replace("SignedHeaders=", "Signed=") }, ""],
    [{ ...date, authorization: good.replace("/lambda", "") }, ""],
    [{ host: HOST, authorization: good }, ""],
    [{ host: HOST, "x-amz-date": "yesterday", authorization: good }, ""],
    [{ ...date, authorization: good }, "X-Amz-Algorithm=AWS4-HMAC-SHA256"],
    [date, "X-Amz-Algorithm=AWS4-HMAC-SHA1"],
    [date, "X-Amz-Algorithm=AWS4-HMAC-SHA256"],
  ];
  for (const [headers, query] of incomplete) {
    assert.throws(parse(headers, query), refused("incomplete_signature"));
  }
  const otherDay = good.replace("20261121", "20261120");
  assert.throws(parse({ ...date, authorization: otherDay }), refused("signature_mismatch"));
  const otherEnd = good.replace("aws4_request", "aws5_request");
  assert.throws(parse({ ...date, authorization: otherEnd }), refused("signature_mismatch"));
});

test("sigv4: presigned URLs live one second to seven days", () => {
  const common = { credentials, region: "us-east-1", service: "lambda", timeMs: NOW_MS };
  const link = presign({
    method: "GET",
    url: `http://${HOST}/x`,
    expiresSeconds: 604_800,
    ...common,
  });
  const parse = (seconds: string): void => {
    const query = link.slice(link.indexOf("?") + 1).replace("Expires=604800", `Expires=${seconds}`);
    parseSignature({ method: "GET", path: "/x", query, headers: { host: HOST } });
  };
  parse("604800");
  parse("1");
  for (const seconds of ["604801", "0", "-1", "1e3", "x", ""]) {
    assert.throws(() => parse(seconds), refused("incomplete_signature"), seconds);
  }
});

test("sigv4: an unsigned payload is for s3 and presigned URLs alone", () => {
  const url = new URL(`http://${HOST}/x`);
  const headers = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
  const hashOf = (service: string, stated: string): string | undefined => {
    const common = { credentials, region: "us-east-1", service, timeMs: NOW_MS };
    const signed = signRequest({ method: "PUT", url, headers, ...common });
    const message = { method: "PUT", path: "/x", query: "", headers: signed };
    return signedPayloadHash({ ...parseSignature(message), payloadHash: stated });
  };
  assert.equal(hashOf("s3", "UNSIGNED-PAYLOAD"), "UNSIGNED-PAYLOAD");
  assert.throws(() => hashOf("lambda", "UNSIGNED-PAYLOAD"), refused("payload_mismatch"));
  for (const stated of ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", "0".repeat(63), "G".repeat(64)]) {
    assert.throws(() => hashOf("s3", stated), refused("payload_mismatch"), stated);
  }
});

test("sigv4: two headers of a kind are joined when harmless and refused when they decide", () => {
  const url = new URL(`http://${HOST}/`);
  const common = { credentials, region: "us-east-1", service: "lambda", timeMs: NOW_MS };
  const headers = signRequest({ method: "GET", url, headers: { "x-a": "1,2" }, ...common });
  const message = { method: "GET", path: "/", query: "", headers: { ...headers, "x-a": "1, 2" } };
  const distinct = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value]]),
  );
  verify({ ...message, repeated: { ...distinct, "x-a": ["1", "2"] } }, Buffer.alloc(0));
  for (const name of ["host", "authorization", "x-amz-date", "x-amz-content-sha256"]) {
    const repeated = { ...distinct, "x-a": ["1", "2"], [name]: [headers[name] ?? "", "other"] };
    assert.throws(
      () => verify({ ...message, repeated }, Buffer.alloc(0)),
      refused("incomplete_signature"),
    );
  }
});

test("presign: the SDK's signer makes the same URL", async () => {
  const signer = oracle("lambda", "token");
  const request = oracleRequest({
    method: "GET",
    path: "/_hearth/code/000000000000/ab",
    query: {},
    headers: {},
    body: Buffer.alloc(0),
    sessionToken: "token",
  });
  const theirs = await signer.presign(request, { signingDate: new Date(NOW_MS), expiresIn: 600 });
  const ours = presign({
    method: "GET",
    url: `http://${HOST}/_hearth/code/000000000000/ab`,
    credentials: { ...credentials, sessionToken: "token" },
    region: "eu-west-3",
    service: "lambda",
    expiresSeconds: 600,
    timeMs: NOW_MS,
  });
  assert.deepEqual(Object.fromEntries(new URL(ours).searchParams), theirs.query);
});
