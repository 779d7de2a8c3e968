import type { MetricName } from "../../monitoring/mod.ts";
import { MonitoringError } from "./errors.ts";
import {
  dimensionFilters,
  dimensionShapes,
  metricName,
  namespace,
  type Operation,
} from "./operation.ts";
import { oneOf, text } from "./shape.ts";

const PAGE = 500;
const HOUR_MS = 3600_000;
/** Metrics without values for this long are not listed. AWS: two weeks. */
const LISTED_MS = 14 * 24 * HOUR_MS;

/** Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html */
export const listMetrics: Operation = async ({ services, owner, input }) => {
  const wantedNamespace = input.optional("Namespace", namespace);
  const wantedMetric = input.optional("MetricName", metricName);
  const filters = input.optional("Dimensions", dimensionFilters) ?? [];
  const isRecent = input.optional("RecentlyActive", oneOf(["PT3H"])) !== undefined;
  const token = input.optional("NextToken", text({ max: 8192 }));
  const after = token === undefined ? undefined : positionOf(token);
  // Times are kept to the hour.
  const sinceMs = services.clock.now() - (isRecent ? 4 * HOUR_MS : LISTED_MS);
  const found = (await services.metrics.list(owner))
    .filter((each) => wantedNamespace === undefined || each.namespace === wantedNamespace)
    .filter((each) => wantedMetric === undefined || each.metric === wantedMetric)
    .filter(({ lastMs }) => lastMs >= sinceMs)
    .filter(({ dimensions }) =>
      filters.every(({ name, value }) =>
        dimensions.some((each) => each.name === name && (value ?? each.value) === each.value),
      ),
    )
    .map((metric) => ({ metric, at: textOf(metric) }))
    .filter(({ at }) => after === undefined || at > after)
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  const page = found.slice(0, PAGE);
  const last = page.at(-1);
  return {
    Metrics: page.map(({ metric }) => ({
      Namespace: metric.namespace,
      MetricName: metric.metric,
      Dimensions: dimensionShapes(metric.dimensions),
    })),
    ...(last === undefined || page.length === found.length
      ? {}
      : { NextToken: Buffer.from(last.at).toString("base64url") }),
  };
};

function textOf({ namespace: space, metric, dimensions }: MetricName): string {
  return JSON.stringify([space, metric, dimensions.map(({ name, value }) => [name, value])]);
}

function positionOf(token: string): string {
  const position = Buffer.from(token, "base64url").toString();
  if (position.startsWith("[")) return position;
  throw new MonitoringError(
    "InvalidParameterValue",
    "The value for parameter NextToken is invalid.",
  );
}
