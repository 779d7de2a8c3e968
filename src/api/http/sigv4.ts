import { timingSafeEqual } from "node:crypto";
import { PlatformError, type UnauthenticatedReason } from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import {
  canonicalQuery,
  canonicalRequest,
  queryParameter,
  type SignedMessage,
} from "./canonical.ts";
import {
  ALGORITHM,
  deriveSigningKey,
  type SigningKeys,
  sha256Hex,
  signatureOf,
} from "./signing-key.ts";

/**
 * Verification of AWS Signature Version 4 in three steps that the server runs in this order:
 * `parseSignature` reads what a request claims (pure), the server looks the credential up, then
 * `verifyTime` and `verifySignature` hold the claim against clock and secret, and `verifyPayload`
 * the body against what was signed. docs/adr/0006-signatures.md says why.
 */

/** Presigned URLs live seven days at most. Source: X-Amz-Expires in AWS's signing guide. */
export const PRESIGNED_SECONDS_MAX: number = 7 * 24 * 3600;
export const UNSIGNED_PAYLOAD: string = "UNSIGNED-PAYLOAD";

/** What a request says about its signature; nothing of it is believed yet. */
export interface SignatureClaim {
  readonly form: "header" | "presigned";
  readonly accessKeyId: string;
  /** `accessKeyId/scope` */
  readonly credential: string;
  /** `date/region/service/aws4_request` */
  readonly scope: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** Lower-case names joined by semicolons. */
  readonly signedHeaders: string;
  readonly signature: string;
  /** `YYYYMMDDTHHMMSSZ` */
  readonly timestamp: string;
  readonly signedAtMs: number;
  /** How long after `signedAtMs` the request may arrive; the clock's tolerance for headers. */
  readonly lifetimeMs: number;
  readonly sessionToken: string | undefined;
  /** As the request states it: a hash, UNSIGNED-PAYLOAD, or undefined. */
  readonly payloadHash: string | undefined;
}

/** Headers that decide who is asking: two of a kind are refused instead of choosing one. */
const SINGLE_HEADERS = [
  "host",
  "authorization",
  "date",
  "x-amz-date",
  "x-amz-content-sha256",
  "x-amz-security-token",
];

export function refuse(reason: UnauthenticatedReason, message: string): never {
  throw new PlatformError({ kind: "unauthenticated", reason }, message);
}

/**
 * Reads the signature of a request, in a header or in the query.
 * @throws PlatformError kind "unauthenticated": missing_token, incomplete_signature,
 *   signature_mismatch
 */
export function parseSignature(message: SignedMessage): SignatureClaim {
  if (message.repeated) refuseRepeated(message.repeated);
  const authorization = message.headers.authorization;
  const presigned = message.query !== "" && message.query.includes("X-Amz-Algorithm=");
  if (typeof authorization !== "string") {
    if (presigned) return parsePresigned(message);
    return refuse("missing_token", "Missing Authentication Token");
  }
  if (presigned) {
    return refuse("incomplete_signature", "Only one of Authorization and X-Amz-Algorithm allowed");
  }
  return parseAuthorization(message, authorization);
}

/** The service a request says it is for, however broken its signature; decides how errors look. */
export function claimedService(message: SignedMessage): string | undefined {
  const { authorization } = message.headers;
  const credential =
    typeof authorization === "string"
      ? authorization.split("Credential=")[1]
      : queryParameter(message.query, "X-Amz-Credential");
  return credential?.split("/", 4)[3];
}

function refuseRepeated(repeated: NonNullable<SignedMessage["repeated"]>): void {
  for (const name of SINGLE_HEADERS) {
    if ((repeated[name]?.length ?? 0) > 1) {
      refuse("incomplete_signature", `Header ${name} must come once`);
    }
  }
}

function parseAuthorization(message: SignedMessage, authorization: string): SignatureClaim {
  if (!authorization.startsWith(`${ALGORITHM} `)) {
    refuse("incomplete_signature", `Authorization header requires the scheme ${ALGORITHM}`);
  }
  const credential = authorizationPart(authorization, "Credential=");
  const signedHeaders = authorizationPart(authorization, "SignedHeaders=");
  const signature = authorizationPart(authorization, "Signature=");
  const { headers } = message;
  const stated = headers["x-amz-date"] ?? headers.date;
  if (typeof stated !== "string") {
    refuse(
      "incomplete_signature",
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header",
    );
  }
  const { timestamp, signedAtMs } = parseTimestamp(stated);
  return {
    form: "header",
    ...parseCredential(credential, timestamp),
    signedHeaders,
    signature,
    timestamp,
    signedAtMs,
    lifetimeMs: limits.CLOCK_SKEW_MS_MAX,
    sessionToken: text(headers["x-amz-security-token"]),
    payloadHash: text(headers["x-amz-content-sha256"]),
  };
}

function text(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The text after `label` up to the next comma or space. */
function authorizationPart(authorization: string, label: string): string {
  let from = authorization.indexOf(label, ALGORITHM.length);
  // "Signature=" never follows a letter, while a name that merely ends so would.
  while (from > 0 && !isSeparator(authorization.charCodeAt(from - 1))) {
    from = authorization.indexOf(label, from + 1);
  }
  if (from < 0) {
    const name = label.slice(0, -1);
    refuse("incomplete_signature", `Authorization header requires '${name}' parameter`);
  }
  from += label.length;
  let to = from;
  while (to < authorization.length && !isSeparator(authorization.charCodeAt(to))) to++;
  return authorization.slice(from, to);
}

function isSeparator(code: number): boolean {
  return code === 0x2c || code === 0x20 || code === 0x09;
}

function parsePresigned(message: SignedMessage): SignatureClaim {
  const { query, headers } = message;
  if (queryParameter(query, "X-Amz-Algorithm") !== ALGORITHM) {
    refuse("incomplete_signature", `Query parameter X-Amz-Algorithm must be ${ALGORITHM}`);
  }
  const credential = required(query, "X-Amz-Credential");
  const signedHeaders = required(query, "X-Amz-SignedHeaders");
  const signature = required(query, "X-Amz-Signature");
  const { timestamp, signedAtMs } = parseTimestamp(required(query, "X-Amz-Date"));
  return {
    form: "presigned",
    ...parseCredential(credential, timestamp),
    signedHeaders,
    signature,
    timestamp,
    signedAtMs,
    lifetimeMs: parseExpires(required(query, "X-Amz-Expires")) * 1000,
    sessionToken: queryParameter(query, "X-Amz-Security-Token"),
    payloadHash:
      text(headers["x-amz-content-sha256"]) ?? queryParameter(query, "X-Amz-Content-Sha256"),
  };
}

function required(query: string, name: string): string {
  const value = queryParameter(query, name);
  if (value) return value;
  return refuse("incomplete_signature", `AWS query-string parameters must include '${name}'`);
}

function parseExpires(stated: string): number {
  const seconds = /^\d{1,7}$/.test(stated) ? Number(stated) : 0;
  if (seconds >= 1 && seconds <= PRESIGNED_SECONDS_MAX) return seconds;
  return refuse(
    "incomplete_signature",
    `X-Amz-Expires must be between 1 and ${PRESIGNED_SECONDS_MAX} seconds: ${stated.slice(0, 20)}`,
  );
}

type Scope = Pick<
  SignatureClaim,
  "accessKeyId" | "credential" | "scope" | "date" | "region" | "service"
>;

function parseCredential(credential: string, timestamp: string): Scope {
  const parts = credential.split("/");
  const [accessKeyId, date, region, service, terminator] = parts;
  if (parts.length !== 5 || !accessKeyId || !date || !region || !service) {
    return refuse(
      "incomplete_signature",
      "Credential must have exactly 5 slash-delimited elements, " +
        "e.g. keyid/date/region/service/term",
    );
  }
  if (terminator !== "aws4_request") {
    refuse(
      "signature_mismatch",
      "Credential should be scoped with a valid terminator: 'aws4_request'",
    );
  }
  if (!timestamp.startsWith(date) || date.length !== 8) {
    refuse(
      "signature_mismatch",
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
        `'${date.slice(0, 16)}' != '${timestamp.slice(0, 8)}'`,
    );
  }
  const scope = credential.slice(accessKeyId.length + 1);
  return { accessKeyId, credential, scope, date, region, service };
}

/** `YYYYMMDDTHHMMSSZ`, or the date of HTTP, which is signed in the former shape. */
function parseTimestamp(stated: string): { timestamp: string; signedAtMs: number } {
  if (/^\d{8}T\d{6}Z$/.test(stated)) {
    const part = (from: number, to: number): number => Number(stated.slice(from, to));
    const signedAtMs = Date.UTC(
      part(0, 4),
      part(4, 6) - 1,
      part(6, 8),
      part(9, 11),
      part(11, 13),
      part(13, 15),
    );
    return { timestamp: stated, signedAtMs };
  }
  const signedAtMs = Date.parse(stated);
  if (!Number.isNaN(signedAtMs)) return { timestamp: timestampOf(signedAtMs), signedAtMs };
  return refuse(
    "incomplete_signature",
    `Date must be in ISO-8601 'basic format'. Got '${stated.slice(0, 40)}'`,
  );
}

/** `YYYYMMDDTHHMMSSZ` */
export function timestampOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

/**
 * Refuses what was signed too long ago or in the future.
 * @throws PlatformError kind "unauthenticated", reason "expired"
 */
export function verifyTime(claim: SignatureClaim, nowMs: number): void {
  const skewMs = limits.CLOCK_SKEW_MS_MAX;
  const lateMs = nowMs - claim.signedAtMs;
  if (lateMs <= claim.lifetimeMs && lateMs >= -skewMs) return;
  const now = timestampOf(nowMs);
  if (lateMs < 0) {
    const latest = timestampOf(nowMs + skewMs);
    refuse(
      "expired",
      `Signature not yet current: ${claim.timestamp} is still later than ${latest} (${now} + 15 min.)`,
    );
  }
  const earliest = timestampOf(nowMs - claim.lifetimeMs);
  const tolerance = claim.form === "header" ? "15 min." : `${claim.lifetimeMs / 1000} s`;
  refuse(
    "expired",
    `Signature expired: ${claim.timestamp} is now earlier than ${earliest} (${now} - ${tolerance})`,
  );
}

/**
 * Computes the signature from the secret and compares it in constant time.
 * @param payloadHash what the canonical request ends with: see `signedPayloadHash`
 * @throws PlatformError kind "unauthenticated", reason "signature_mismatch"
 */
export function verifySignature(
  message: SignedMessage,
  claim: SignatureClaim,
  secretAccessKey: string,
  payloadHash: string,
  keys: SigningKeys,
): void {
  requireSigned(message, claim.signedHeaders);
  const query =
    claim.form === "header"
      ? canonicalQuery(message.query)
      : canonicalQuery(message.query, "X-Amz-Signature");
  const canonical = canonicalRequest(
    message,
    claim.service,
    query,
    claim.signedHeaders,
    payloadHash,
  );
  if (canonical === undefined) {
    refuse("signature_mismatch", "A header named in SignedHeaders is not in the request");
  }
  const cached = keys.get(claim.credential);
  const key = cached ?? deriveSigningKey(secretAccessKey, claim.date, claim.region, claim.service);
  const expected = signatureOf(key, claim.timestamp, claim.scope, canonical);
  if (!equalInConstantTime(expected, claim.signature)) {
    refuse(
      "signature_mismatch",
      "The request signature we calculated does not match the signature you provided. " +
        "Check your AWS Secret Access Key and signing method. " +
        "Consult the service documentation for details.",
    );
  }
  if (cached === undefined) keys.keep(claim.credential, key);
}

/** Host and every x-amz-* header must be covered, or they could be changed on the way. */
function requireSigned(message: SignedMessage, signedHeaders: string): void {
  const signed = `;${signedHeaders};`;
  if (!signed.includes(";host;")) {
    refuse(
      "signature_mismatch",
      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
  }
  for (const name in message.headers) {
    if (!name.startsWith("x-amz-") || signed.includes(`;${name};`)) continue;
    refuse("signature_mismatch", `'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
  }
}

/** The two sides of a comparison; calls never overlap. */
const EXPECTED: Buffer = Buffer.alloc(64);
const GIVEN: Buffer = Buffer.alloc(64);

/** Compares two SHA-256 values in hexadecimal. */
function equalInConstantTime(expected: string, given: string): boolean {
  if (given.length !== EXPECTED.length) return false;
  EXPECTED.write(expected, "latin1");
  GIVEN.write(given, "latin1");
  return timingSafeEqual(EXPECTED, GIVEN);
}

/**
 * What the canonical request ends with, when that is known without the body; undefined when the
 * body's own hash is needed. s3 alone signs URLs without a body hash unless told otherwise.
 * @throws PlatformError kind "unauthenticated", reason "payload_mismatch", for forms that the
 *   service does not take
 */
export function signedPayloadHash(claim: SignatureClaim): string | undefined {
  const stated = claim.payloadHash;
  if (stated === undefined) {
    return claim.service === "s3" && claim.form === "presigned" ? UNSIGNED_PAYLOAD : undefined;
  }
  if (stated === UNSIGNED_PAYLOAD) {
    if (claim.service === "s3" || claim.form === "presigned") return stated;
    refuse("payload_mismatch", `${UNSIGNED_PAYLOAD} is not accepted by service ${claim.service}`);
  }
  if (!/^[0-9a-f]{64}$/.test(stated)) {
    // STREAMING-* forms sign the body in chunks; no service here takes such bodies.
    refuse("payload_mismatch", "x-amz-content-sha256 must be the body's SHA-256 in hexadecimal");
  }
  return stated;
}

/**
 * Holds a body against the hash that was signed.
 * @throws PlatformError kind "unauthenticated", reason "payload_mismatch"
 */
export function verifyPayload(payloadHash: string, body: Buffer): void {
  if (payloadHash === UNSIGNED_PAYLOAD) return;
  if (equalInConstantTime(sha256Hex(body), payloadHash)) return;
  refuse(
    "payload_mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  );
}
