import type { Clock } from "../../base/mod.ts";
import type { Owner } from "../../model/mod.ts";
import type { Dimension, MetricStore } from "../../monitoring/mod.ts";
import type { Output } from "./protocol.ts";
import { list, Members, type Reader, text } from "./shape.ts";

/** What this dialect stands on; given by app/. */
export interface MonitoringServices {
  readonly metrics: MetricStore;
  readonly clock: Clock;
}

/** One request on its way through an operation. */
export interface MonitoringCall {
  readonly services: MonitoringServices;
  readonly owner: Owner;
  readonly input: Members;
}

export type Operation = (call: MonitoringCall) => Promise<Output>;

export const namespace: Reader<string> = text({ min: 1, max: 255, pattern: /^[^:].*$/s });
export const metricName: Reader<string> = text({ min: 1, max: 255 });
const dimensionName = text({ min: 1, max: 255 });
const dimensionValue = text({ min: 1, max: 1024 });

const dimension: Reader<Dimension> = (value, path) => {
  const members = new Members(value, path);
  return {
    name: members.required("Name", dimensionName),
    value: members.required("Value", dimensionValue),
  };
};

export const dimensions: Reader<Dimension[]> = list(dimension, { max: 30 });

export interface DimensionFilter {
  readonly name: string;
  readonly value: string | undefined;
}

export const dimensionFilters: Reader<DimensionFilter[]> = list(
  (value, path) => {
    const members = new Members(value, path);
    return {
      name: members.required("Name", dimensionName),
      value: members.optional("Value", dimensionValue),
    };
  },
  { max: 10 },
);

/** Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html */
export const UNITS: readonly string[] = [
  ...["Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes"],
  ...["Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count"],
  ...["Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second"],
  ...["Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second"],
  ...["Gigabits/Second", "Terabits/Second", "Count/Second", "None"],
];

export function dimensionShapes(found: readonly Dimension[]): Output[] {
  return found.map(({ name, value }) => ({ Name: name, Value: value }));
}
