import { byPeriod, type Figure, figureOf, type MetricSetName } from "../../monitoring/mod.ts";
import { MonitoringError } from "./errors.ts";
import { periodOf, wholeMinute } from "./get-metric-statistics.ts";
import {
  dimensions,
  type MonitoringCall,
  metricName,
  namespace,
  type Operation,
  UNITS,
} from "./operation.ts";
import type { Output } from "./protocol.ts";
import { flag, integer, list, Members, oneOf, text, time } from "./shape.ts";

/** AWS: metrics, and data points, of one request. */
const QUERIES_MAX = 500;
const POINTS_MAX = 100_800;

interface Query {
  readonly id: string;
  readonly label: string;
  readonly set: MetricSetName;
  readonly metric: string;
  readonly periodMs: number;
  readonly figure: Figure;
  readonly unit: string | undefined;
  readonly isReturned: boolean;
}

/** Where an answer stopped: data points of one of the queries. */
interface Position {
  readonly query: number;
  readonly point: number;
}

/** Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html */
export const getMetricData: Operation = async (call) => {
  const { input } = call;
  const queries = readQueries(call).filter(({ isReturned }) => isReturned);
  const startMs = wholeMinute(input.required("StartTime", time));
  const endMs = input.required("EndTime", time);
  if (startMs >= endMs) {
    throw new MonitoringError(
      "ValidationError",
      "The parameter StartTime must be less than the parameter EndTime.",
    );
  }
  const orders = oneOf(["TimestampDescending", "TimestampAscending"]);
  const isDescending = input.optional("ScanBy", orders) !== "TimestampAscending";
  const room = input.optional("MaxDatapoints", integer({ min: 1, max: POINTS_MAX })) ?? POINTS_MAX;
  const begin = positionOf(input.optional("NextToken", text({ max: 1024 })));
  const results: Output[] = [];
  let left = room;
  for (const [index, query] of queries.entries()) {
    if (index < begin.query) continue;
    const skipped = index === begin.query ? begin.point : 0;
    const points = await valuesOf(call, query, startMs, endMs, isDescending);
    const page = points.slice(skipped, skipped + left);
    left -= page.length;
    const isWhole = skipped + page.length === points.length;
    results.push(resultShape(query, page, isWhole));
    if (!isWhole) return { ...answer(results), NextToken: tokenOf(index, skipped + page.length) };
  }
  return answer(results);
};

function answer(results: readonly Output[]): Output {
  return { MetricDataResults: results, Messages: [] };
}

function readQueries({ owner, input }: MonitoringCall): Query[] {
  const read = list((value, path) => readQuery(new Members(value, path), path, owner), {
    min: 1,
    max: QUERIES_MAX,
  });
  const queries = input.required("MetricDataQueries", read);
  const ids = queries.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice === undefined) return queries;
  throw new MonitoringError("ValidationError", `The Id ${twice} is given to several queries.`);
}

const queryId = text({ min: 1, max: 255, pattern: /^[a-z][a-zA-Z0-9_]*$/ });

function readQuery(members: Members, path: string, owner: MetricSetName["owner"]): Query {
  const id = members.required("Id", queryId);
  if (members.optional("Expression", text({ min: 1, max: 2048 })) !== undefined) {
    throw new MonitoringError(
      "ValidationError",
      `Query ${id} has an expression: this version of Hearth calculates none.`,
    );
  }
  const statPath = `${path}.metricStat`;
  const stat = members.required("MetricStat", (value) => new Members(value, statPath));
  const metricPath = `${statPath}.metric`;
  const metric = stat.required("Metric", (value) => new Members(value, metricPath));
  const name = metric.required("MetricName", metricName);
  return {
    id,
    label: members.optional("Label", text({ max: 1024 })) ?? name,
    set: {
      owner,
      namespace: metric.required("Namespace", namespace),
      dimensions: metric.optional("Dimensions", dimensions) ?? [],
    },
    metric: name,
    periodMs: periodOf(stat.required("Period", integer({ min: 1 }))),
    figure: readFigure(stat.required("Stat", text({ min: 1, max: 100 }))),
    unit: stat.optional("Unit", oneOf(UNITS)),
    isReturned: members.optional("ReturnData", flag) ?? true,
  };
}

function readFigure(name: string): Figure {
  const figure = figureOf(name);
  if (figure !== undefined) return figure;
  throw new MonitoringError("ValidationError", `The statistic ${name} is not supported.`);
}

async function valuesOf(
  { services }: MonitoringCall,
  { set, metric, periodMs, figure, unit }: Query,
  startMs: number,
  endMs: number,
  isDescending: boolean,
): Promise<[atMs: number, value: number][]> {
  const data = await services.metrics.read(set, metric, startMs, endMs);
  if (unit !== undefined && unit !== data.unit) return [];
  const values = byPeriod(data.points, startMs, periodMs).flatMap(
    ({ atMs, point }): [number, number][] => {
      const value = figure(point);
      return value === undefined ? [] : [[atMs, value]];
    },
  );
  return isDescending ? values.reverse() : values;
}

function resultShape(
  { id, label }: Query,
  points: readonly (readonly [number, number])[],
  isWhole: boolean,
): Output {
  return {
    Id: id,
    Label: label,
    Timestamps: points.map(([atMs]) => new Date(atMs)),
    Values: points.map(([, value]) => value),
    StatusCode: isWhole ? "Complete" : "PartialData",
  };
}

function tokenOf(query: number, point: number): string {
  return Buffer.from(`${query}.${point}`).toString("base64url");
}

function positionOf(token: string | undefined): Position {
  if (token === undefined) return { query: 0, point: 0 };
  const [, query, point] =
    /^(\d{1,3})\.(\d{1,9})$/.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (query !== undefined) return { query: Number(query), point: Number(point) };
  throw new MonitoringError("InvalidNextToken", "The next token specified is invalid.");
}
