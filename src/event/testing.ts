import { Metrics, secureRandom, silentLog } from "../base/mod.ts";
import { type ManualClock, settled } from "../base/testing.ts";
import type { InvokeRequest, InvokeResult, Outcome, Owner } from "../model/mod.ts";
import { EventConfigRegistry, type FunctionRegistry } from "../registry/mod.ts";
import { ALICE, type MemoryTableStore, testRegistry } from "../registry/testing.ts";
import { EventDispatcher } from "./dispatcher.ts";
import type { NewEvent } from "./event.ts";
import { serverEventMetrics } from "./event-metrics.ts";

/** Set-up for tests of this room: the real registry, time by hand, functions that are scripts. */

export const SUCCESS: Outcome = { status: "succeeded", payload: Buffer.from('"done"') };
export const FAILURE: Outcome = {
  status: "failed",
  functionError: "Unhandled",
  errorType: "Error",
  payload: Buffer.from('{"errorType":"Error","errorMessage":"no"}'),
};

export type Script = (request: InvokeRequest) => Outcome | Promise<Outcome>;

export class TestEvents {
  readonly registry: FunctionRegistry;
  readonly table: MemoryTableStore;
  readonly clock: ManualClock;
  readonly configs: EventConfigRegistry;
  readonly metrics: Metrics = new Metrics();
  readonly calls: InvokeRequest[] = [];
  script: Script = () => SUCCESS;
  dispatcher: EventDispatcher;
  #requests = 0;

  constructor() {
    const { registry, table, clock } = testRegistry();
    this.registry = registry;
    this.table = table;
    this.clock = clock;
    this.configs = new EventConfigRegistry(registry.parts);
    this.dispatcher = this.#newDispatcher();
  }

  async create(name: string, owner: Owner = ALICE): Promise<void> {
    const configuration = {
      runtime: "nodejs24.x",
      handler: "index.handler",
      role: "arn:aws:iam::111111111111:role/r",
    } as const;
    await this.registry.create(owner, { name, configuration, zip: Buffer.from(name) });
  }

  /** Accepts an event and lets what can happen at once happen. */
  async send(functionName: string, more: Partial<NewEvent> = {}): Promise<void> {
    const requestId = `r${++this.#requests}`;
    const payload = Buffer.from("{}");
    const event = { owner: ALICE, functionName, requestId, payload, traceId: "Root=1", ...more };
    await this.dispatcher.accept(event);
    await this.settle();
  }

  /** As if the server had been killed and started again. */
  async restart(): Promise<void> {
    await this.dispatcher[Symbol.asyncDispose]();
    this.dispatcher = this.#newDispatcher();
    await this.dispatcher.load();
    this.dispatcher.start();
    await this.settle();
  }

  /** Lets time pass and everything that follows from it happen. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await settled();
  }

  /** Names of the functions called so far, in order. */
  called(): string[] {
    return this.calls.map(({ functionName }) => functionName);
  }

  /** The event of the n-th call. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever a function was given
  payload(index: number): any {
    return JSON.parse(this.calls.at(index)?.payload.toString() ?? "null");
  }

  /** The value of a metric with these labels as Prometheus would read it. */
  metric(series: string): number {
    const line = this.metrics
      .text()
      .split("\n")
      .find((each) => each.startsWith(`${series} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  #newDispatcher(): EventDispatcher {
    return new EventDispatcher({
      ...{ table: this.table, clock: this.clock, resolver: this.registry, configs: this.configs },
      ...{ random: secureRandom, log: silentLog, region: "us-east-1" },
      metrics: serverEventMetrics(this.metrics),
      invoker: { invoke: (request) => this.#invoke(request) },
    });
  }

  async #invoke(request: InvokeRequest): Promise<InvokeResult> {
    const { owner, functionName, qualifier } = request;
    const { version } = await this.registry.resolve(owner, functionName, qualifier);
    this.calls.push(request);
    const outcome = await this.script(request);
    const where = { start: "warm", environmentId: "e-1", instanceId: "i-1" } as const;
    const report = { ...where, durationMs: 1, memoryUsedMiB: 10, log: Buffer.alloc(0) };
    return { version, outcome, report };
  }
}

/** Events of one function `f`, running from the start. */
export async function testEvents(): Promise<TestEvents> {
  const events = new TestEvents();
  await events.create("f");
  events.dispatcher.start();
  return events;
}
