import type { Connection } from "./connection.ts";
import { awsJson } from "./signed-request.ts";

/** What became of a function's calls in a span of time; absent numbers were never measured. */
export interface FunctionStats {
  readonly name: string;
  readonly invocations: number;
  readonly errors: number;
  readonly throttles: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly maxMs: number | undefined;
  /** Calls that ran at the same time, at most. */
  readonly concurrency: number;
}

/** One number: a metric of the namespace AWS/Lambda and what is asked of it. */
const FIGURES = {
  invocations: ["Invocations", "Sum"],
  errors: ["Errors", "Sum"],
  throttles: ["Throttles", "Sum"],
  p50Ms: ["Duration", "p50"],
  p99Ms: ["Duration", "p99"],
  maxMs: ["Duration", "Maximum"],
  concurrency: ["ConcurrentExecutions", "Maximum"],
} as const;

type Figure = keyof typeof FIGURES;

const FIGURE_NAMES = Object.keys(FIGURES) as Figure[];
const MINUTE_MS = 60_000;
/** AWS takes 500 queries a request. */
const FUNCTIONS_A_REQUEST = Math.floor(500 / FIGURE_NAMES.length);

/** The figures of functions from a moment until now, by whole minutes; GetMetricData. */
export async function functionStats(
  connection: Connection,
  names: readonly string[],
  fromMs: number,
  nowMs: number,
): Promise<FunctionStats[]> {
  const stats: FunctionStats[] = [];
  for (let at = 0; at < names.length; at += FUNCTIONS_A_REQUEST) {
    const some = names.slice(at, at + FUNCTIONS_A_REQUEST);
    stats.push(...(await statsOfSome(connection, some, fromMs, nowMs)));
  }
  return stats;
}

async function statsOfSome(
  connection: Connection,
  names: readonly string[],
  fromMs: number,
  nowMs: number,
): Promise<FunctionStats[]> {
  const start = Math.floor(fromMs / MINUTE_MS);
  const end = Math.floor(nowMs / MINUTE_MS) + 1;
  // One period as long as the whole span: one number for each query.
  const period = (end - start) * 60;
  const answer = (await awsJson(connection, "monitoring", "GetMetricData", {
    StartTime: start * 60,
    EndTime: end * 60,
    MetricDataQueries: names.flatMap((name, at) =>
      FIGURE_NAMES.map((figure) => queryOf(figure, name, `${figure}_${at}`, period)),
    ),
  })) as { MetricDataResults: readonly { readonly Id: string; readonly Values: number[] }[] };
  const values = new Map(answer.MetricDataResults.map(({ Id, Values }) => [Id, Values[0]]));
  return names.map((name, at) => {
    const value = (figure: Figure): number | undefined => values.get(`${figure}_${at}`);
    return {
      name,
      invocations: value("invocations") ?? 0,
      errors: value("errors") ?? 0,
      throttles: value("throttles") ?? 0,
      p50Ms: value("p50Ms"),
      p99Ms: value("p99Ms"),
      maxMs: value("maxMs"),
      concurrency: value("concurrency") ?? 0,
    };
  });
}

function queryOf(
  figure: Figure,
  functionName: string,
  id: string,
  periodSeconds: number,
): Readonly<Record<string, unknown>> {
  const [MetricName, Stat] = FIGURES[figure];
  const Dimensions = [{ Name: "FunctionName", Value: functionName }];
  const Metric = { Namespace: "AWS/Lambda", MetricName, Dimensions };
  return { Id: id, MetricStat: { Metric, Stat, Period: periodSeconds } };
}
