import { randomUUID } from "node:crypto";
import { Metrics, secureRandom, silentLog, systemClock } from "../../base/mod.ts";
import type { ManualClock } from "../../base/testing.ts";
import { DurableExecutions } from "../../durable/mod.ts";
import { EventDispatcher, serverEventMetrics } from "../../event/mod.ts";
import { Provisioner } from "../../fleet/mod.ts";
import type { Invoker } from "../../invoke/mod.ts";
import type { InvokeRequest, InvokeResult, Owner } from "../../model/mod.ts";
import {
  CapacityProviderRegistry,
  EventConfigRegistry,
  type FunctionRegistry,
  PolicyRegistry,
  SettingsRegistry,
  UrlRegistry,
} from "../../registry/mod.ts";
import { ALICE, testRegistry } from "../../registry/testing.ts";
import type { AuthenticatedRequest, HttpResponse, Identity } from "../http/request.ts";
import { createLambdaApi } from "./lambda-api.ts";

/** Set-up for this dialect's tests: the real registry, and an invoker that follows a script. */

/** Answers each call as `respond` says, once the registry knows the function. */
export class ScriptedInvoker implements Invoker {
  readonly requests: InvokeRequest[] = [];
  respond: (request: InvokeRequest) => Pick<InvokeResult, "outcome"> = ({ payload }) => ({
    outcome: { status: "succeeded", payload },
  });
  log: Buffer = Buffer.alloc(0);
  readonly #registry: FunctionRegistry;

  constructor(registry: FunctionRegistry) {
    this.#registry = registry;
  }

  async invoke(request: InvokeRequest): Promise<InvokeResult> {
    this.requests.push(request);
    const { owner, functionName, qualifier } = request;
    const { version } = await this.#registry.resolve(owner, functionName, qualifier);
    const report = {
      start: "warm",
      environmentId: "e-1",
      instanceId: "i-1",
      durationMs: 1,
      memoryUsedMiB: 10,
      log: this.log,
    } as const;
    return { version, ...this.respond(request), report };
  }

  decisionRecord(): undefined {
    return undefined;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered
  readonly json: any;
  /** AWS's name of the error. */
  readonly code: string | undefined;
}

export interface SendOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly owner?: Owner;
}

export interface TestApi {
  readonly registry: FunctionRegistry;
  readonly invoker: ScriptedInvoker;
  /** The clock of registry and events. */
  readonly clock: ManualClock;
  /** Sends a request as the edge would hand it over; `target` is path and query. */
  send(method: string, target: string, options?: SendOptions): Promise<Answer>;
}

export function testApi(): TestApi {
  const { registry, table, clock } = testRegistry();
  const invoker = new ScriptedInvoker(registry);
  const region = "us-east-1";
  const eventConfigs = new EventConfigRegistry(registry.parts);
  const events = new EventDispatcher({
    ...{ table, invoker, clock, region, resolver: registry, configs: eventConfigs },
    ...{ metrics: serverEventMetrics(new Metrics()), random: secureRandom, log: silentLog },
  });
  events.start();
  const durable = new DurableExecutions({
    ...{ table, invoker, clock, region, resolver: registry },
    ...{ random: secureRandom, log: silentLog },
  });
  const noHost = { provision() {}, provisioned: () => ({ allocated: 0, available: 0 }) };
  const api = createLambdaApi({
    registry,
    provisioner: new Provisioner(registry.provisioned, noHost, silentLog),
    policies: new PolicyRegistry(registry.parts),
    urls: new UrlRegistry(registry.parts),
    settings: new SettingsRegistry(registry.parts),
    capacityProviders: new CapacityProviderRegistry(registry.parts),
    invoker,
    events,
    eventConfigs,
    durable,
    codeLocation: (owner, sha256, origin) => `${origin}/code/${owner}/${sha256}`,
    region,
    architecture: "x86_64",
    clock: systemClock,
    random: secureRandom,
  });
  return {
    registry,
    invoker,
    clock,
    async send(method, target, options = {}) {
      const request = testRequest(method, target, options);
      try {
        return answerOf(await api.handle(request));
      } catch (error) {
        return answerOf(api.failure(error, request.requestId));
      }
    },
  };
}

export function identityOf(owner: Owner): Identity {
  const arn = `arn:aws:iam::${owner}:root`;
  return { owner, accessKeyId: "AKIATEST", operator: false, arn, userId: owner };
}

export function testRequest(
  method: string,
  target: string,
  { body, headers = {}, owner = ALICE }: SendOptions,
): AuthenticatedRequest {
  const [path = "", query = ""] = target.split("?");
  return {
    requestId: randomUUID(),
    identity: identityOf(owner),
    service: "lambda",
    region: "us-east-1",
    method,
    path,
    query: new URLSearchParams(query),
    headers,
    body: bytesOf(body),
    origin: "http://127.0.0.1:4566",
    receivedAt: 0,
    signal: new AbortController().signal,
  };
}

function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(body === undefined ? "" : JSON.stringify(body));
}

function answerOf({ status, headers, body }: HttpResponse): Answer {
  if (typeof body !== "string" && !Buffer.isBuffer(body)) throw new Error("Unexpected stream");
  const text = body.toString();
  const json: unknown = text.startsWith("{") ? JSON.parse(text) : undefined;
  return { status, headers, text, json, code: headers["x-amzn-ErrorType"] };
}
