import { secureRandom, silentLog } from "../base/mod.ts";
import { ManualClock, settled } from "../base/testing.ts";
import type { Invoker } from "../invoke/mod.ts";
import {
  type FunctionVersion,
  functionArn,
  type InvokeRequest,
  type InvokeResult,
  type Owner,
} from "../model/mod.ts";
import type { ResolvedFunction } from "../registry/mod.ts";
import { ALICE, MemoryTableStore } from "../registry/testing.ts";
import { DurableExecutions } from "./durable-executions.ts";
import type { ExecutionRecord } from "./execution.ts";
import type { HistoryEvent, OperationUpdate } from "./operation.ts";

/** Set-up for tests of this room: a store in memory, a clock moved by hand, scripted functions. */

/** What a durable function is handed. */
export interface DurableEvent {
  readonly DurableExecutionArn: string;
  readonly CheckpointToken: string;
  readonly InitialExecutionState: {
    readonly Operations: readonly Readonly<Record<string, unknown>>[];
    readonly NextMarker?: string;
  };
  readonly UpdatedOperationIds: readonly string[];
}

/** A function of a test; what it throws, its invocation throws. */
export type TestFunction = (event: DurableEvent, request: InvokeRequest) => Promise<unknown>;

export const PENDING = { Status: "PENDING" } as const;

export function succeeded(result: unknown): { Status: string; Result: string } {
  return { Status: "SUCCEEDED", Result: JSON.stringify(result) };
}

/** Makes an invocation fail as user code that crashed does. */
export class Crash extends Error {}

export class TestDurable {
  readonly clock: ManualClock = new ManualClock();
  readonly table: MemoryTableStore = new MemoryTableStore();
  readonly invocations: DurableEvent[] = [];
  /** By function name; those whose name begins with "plain" are not durable. */
  readonly functions: Map<string, TestFunction> = new Map();
  executions: DurableExecutions;
  #stopped = false;

  constructor() {
    this.executions = this.#open();
  }

  /** A new server on the same data, as after a crash: what ran does so unheard. */
  async restart(): Promise<void> {
    this.executions[Symbol.dispose]();
    this.executions = this.#open();
    await this.executions.open();
    await this.settle();
  }

  start(
    functionName: string,
    options: {
      readonly name?: string;
      readonly payload?: string;
      readonly owner?: Owner;
      readonly isSynchronous?: boolean;
    } = {},
  ): Promise<ExecutionRecord> {
    const { name, payload = "{}", owner = ALICE, isSynchronous = false } = options;
    return this.executions.start({
      version: versionOf(owner, functionName),
      payload: Buffer.from(payload),
      isSynchronous,
      traceId: "Root=1",
      ...(name === undefined ? {} : { name }),
    });
  }

  /** A checkpoint as the SDK inside the function sends it. */
  checkpoint(
    record: ExecutionRecord,
    token: string,
    ...updates: OperationUpdate[]
  ): ReturnType<DurableExecutions["checkpoint"]> {
    return this.executions.checkpoint(record, { token, updates });
  }

  async history(record: ExecutionRecord): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    for await (const event of this.executions.store.events(record, 0)) events.push(event);
    return events;
  }

  async types(record: ExecutionRecord): Promise<string[]> {
    return (await this.history(record)).map(({ type }) => type);
  }

  /** Lets everything happen that can happen without time passing. */
  async settle(): Promise<void> {
    for (let round = 0; round < 20; round++) await settled();
  }

  /** Lets time pass, step by step, so that what falls due can settle in between. */
  async advance(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed++) {
      await this.clock.advance(1000);
      await this.settle();
    }
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.executions[Symbol.dispose]();
  }

  #open(): DurableExecutions {
    const invoker: Pick<Invoker, "invoke"> = { invoke: (request) => this.#invoke(request) };
    return new DurableExecutions({
      table: this.table,
      invoker,
      resolver: { resolve: (owner, name) => resolved(owner, name) },
      region: "us-east-1",
      clock: this.clock,
      random: secureRandom,
      log: silentLog,
    });
  }

  async #invoke(request: InvokeRequest): Promise<InvokeResult> {
    const run = this.functions.get(request.functionName);
    if (!run || this.#stopped) throw new Error(`No function ${request.functionName}`);
    const event = JSON.parse(request.payload.toString()) as DurableEvent;
    this.invocations.push(event);
    const version = versionOf(request.owner, request.functionName);
    const report = {
      start: "warm",
      environmentId: "e-1",
      instanceId: "i-1",
      durationMs: 1,
      memoryUsedMiB: 10,
      log: Buffer.alloc(0),
    } as const;
    try {
      const payload = Buffer.from(JSON.stringify(await run(event, request)));
      return { version, report, outcome: { status: "succeeded", payload } };
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      const failure = { errorType: "Runtime.ExitError", errorMessage: error.message };
      const payload = Buffer.from(JSON.stringify(failure));
      const failed = { status: "failed", functionError: "Unhandled", payload } as const;
      return { version, report, outcome: { ...failed, errorType: failure.errorType } };
    }
  }
}

function resolved(owner: Owner, name: string): ResolvedFunction {
  const version = versionOf(owner, name);
  return { version, invokedArn: version.arn, provisionedConcurrency: 0 };
}

function versionOf(owner: Owner, name: string): FunctionVersion {
  return {
    ...{ owner, name, version: "1", arn: functionArn("us-east-1", owner, name, "1") },
    configuration: {
      ...{ runtime: "nodejs24.x", handler: "index.handler", role: "r", description: "" },
      ...{ memorySizeMiB: 128, timeoutSeconds: 3, environment: {}, ephemeralStorageMiB: 512 },
      ...{ architecture: "x86_64", tracingMode: "PassThrough", layers: [], passthrough: {} },
      logging: { format: "Text", group: "g" },
      ...(name.startsWith("plain")
        ? {}
        : { durable: { executionTimeoutSeconds: 3600, retentionDays: 1 } }),
    },
    code: { sha256: "s", zipBytes: 1, unpackedBytes: 1 },
    ...{ revisionId: "r", lastModified: "", state: "Active", lastUpdateStatus: "Successful" },
  } as FunctionVersion;
}
