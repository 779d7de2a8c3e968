import { validateHeaderName, validateHeaderValue } from "node:http";
import type { HttpResponse } from "../http/request.ts";

/** An HTTP response as a function describes it, before its body. */
export interface ResponsePrelude {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
}

const JSON_TYPE = "application/json";

/**
 * The HTTP response that a function's result stands for: what it says itself when it has a
 * statusCode, else a 200 with the result as JSON. Undefined when it stands for none.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
 */
export function httpResponseOf(payload: Buffer): HttpResponse | undefined {
  const result = parsed(payload);
  if (result === undefined) return undefined;
  if (!isObject(result.value) || result.value.statusCode === undefined) {
    // A string is sent without its quotes, as AWS does whatever its documentation shows.
    const body = typeof result.value === "string" ? result.value : payload;
    return { status: 200, headers: { "content-type": JSON_TYPE }, body };
  }
  const prelude = preludeOf(result.value);
  const body = bodyOf(result.value);
  if (prelude === undefined || body === undefined) return undefined;
  return { ...prelude, body };
}

/** Status, headers and cookies of an answer; undefined when HTTP has no place for them. */
export function preludeOf(answer: Readonly<Record<string, unknown>>): ResponsePrelude | undefined {
  const status = statusOf(answer.statusCode ?? 200);
  const headers = headersOf(answer.headers ?? {});
  const cookies = answer.cookies ?? [];
  if (status === undefined || headers === undefined || !areCookies(cookies)) return undefined;
  return { status, headers, cookies };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number, or digits as text, which AWS takes too. 1xx would not end the exchange. */
function statusOf(value: unknown): number | undefined {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  const isStatus = typeof status === "number" && Number.isInteger(status);
  return isStatus && status >= 200 && status <= 599 ? status : undefined;
}

/** Headers that only the server can know; AWS sends what the function says under another name. */
const REMAPPED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "host",
  "server",
  "www-authenticate",
]);
/** Headers that would change how the message itself is read, or that are the server's own. */
const DROPPED: ReadonlySet<string> = new Set([
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-amzn-requestid",
  "x-amzn-trace-id",
]);

function headersOf(value: unknown): Record<string, string> | undefined {
  if (!isObject(value)) return undefined;
  const headers: Record<string, string> = { "content-type": JSON_TYPE };
  for (const [given, content] of Object.entries(value)) {
    const name = given.toLowerCase();
    if (content === null || DROPPED.has(name)) continue;
    if (typeof content === "object" || !isHeader(name, String(content))) return undefined;
    headers[REMAPPED.has(name) ? `x-amzn-remapped-${name}` : name] = String(content);
  }
  return headers;
}

function areCookies(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.every((cookie) => typeof cookie === "string" && isHeader("set-cookie", cookie))
  );
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function bodyOf({
  body,
  isBase64Encoded,
}: Readonly<Record<string, unknown>>): Buffer | string | undefined {
  if (body === undefined || body === null) return "";
  if (typeof body === "string") {
    return isBase64Encoded === true ? Buffer.from(body, "base64") : body;
  }
  return isBase64Encoded === true ? undefined : JSON.stringify(body);
}

function parsed(payload: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(payload.toString()) };
  } catch {
    return undefined;
  }
}
