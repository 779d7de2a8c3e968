import type { Metrics } from "../base/mod.ts";
import type { Owner } from "../model/mod.ts";
import type { Condition } from "./invocation-record.ts";

/**
 * Hears what befalls events, in the terms of AWS's metrics.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
 */
export interface EventMetrics {
  /** AsyncEventsReceived: an event was accepted. */
  received(owner: Owner, functionName: string): void;
  /** AsyncEventAge: the function is called for an event of this age. */
  age(owner: Owner, functionName: string, ageMs: number): void;
  /** AsyncEventsDropped: an event ended without success. */
  dropped(owner: Owner, functionName: string, condition: Condition): void;
  /** DestinationDeliveryFailures: a record could not be delivered. */
  destinationFailed(owner: Owner, functionName: string): void;
}

/** The same for the whole server, as Prometheus reads them. */
export function serverEventMetrics(metrics: Metrics): EventMetrics {
  const received = metrics.counter("hearth_async_events_received_total", "Events accepted");
  const ages = metrics.counter(
    "hearth_async_event_age_milliseconds_total",
    "Sum of the ages of events when their function was called",
  );
  const tried = metrics.counter("hearth_async_event_attempts_total", "Calls made for events");
  const dropped = metrics.counter(
    "hearth_async_events_dropped_total",
    "Events that ended without success",
  );
  const undelivered = metrics.counter(
    "hearth_async_destination_failures_total",
    "Invocation records that could not be delivered",
  );
  return {
    received: () => received.add(),
    age(_owner, _functionName, ageMs) {
      tried.add();
      ages.add(ageMs);
    },
    dropped: (_owner, _functionName, condition) => dropped.add(1, { condition }),
    destinationFailed: () => undelivered.add(),
  };
}
