/**
 * The canonical form of an HTTP request, as Signature Version 4 defines it: pure text work that
 * signing and verifying share.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */

/** What a signature covers, as it stood on the wire. */
export interface SignedMessage {
  readonly method: string;
  /** Path as sent, percent-encoded, without query. */
  readonly path: string;
  /** Query as sent, without the question mark. */
  readonly query: string;
  /** Lower-case name -> value. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Every value of every header, in order; present only when a header came more than once. */
  readonly repeated?: Readonly<Record<string, string[] | undefined>>;
}

const SLASH = 0x2f;
const PERCENT = 0x25;
const PLUS = 0x2b;
const EQUALS = 0x3d;

/** Byte -> how it is written: itself when unreserved by RFC 3986, `%XX` otherwise. */
const WRITTEN: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z0-9\-._~]/.test(character)) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});
const UNRESERVED: readonly boolean[] = WRITTEN.map((text) => text.length === 1);

/** The canonical path: encoded once more for every service but s3, which signs it as sent. */
export function canonicalPath(path: string, service: string): string {
  return service === "s3" ? path : encodePath(normalisePath(path));
}

/**
 * Removes empty and dot segments, as clients do before they sign. Two paths with one normal form
 * carry the same signature, so requests are dispatched by the normal form too.
 */
export function normalisePath(path: string): string {
  if (!path.includes("//") && !path.includes("/.")) return path === "" ? "/" : path;
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const tail = kept.length > 0 && path.endsWith("/") ? "/" : "";
  return `/${kept.join("/")}${tail}`;
}

function encodePath(path: string): string {
  let encoded = "";
  let plainFrom = 0;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code === SLASH || UNRESERVED[code]) continue;
    encoded += path.slice(plainFrom, at) + written(code);
    plainFrom = at + 1;
  }
  return plainFrom === 0 ? path : encoded + path.slice(plainFrom);
}

/** One byte of a request line. Node gives the bytes above 0x7f as the code points of Latin-1. */
function written(code: number): string {
  return WRITTEN[code & 0xff] as string;
}

/** Parameters decoded, encoded anew and sorted by name, then value; `leftOut` is not covered. */
export function canonicalQuery(query: string, leftOut?: string): string {
  if (query === "") return "";
  const pairs: [name: string, value: string][] = [];
  for (const part of query.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = canonicalComponent(equals < 0 ? part : part.slice(0, equals));
    if (name === leftOut) continue;
    pairs.push([name, equals < 0 ? "" : canonicalComponent(part.slice(equals + 1))]);
  }
  if (pairs.length > 1) pairs.sort(byNameThenValue);
  return pairs.map(([name, value]) => `${name}=${value}`).join("&");
}

function byNameThenValue(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  if (a[1] === b[1]) return 0;
  return a[1] < b[1] ? -1 : 1;
}

/** Decodes and encodes anew. A plus means a space, as it does to whoever reads the parameter. */
function canonicalComponent(text: string): string {
  let encoded = "";
  let plainFrom = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (UNRESERVED[code]) continue;
    encoded += text.slice(plainFrom, at);
    const byte = code === PERCENT ? escapedByte(text, at) : undefined;
    if (byte !== undefined) at += 2;
    encoded += code === PLUS ? "%20" : written(byte ?? code);
    plainFrom = at + 1;
  }
  return plainFrom === 0 ? text : encoded + text.slice(plainFrom);
}

function escapedByte(text: string, at: number): number | undefined {
  const high = hexDigit(text.charCodeAt(at + 1));
  const low = hexDigit(text.charCodeAt(at + 2));
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}

/** The raw value of a parameter that must come at most once; undefined when absent. */
export function queryParameter(query: string, name: string): string | undefined {
  let from = 0;
  while (from <= query.length) {
    const ampersand = query.indexOf("&", from);
    const end = ampersand < 0 ? query.length : ampersand;
    if (query.startsWith(name, from) && query.charCodeAt(from + name.length) === EQUALS) {
      const value = query.slice(from + name.length + 1, end);
      return value.includes("%") ? decodeOrKeep(value) : value;
    }
    from = end + 1;
  }
  return undefined;
}

function decodeOrKeep(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Trims a value and makes runs of white space one space. */
function canonicalHeaderValue(value: string): string {
  if (!/^\s|\s$|\s\s|[^\S ]/.test(value)) return value;
  return value.trim().replace(/\s+/g, " ");
}

/**
 * The text whose hash is signed.
 * @param signedHeaders semicolon-separated lower-case names, as the signature states them
 * @returns undefined when a header that is said to be signed is not there
 */
export function canonicalRequest(
  message: SignedMessage,
  service: string,
  query: string,
  signedHeaders: string,
  payloadHash: string,
): string | undefined {
  let headers = "";
  for (const name of signedHeaders.split(";")) {
    const value = headerValue(message, name);
    if (value === undefined) return undefined;
    headers += `${name}:${value}\n`;
  }
  const path = canonicalPath(message.path, service);
  return `${message.method}\n${path}\n${query}\n${headers}\n${signedHeaders}\n${payloadHash}`;
}

function headerValue(message: SignedMessage, name: string): string | undefined {
  const values = message.repeated?.[name];
  if (Array.isArray(values)) return values.map(canonicalHeaderValue).join(",");
  const value = message.headers[name];
  return typeof value === "string" ? canonicalHeaderValue(value) : undefined;
}
