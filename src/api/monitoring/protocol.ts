import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { cbor, tag } from "@smithy/core/cbor";
import { messageOf } from "../../base/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import { MonitoringError, type WireError } from "./errors.ts";
import { parseQuery } from "./query-form.ts";
import { xmlOf, xmlText } from "./xml.ts";

/** The three protocols that clients of CloudWatch speak, the oldest first. */
export type Protocol = "query" | "json" | "cbor";

export interface WireRequest {
  readonly protocol: Protocol;
  readonly operation: string;
  readonly input: unknown;
}

/** A value to be answered: Dates are times, Maps have keys of the caller's. */
export type Output = Readonly<Record<string, unknown>>;

const TARGET_PREFIX = "GraniteServiceVersion20100801.";
const CBOR_PATH = /^\/service\/GraniteServiceVersion20100801\/operation\/(\w+)$/;
const NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/";
/** A request, unpacked. AWS: 1 MB for PutMetricData. */
const INPUT_BYTES_MAX = 4 * 1024 * 1024;

const unzip = promisify(gunzip);

/** What a client speaks, by its headers alone. */
export function protocolOf(headers: IncomingHttpHeaders): Protocol {
  if (headers["smithy-protocol"] === "rpc-v2-cbor") return "cbor";
  return headers["x-amz-target"] === undefined ? "query" : "json";
}

/** Takes a request apart. @throws MonitoringError when it is none of any protocol */
export async function readRequest(request: AuthenticatedRequest): Promise<WireRequest> {
  const protocol = protocolOf(request.headers);
  const body = await unpacked(request);
  if (protocol === "query") {
    const form = body.length > 0 ? new URLSearchParams(body.toString()) : request.query;
    return { protocol, operation: form.get("Action") ?? "", input: parseQuery(form) };
  }
  if (protocol === "json") {
    const target = String(request.headers["x-amz-target"]);
    const operation = target.startsWith(TARGET_PREFIX)
      ? target.slice(TARGET_PREFIX.length)
      : target;
    return { protocol, operation, input: decoded(() => JSON.parse(body.toString() || "{}")) };
  }
  const operation = CBOR_PATH.exec(request.path)?.[1] ?? request.path;
  const input = decoded(() => (body.length === 0 ? {} : cbor.deserialize(body)));
  return { protocol, operation, input };
}

export function writeResponse(
  { protocol, operation }: WireRequest,
  output: Output,
  requestId: string,
): HttpResponse {
  if (protocol === "query") {
    const result = Object.keys(output).length === 0 ? "" : xmlOf(`${operation}Result`, output);
    const metadata = `<ResponseMetadata>${xmlOf("RequestId", requestId)}</ResponseMetadata>`;
    const name = `${operation}Response`;
    return xmlResponse(200, `<${name} xmlns="${NAMESPACE}">${result}${metadata}</${name}>`);
  }
  return encodedResponse(protocol, 200, {}, output);
}

export function writeFailure(
  protocol: Protocol,
  { status, code, shape, message }: WireError,
  requestId: string,
): HttpResponse {
  const fault = status < 500 ? "Sender" : "Receiver";
  if (protocol === "query") {
    return xmlResponse(
      status,
      `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>${fault}</Type>` +
        `<Code>${xmlText(code)}</Code><Message>${xmlText(message)}</Message></Error>` +
        `<RequestId>${xmlText(requestId)}</RequestId></ErrorResponse>`,
    );
  }
  const headers = { "x-amzn-query-error": `${code};${fault}`, "x-amzn-ErrorType": shape };
  const __type = `com.amazonaws.cloudwatch#${shape}`;
  return encodedResponse(protocol, status, headers, { __type, message });
}

function xmlResponse(status: number, body: string): HttpResponse {
  return { status, headers: { "Content-Type": "text/xml" }, body };
}

function encodedResponse(
  protocol: "json" | "cbor",
  status: number,
  headers: Readonly<Record<string, string>>,
  output: Output,
): HttpResponse {
  if (protocol === "json") {
    const type = { "Content-Type": "application/x-amz-json-1.0" };
    return { status, headers: { ...headers, ...type }, body: JSON.stringify(jsonValue(output)) };
  }
  const type = { "Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor" };
  const body = Buffer.from(cbor.serialize(cborValue(output)));
  return { status, headers: { ...headers, ...type }, body };
}

function jsonValue(value: unknown): unknown {
  return mapped(value, (time) => time.getTime() / 1000);
}

function cborValue(value: unknown): unknown {
  return mapped(value, (time) => tag({ tag: 1, value: time.getTime() / 1000 }));
}

function mapped(value: unknown, time: (value: Date) => unknown): unknown {
  if (value instanceof Date) return time(value);
  if (Array.isArray(value)) return value.map((each) => mapped(each, time));
  if (typeof value !== "object" || value === null) return value;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const defined = entries.filter(([, member]) => member !== undefined);
  return Object.fromEntries(defined.map(([key, member]) => [key, mapped(member, time)]));
}

async function unpacked({ body, headers }: AuthenticatedRequest): Promise<Buffer> {
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new MonitoringError("SerializationException", `Unknown content encoding ${encoding}`);
  }
  if (encoding === "identity" && body.length <= INPUT_BYTES_MAX) return body;
  if (encoding === "identity") {
    throw new MonitoringError("InvalidParameterValue", "The request is too large");
  }
  try {
    return await unzip(body, { maxOutputLength: INPUT_BYTES_MAX });
  } catch (error) {
    throw new MonitoringError("SerializationException", `Cannot unpack: ${messageOf(error)}`);
  }
}

function decoded(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    throw new MonitoringError("SerializationException", `Cannot read: ${messageOf(error)}`);
  }
}
