import { limits, type Owner } from "../model/mod.ts";
import type { CallFigures } from "./function-metrics.ts";

interface Counters {
  invocations: number;
  errors: number;
  throttles: number;
  durationMs: number;
  concurrent: number;
}

/** What is shown, by its name in Prometheus. */
const FAMILIES: readonly {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  read(counters: Counters): number;
}[] = [
  {
    name: "hearth_function_invocations_total",
    type: "counter",
    help: "Calls that ran",
    read: ({ invocations }) => invocations,
  },
  {
    name: "hearth_function_errors_total",
    type: "counter",
    help: "Calls that ended with an error of the function",
    read: ({ errors }) => errors,
  },
  {
    name: "hearth_function_throttles_total",
    type: "counter",
    help: "Calls that were refused for concurrency",
    read: ({ throttles }) => throttles,
  },
  {
    name: "hearth_function_duration_seconds_total",
    type: "counter",
    help: "Time that calls ran",
    read: ({ durationMs }) => durationMs / 1000,
  },
  {
    name: "hearth_function_concurrent_executions",
    type: "gauge",
    help: "Calls that ran beside the last one, itself included",
    read: ({ concurrent }) => concurrent,
  },
];

/** Share of the room that is left which one owner may take. */
const SHARE = 1 / 4;

/** Counters of functions since the server started, by owner. */
export class FunctionCounters {
  readonly #owners = new Map<Owner, Map<string, Counters>>();
  #size = 0;

  record({ owner, functionName, status, durationMs = 0, concurrent }: CallFigures): void {
    const counters = this.#of(owner, functionName);
    if (counters === undefined) return;
    counters.concurrent = concurrent;
    if (status === "throttled") {
      counters.throttles++;
      return;
    }
    counters.invocations++;
    counters.durationMs += durationMs;
    if (status === "failed") counters.errors++;
  }

  forget(owner: Owner, functionName: string): void {
    const functions = this.#owners.get(owner);
    if (functions?.delete(functionName) !== true) return;
    this.#size--;
    if (functions.size === 0) this.#owners.delete(owner);
  }

  /** Text format of Prometheus, version 0.0.4. */
  text(owner: Owner): string {
    const functions = [...(this.#owners.get(owner) ?? [])];
    let text = "";
    for (const { name, type, help, read } of FAMILIES) {
      text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
      for (const [functionName, counters] of functions) {
        text += `${name}{function="${functionName}"} ${read(counters)}\n`;
      }
    }
    return text;
  }

  #of(owner: Owner, functionName: string): Counters | undefined {
    const functions = this.#owners.get(owner) ?? new Map<string, Counters>();
    const known = functions.get(functionName);
    const room = (limits.FUNCTION_COUNTERS_MAX - this.#size) * SHARE;
    if (known !== undefined || functions.size >= room) return known;
    const counters = { invocations: 0, errors: 0, throttles: 0, durationMs: 0, concurrent: 0 };
    this.#owners.set(owner, functions.set(functionName, counters));
    this.#size++;
    return counters;
  }
}
