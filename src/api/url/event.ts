import { isUtf8 } from "node:buffer";
import type { FunctionUrl } from "../../registry/mod.ts";
import type { Identity, OpenRequest } from "../http/request.ts";
import { urlHostName } from "./address.ts";

/** What the event is made of. */
export interface UrlCall {
  readonly url: FunctionUrl;
  readonly request: OpenRequest;
  /** Who signed; absent where nobody has to. */
  readonly identity?: Identity;
  /** The path that the function sees. */
  readonly path: string;
  readonly body: Buffer;
  readonly traceId: string;
  readonly region: string;
  readonly nowMs: number;
}

/**
 * The event of a call by URL: payload format version 2.0. Members that AWS leaves out when they are
 * empty are left out.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload and
 * events as Lambda sends them.
 */
export function eventOf(call: UrlCall): Buffer {
  const { request, path, body } = call;
  const cookies = cookiesOf(request);
  const parameters = parametersOf(request.query);
  const event = {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: request.query,
    ...(cookies.length > 0 ? { cookies } : {}),
    headers: headersOf(call),
    ...(parameters === undefined ? {} : { queryStringParameters: parameters }),
    requestContext: contextOf(call),
    ...bodyOf(body, request.headers["content-type"], request.headers["content-encoding"]),
  };
  return Buffer.from(JSON.stringify(event));
}

/** Which of the host's own headers stand for the connection, not for the request. */
const NOT_PASSED_ON: ReadonlySet<string> = new Set([
  "connection",
  "cookie",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** With these a function could pass for its caller; kept back where Hearth has checked them. */
const SIGNATURE_HEADERS: ReadonlySet<string> = new Set(["authorization", "x-amz-security-token"]);

function headersOf({ request, identity, traceId }: UrlCall): Record<string, string> {
  const headers: Record<string, string> = {};
  const values = request.repeated ?? request.headers;
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || NOT_PASSED_ON.has(name)) continue;
    if (identity !== undefined && SIGNATURE_HEADERS.has(name)) continue;
    headers[name] = Array.isArray(value) ? value.join(",") : value;
  }
  headers["x-amzn-trace-id"] = traceId;
  headers["x-forwarded-for"] = sourceAddress(request);
  headers["x-forwarded-proto"] = "http";
  headers["x-forwarded-port"] = portOf(request.headers.host);
  return headers;
}

function contextOf(call: UrlCall): Record<string, unknown> {
  const { url, request, identity, path, nowMs } = call;
  const host = request.headers.host ?? "";
  const isHostStyle = host.toLowerCase().startsWith(`${url.id}.`);
  return {
    accountId: identity === undefined ? "anonymous" : url.owner,
    apiId: url.id,
    ...(identity === undefined ? {} : { authentication: null, authorizer: authorizerOf(identity) }),
    domainName: isHostStyle ? host.replace(/:\d+$/, "") : urlHostName(url.id, call.region),
    domainPrefix: url.id,
    http: {
      method: request.method,
      path,
      protocol: "HTTP/1.1",
      sourceIp: sourceAddress(request),
      userAgent: request.headers["user-agent"] ?? "",
    },
    requestId: request.requestId,
    routeKey: "$default",
    stage: "$default",
    time: logTime(nowMs),
    timeEpoch: nowMs,
  };
}

function authorizerOf(identity: Identity): Record<string, unknown> {
  return {
    iam: {
      accessKey: identity.accessKeyId,
      accountId: identity.owner,
      callerId: identity.userId,
      cognitoIdentity: null,
      principalOrgId: null,
      userArn: identity.arn,
      userId: identity.userId,
    },
  };
}

function cookiesOf({ headers }: OpenRequest): string[] {
  const cookies = headers.cookie?.split(";").map((cookie) => cookie.trim()) ?? [];
  return cookies.filter((cookie) => cookie !== "");
}

/** Decoded, the values of one name joined by commas; undefined when there are none. */
function parametersOf(query: string): Record<string, string> | undefined {
  if (query === "") return undefined;
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = parameters.get(name);
    parameters.set(name, before === undefined ? value : `${before},${value}`);
  }
  return parameters.size > 0 ? Object.fromEntries(parameters) : undefined;
}

/** What is passed on as text; anything else, form data included, is base64, as on AWS. */
const TEXT: RegExp = /^(text\/|application\/([\w.-]+\+)?(json|javascript|xml)\s*(;|$))/i;

function bodyOf(
  body: Buffer,
  contentType: string | undefined,
  contentEncoding: string | undefined,
): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  const isText = TEXT.test(contentType ?? "") && contentEncoding === undefined && isUtf8(body);
  return isText
    ? { body: body.toString(), isBase64Encoded: false }
    : { body: body.toString("base64"), isBase64Encoded: true };
}

/** IPv4 as such, also where the server listens on IPv6. */
function sourceAddress({ address }: OpenRequest): string {
  return address.replace(/^::ffff:/, "");
}

function portOf(host: string | undefined): string {
  return /:(\d+)$/.exec(host ?? "")?.[1] ?? "80";
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `12/Mar/2020:19:03:58 +0000` */
function logTime(timeMs: number): string {
  const time = new Date(timeMs);
  const day = String(time.getUTCDate()).padStart(2, "0");
  const clock = time.toISOString().slice(11, 19);
  return `${day}/${MONTHS[time.getUTCMonth()]}/${time.getUTCFullYear()}:${clock} +0000`;
}
