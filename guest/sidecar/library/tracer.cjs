"use strict";
/**
 * OpenTelemetry spans of one call: the call itself, below it how an environment was acquired, its
 * initialisation and the handler. As the artifact `trace.json` and, with `endpoint`, by OTLP/HTTP.
 * Source: https://opentelemetry.io/docs/specs/otlp/ (JSON encoding)
 */
const { randomBytes } = require("node:crypto");

const KIND_INTERNAL = 1;
const KIND_SERVER = 2;
const STATUS_OK = 1;
const STATUS_ERROR = 2;

const initDurations = new Map();

function started({ initDurationMs }, context) {
  if (initDurationMs !== undefined) initDurations.set(context, initDurationMs);
}

async function end(result, context) {
  const initDurationMs = initDurations.get(context);
  initDurations.delete(context);
  const trace = traceOf(result, initDurationMs, context);
  const body = JSON.stringify(trace);
  context.artifact("trace.json", "application/json", body);
  const { endpoint, headers } = context.options;
  if (endpoint === undefined) return;
  try {
    const request = { headers: { "content-type": "application/json", ...headers }, body };
    const status = await context.deliver(tracesUrl(endpoint), request);
    if (status >= 300) context.warn(`${endpoint} answered with status ${status}`);
  } catch (error) {
    context.warn(error.message);
  }
}

/** A bare address is an OTLP endpoint, below which traces have their path. */
function tracesUrl(endpoint) {
  const url = new URL(endpoint);
  if (url.pathname === "/") url.pathname = "/v1/traces";
  return url.href;
}

function traceOf(result, initDurationMs, context) {
  const { call } = context;
  const { moments } = result;
  const { traceId, parentSpanId } = parsedTrace(call.traceId);
  const root = span(traceId, parentSpanId, call.functionName, moments.received, moments.ended);
  root.kind = KIND_SERVER;
  root.attributes = attributesOf({
    "faas.invocation_id": call.requestId,
    "faas.trigger": "other",
    "faas.coldstart": result.start !== undefined && result.start !== "warm",
    "hearth.start": result.start,
    "hearth.environment": result.environmentId,
    "hearth.memory_used_mib": result.memoryUsedMiB,
    "error.type": result.errorType,
  });
  root.status =
    result.status === "succeeded"
      ? { code: STATUS_OK }
      : { code: STATUS_ERROR, message: result.errorType ?? result.message };
  const spans = [root];
  const below = (name, from, to) => {
    if (from !== undefined && to !== undefined) {
      spans.push(span(traceId, root.spanId, name, from, Math.max(from, to)));
    }
  };
  below("acquire", moments.attached, moments.acquired);
  const { started: begun } = moments;
  if (initDurationMs !== undefined) below("init", begun - initDurationMs, begun);
  below("handler", begun, begun + (result.durationMs ?? 0));
  return resourceSpans(spans, context);
}

function resourceSpans(spans, { call, options }) {
  const resource = attributesOf({
    "service.name": options.serviceName ?? call.functionName,
    "faas.name": call.functionName,
    "faas.version": call.version,
    "faas.max_memory": call.memoryMiB * 1024 * 1024,
    "cloud.resource_id": call.functionArn,
    "cloud.account.id": call.owner,
    "cloud.platform": "hearth",
  });
  return {
    resourceSpans: [
      { resource: { attributes: resource }, scopeSpans: [{ scope: { name: "hearth" }, spans }] },
    ],
  };
}

function span(traceId, parentSpanId, name, fromMs, toMs) {
  return {
    traceId,
    spanId: randomBytes(8).toString("hex"),
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KIND_INTERNAL,
    startTimeUnixNano: nanosOf(fromMs),
    endTimeUnixNano: nanosOf(toMs),
    attributes: [],
    status: {},
  };
}

/** Decimal text: the number is larger than JSON's can be. */
function nanosOf(unixMs) {
  return String(BigInt(Math.round(unixMs * 1000)) * 1000n);
}

/** `Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1` */
function parsedTrace(header) {
  const root = /Root=1-([0-9a-f]{8})-([0-9a-f]{24})/i.exec(header);
  const parent = /Parent=([0-9a-f]{16})/i.exec(header);
  return {
    traceId: root ? (root[1] + root[2]).toLowerCase() : randomBytes(16).toString("hex"),
    parentSpanId: root && parent ? parent[1].toLowerCase() : undefined,
  };
}

function attributesOf(values) {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, value: attributeValue(value) }));
}

function attributeValue(value) {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return { intValue: String(Math.round(value)) };
  return { stringValue: String(value) };
}

module.exports = { started, end };
