import type { ServiceHandler } from "../http/request.ts";
import { MonitoringError, monitoringError } from "./errors.ts";
import { getMetricData } from "./get-metric-data.ts";
import { getMetricStatistics } from "./get-metric-statistics.ts";
import { listMetrics } from "./list-metrics.ts";
import type { MonitoringServices, Operation } from "./operation.ts";
import { protocolOf, readRequest, writeFailure, writeResponse } from "./protocol.ts";
import { putMetricData } from "./put-metric-data.ts";
import { Members } from "./shape.ts";

const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ["GetMetricData", getMetricData],
  ["GetMetricStatistics", getMetricStatistics],
  ["ListMetrics", listMetrics],
  ["PutMetricData", putMetricData],
]);

/**
 * The CloudWatch dialect, as far as it is about metrics, in the three protocols of its clients.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
 */
export function createMonitoringApi(services: MonitoringServices): ServiceHandler {
  return {
    async handle(request) {
      try {
        const wire = await readRequest(request);
        const run = OPERATIONS.get(wire.operation);
        if (run === undefined) throw unknown(wire.operation);
        const { owner } = request.identity;
        const output = await run({ services, owner, input: new Members(wire.input) });
        return writeResponse(wire, output, request.requestId);
      } catch (error) {
        // What only this dialect knows ends here; the edge notes and renders all other failures.
        if (!(error instanceof MonitoringError)) throw error;
        const protocol = protocolOf(request.headers);
        return writeFailure(protocol, monitoringError(error), request.requestId);
      }
    },
    failure: (error, requestId, headers = {}) =>
      writeFailure(protocolOf(headers), monitoringError(error), requestId),
  };
}

function unknown(operation: string): MonitoringError {
  const message = operation === "" ? "Missing Action" : `Could not find operation ${operation}`;
  return new MonitoringError("InvalidAction", `${message.slice(0, 200)} for version 2010-08-01`);
}
