import type { Destination } from "./delivery.ts";
import { isLogsSchema, type TelemetryCategory, type TelemetrySchema } from "./records.ts";
import type { Buffering } from "./subscriber.ts";

/** What an extension asks the Telemetry or the Logs API for. */
export interface Subscription {
  readonly schema: TelemetrySchema;
  readonly categories: ReadonlySet<TelemetryCategory>;
  readonly destination: Destination;
  readonly buffering: Buffering;
}

/** Telemetry API, 2022-07-01, or the older Logs API, 2020-08-15. */
export type SubscriptionApi = "telemetry" | "logs";

const SCHEMAS: Readonly<Record<SubscriptionApi, readonly TelemetrySchema[]>> = {
  telemetry: ["2022-07-01", "2022-12-13", "2025-01-29"],
  logs: ["2020-08-15", "2021-03-18"],
};
const CATEGORIES: readonly string[] = ["platform", "function", "extension"];
/** Where a sandbox calls itself. Source: telemetry-api.html, "Destination protocols". */
const HOSTS: readonly string[] = ["sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"];
/** The port of these APIs themselves. */
const RESERVED_PORT = 9001;
/** [least, most, unless told]. Source: telemetry-api.html, "Configuring memory usage". */
const BOUNDS = {
  timeoutMs: [25, 30_000, 1_000],
  maxBytes: [262_144, 1_048_576, 262_144],
  maxItems: [1_000, 10_000, 10_000],
} as const;

type Members = Readonly<Record<string, unknown>>;

/** The subscription in a request's body; a sentence for the sender when there is none. */
export function parseSubscription(body: Buffer, api: SubscriptionApi): Subscription | string {
  const value = membersOf(parsed(body));
  if (value === undefined) return "Request body must be a JSON object";
  const schema = schemaIn(value, api);
  if (schema === undefined) return `schemaVersion must be one of ${SCHEMAS[api].join(", ")}`;
  const { types } = value;
  const isKnown = (type: unknown): boolean => typeof type === "string" && CATEGORIES.includes(type);
  if (!Array.isArray(types) || types.length === 0 || !types.every(isKnown)) {
    return `types must be a list of some of ${CATEGORIES.join(", ")}`;
  }
  const destination = destinationIn(membersOf(value.destination));
  if (typeof destination === "string") return destination;
  const buffering = bufferingIn(value.buffering);
  if (typeof buffering === "string") return buffering;
  return { schema, categories: new Set(types as TelemetryCategory[]), destination, buffering };
}

function schemaIn({ schemaVersion }: Members, api: SubscriptionApi): TelemetrySchema | undefined {
  // The first version of the Logs API had no schemas yet.
  if (schemaVersion === undefined && api === "logs") return "2020-08-15";
  return SCHEMAS[api].find((schema) => schema === schemaVersion);
}

function destinationIn(value: Members | undefined): Destination | string {
  if (value === undefined) return "destination must be an object";
  const { protocol, URI: uri, port, method = "POST", encoding = "JSON" } = value;
  if (encoding !== "JSON") return "destination.encoding must be JSON";
  if (protocol === "TCP") {
    const isPort = typeof port === "number" && Number.isInteger(port) && port > 0 && port < 65_536;
    if (!isPort) return "destination.port must be a number from 1 to 65535";
    return port === RESERVED_PORT ? reserved() : { protocol, port };
  }
  if (protocol !== "HTTP") return "destination.protocol must be HTTP or TCP";
  if (method !== "POST" && method !== "PUT") return "destination.method must be POST or PUT";
  const url = typeof uri === "string" ? URL.parse(uri) : null;
  if (url === null || url.protocol !== "http:" || !HOSTS.includes(url.hostname)) {
    return "destination.URI must be http://sandbox.localdomain:PORT/PATH";
  }
  const urlPort = url.port === "" ? 80 : Number(url.port);
  if (urlPort === RESERVED_PORT) return reserved();
  return { protocol, port: urlPort, path: `${url.pathname}${url.search}`, method };
}

function reserved(): string {
  return `Port ${RESERVED_PORT} is reserved`;
}

function bufferingIn(value: unknown): Buffering | string {
  const given = value === undefined ? {} : membersOf(value);
  if (given === undefined) return "buffering must be an object";
  const chosen: Record<string, number> = {};
  for (const [name, [least, most, otherwise]] of Object.entries(BOUNDS)) {
    const wanted = given[name] ?? otherwise;
    if (typeof wanted !== "number" || !(wanted >= least && wanted <= most)) {
      return `buffering.${name} must be a number from ${least} to ${most}`;
    }
    chosen[name] = wanted;
  }
  const { timeoutMs = 0, maxBytes = 0, maxItems = 0 } = chosen;
  return { timeoutMs, maxBytes, maxItems };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function membersOf(value: unknown): Members | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Members) : undefined;
}

/** Whether two subscriptions came through the same API. */
export function apiOf({ schema }: Pick<Subscription, "schema">): SubscriptionApi {
  return isLogsSchema(schema) ? "logs" : "telemetry";
}
