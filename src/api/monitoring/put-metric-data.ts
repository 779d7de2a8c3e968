import type { MetricValue } from "../../monitoring/mod.ts";
import { MonitoringError } from "./errors.ts";
import { dimensions, metricName, namespace, type Operation, UNITS } from "./operation.ts";
import { integer, list, Members, number, oneOf, time } from "./shape.ts";

/** Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html */
const DATA_MAX = 1000;
const VALUES_MAX = 150;
const PAST_MS_MAX = 14 * 24 * 3600 * 1000;
const FUTURE_MS_MAX = 2 * 3600 * 1000;
/** AWS: -2^360 to 2^360. */
const VALUE_MAX = 2 ** 360;

export const putMetricData: Operation = async ({ services, owner, input }) => {
  const space = input.required("Namespace", namespace);
  if (space.startsWith("AWS/")) {
    throw new MonitoringError(
      "InvalidParameterValue",
      "The value AWS/ for parameter Namespace is invalid.",
    );
  }
  const nowMs = services.clock.now();
  const read = list((value, path) => readDatum(new Members(value, path), nowMs), {
    min: 1,
    max: DATA_MAX,
  });
  const data = input.required("MetricData", read);
  await services.metrics.put(owner, space, data);
  return {};
};

function readDatum(members: Members, nowMs: number): MetricValue {
  const metric = members.required("MetricName", metricName);
  const atMs = members.optional("Timestamp", time) ?? nowMs;
  if (atMs < nowMs - PAST_MS_MAX || atMs > nowMs + FUTURE_MS_MAX) {
    throw new MonitoringError(
      "InvalidParameterValue",
      "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks.",
    );
  }
  members.optional("StorageResolution", integer({ min: 1, max: 60 }));
  return {
    ...{ metric, atMs },
    dimensions: members.optional("Dimensions", dimensions) ?? [],
    unit: members.optional("Unit", oneOf(UNITS)) ?? "None",
    ...readValues(members),
  };
}

function readValues(members: Members): Pick<MetricValue, "values" | "summary"> {
  const value = members.optional("Value", figure);
  const summary = members.optional("StatisticValues", readSummary);
  const values = members.optional("Values", list(figure, { min: 1, max: VALUES_MAX }));
  const counts = members.optional("Counts", list(figure, { max: VALUES_MAX }));
  const given = [value, summary, values].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw new MonitoringError(
      given.length === 0 ? "MissingParameter" : "InvalidParameterCombination",
      "Exactly one of Value, Values and StatisticValues must be specified.",
    );
  }
  if (counts !== undefined && counts.length !== values?.length) {
    throw new MonitoringError(
      "InvalidParameterValue",
      "The parameters Values and Counts must have the same number of members.",
    );
  }
  if (summary !== undefined) return { values: [], summary };
  return { values: (values ?? [value ?? 0]).map((each, at) => [each, counts?.[at] ?? 1]) };
}

function readSummary(value: unknown, path: string): NonNullable<MetricValue["summary"]> {
  const members = new Members(value, path);
  return {
    count: members.required("SampleCount", figure),
    sum: members.required("Sum", figure),
    min: members.required("Minimum", figure),
    max: members.required("Maximum", figure),
  };
}

function figure(value: unknown, path: string): number {
  const found = number(value, path);
  if (Math.abs(found) <= VALUE_MAX) return found;
  throw new MonitoringError("InvalidParameterValue", `The value for parameter ${path} is invalid.`);
}
