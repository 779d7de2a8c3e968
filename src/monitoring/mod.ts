/** monitoring: what functions leave behind to be looked at: log events and metrics. */
export { parseFilterPattern } from "./filter-pattern.core.ts";
export type { CallFigures, UrlFigures } from "./function-metrics.ts";
export { FunctionMetrics, LAMBDA_NAMESPACE } from "./function-metrics.ts";
export type { LogGroupRecord } from "./log-catalog.ts";
export type { EventKey, LogEvent, LogTarget, StoredEvent } from "./log-event.ts";
export { keyText, parseKey } from "./log-event.ts";
export { linesOf } from "./log-lines.ts";
export type {
  FilterPage,
  FilterPageRequest,
  PagePosition,
  StreamPage,
  StreamPageRequest,
} from "./log-pages.ts";
export type {
  LogGroupDescription,
  LogStoreOptions,
  LogStreamDescription,
} from "./log-store.ts";
export { LogStore } from "./log-store.ts";
export type { MetricPoint } from "./metric-point.core.ts";
export type { Dimension, MetricSetName } from "./metric-set.ts";
export type { Figure, Statistic, TimedPoint } from "./metric-statistic.core.ts";
export { byPeriod, figureOf, STATISTICS } from "./metric-statistic.core.ts";
export type { MetricData, MetricName, MetricStoreOptions, MetricValue } from "./metric-store.ts";
export { MetricStore } from "./metric-store.ts";
export type { Accepted } from "./put-events.core.ts";
