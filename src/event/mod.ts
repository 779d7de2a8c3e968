/** event: asynchronous calls. Accepted events wait on disk until their function took them. */
export { type DispatcherOptions, EventDispatcher } from "./dispatcher.ts";
export { type NewEvent, requireEventPayload } from "./event.ts";
export { type EventMetrics, serverEventMetrics } from "./event-metrics.ts";
export type { Condition } from "./invocation-record.ts";
