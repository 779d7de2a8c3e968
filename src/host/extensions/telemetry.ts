import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../base/mod.ts";
import type { FunctionVersion } from "../../model/mod.ts";
import type { Sandbox } from "../../sandbox/mod.ts";
import type { LogPart } from "../call-log.ts";
import type { CompanionHost } from "../companions.ts";
import type { PlatformEvent } from "../platform-events.ts";
import { readBody, sendError, sendJson } from "../runtime-api-http.ts";
import { openDelivery } from "./delivery.ts";
import type { Extension } from "./extension.ts";
import { encodeRecord, LineCutter, recordOfEvent, type TelemetryRecord } from "./records.ts";
import { Subscriber, type TelemetryBudget } from "./subscriber.ts";
import {
  apiOf,
  parseSubscription,
  type Subscription,
  type SubscriptionApi,
} from "./subscription.ts";

export interface TelemetryOptions {
  readonly host: CompanionHost;
  readonly version: FunctionVersion;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
}

/** Records of the initialisation that late subscribers get too; ours. */
const BACKLOG_RECORDS_MAX = 1_000;
/** What one environment may ask for, each of which gets the backlog; ours. */
const SUBSCRIPTIONS_MAX = 32;
const BODY_BYTES_MAX = 64 * 1024;
/** What each API calls itself in its answers and events. */
const WORDS = {
  telemetry: { name: "Telemetry", line: "TELEMETRY", event: "platform.telemetrySubscription" },
  logs: { name: "Logs", line: "LOGS", event: "platform.logsSubscription" },
} as const;

/**
 * The Telemetry and the Logs API of one environment: who subscribed to what, and what there is to
 * tell. Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html,
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #isJsonLog: boolean;
  /** By the extension that asked: a second request of it replaces the first. */
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #lines = new LineCutter((record) => this.#tell(record));
  readonly #budget: TelemetryBudget = { heldBytes: 0 };
  /** Undefined once nobody can subscribe any more. */
  #backlog: TelemetryRecord[] | undefined = [];
  #api: SubscriptionApi | undefined;
  #subscriptions = 0;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#isJsonLog = options.version.configuration.logging.format === "JSON";
  }

  /** `PUT /2022-07-01/telemetry` and `PUT /2020-08-15/logs`, by an extension that is known. */
  async subscribe(
    api: SubscriptionApi,
    extension: Extension,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { name } = WORDS[api];
    const body = await readBody(request, BODY_BYTES_MAX);
    if (this.#backlog === undefined) {
      const message = `${name} API subscription is closed already`;
      return sendError(response, 403, `${name}.SubscriptionClosed`, message);
    }
    const subscription = parseSubscription(body ?? Buffer.alloc(0), api);
    if (typeof subscription === "string") {
      return sendError(response, 400, "ValidationError", subscription);
    }
    if (this.#api !== undefined && this.#api !== api) {
      const message = `This environment subscribed through the ${WORDS[this.#api].name} API already`;
      return sendError(response, 400, "ValidationError", message);
    }
    if (this.#subscriptions >= SUBSCRIPTIONS_MAX) {
      const message = `This environment has subscribed ${SUBSCRIPTIONS_MAX} times already`;
      return sendError(response, 429, `${name}.TooManySubscriptions`, message);
    }
    this.#subscriptions++;
    this.#api = api;
    this.#add(extension, subscription);
    sendJson(response, 200, "OK");
  }

  /** Initialisation is over: nobody joins any more. */
  closeSubscription(): void {
    this.#backlog = undefined;
  }

  observe(event: PlatformEvent): void {
    this.#tell(recordOfEvent(event));
  }

  observeLog(part: LogPart): void {
    if (this.#backlog !== undefined || this.#subscribers.size > 0) this.#lines.push(part);
  }

  /** The environment runs again after it was frozen. */
  wake(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.wake();
  }

  /** Brings what there is to all subscribers; resolves when it has arrived or will not. */
  async flush(): Promise<void> {
    this.#lines.end("function");
    this.#lines.end("extension");
    await Promise.all(Array.from(this.#subscribers.values(), (each) => each.flush()));
  }

  close(): void {
    this.#backlog = undefined;
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
  }

  #add(extension: Extension, subscription: Subscription): void {
    const { host, sandbox, clock } = this.#options;
    const subscriber = new Subscriber({
      schema: subscription.schema,
      categories: subscription.categories,
      buffering: subscription.buffering,
      delivery: openDelivery(subscription.destination, sandbox, clock),
      clock,
      budget: this.#budget,
      isFrozen: () => host.isFrozen,
    });
    this.#subscribers.get(extension.id)?.close();
    this.#subscribers.set(extension.id, subscriber);
    for (const record of this.#backlog ?? []) this.#offer(subscriber, record);
    const { line, event } = WORDS[apiOf(subscription)];
    const types = [...subscription.categories];
    const words = types.map((type) => `${type.charAt(0).toUpperCase()}${type.slice(1)}`);
    host.note(
      `${line}\tName: ${extension.name}\tState: Subscribed\tTypes: [${words.join(", ")}]\n`,
      {
        timeMs: clock.now(),
        type: event,
        record: { name: extension.name, state: "Subscribed", types },
      },
    );
  }

  #tell(record: TelemetryRecord): void {
    const backlog = this.#backlog;
    if (backlog !== undefined && backlog.length < BACKLOG_RECORDS_MAX) backlog.push(record);
    for (const subscriber of this.#subscribers.values()) this.#offer(subscriber, record);
  }

  #offer(subscriber: Subscriber, record: TelemetryRecord): void {
    if (!subscriber.categories.has(record.category)) return;
    const lines = encodeRecord(record, subscriber.schema, this.#isJsonLog);
    for (const line of lines) subscriber.take(line);
  }
}
