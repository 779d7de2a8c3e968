import { PlatformError } from "../../base/mod.ts";
import type { AuthenticatedRequest, ServiceHandler } from "../http/request.ts";
import { CONTENT_TYPE, errorResponse, LogsError } from "./errors.ts";
import { filterLogEvents, getLogEvents, putLogEvents } from "./events.ts";
import {
  createLogGroup,
  deleteLogGroup,
  deleteRetentionPolicy,
  describeLogGroups,
  listLogGroups,
  putRetentionPolicy,
} from "./groups.ts";
import type { LogsServices, Operation } from "./operation.ts";
import { createLogStream, deleteLogStream, describeLogStreams } from "./streams.ts";
import {
  listTagsForResource,
  listTagsLogGroup,
  tagLogGroup,
  tagResource,
  untagLogGroup,
  untagResource,
} from "./tags.ts";

const TARGET_PREFIX = "Logs_20140328.";

const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ["CreateLogGroup", createLogGroup],
  ["CreateLogStream", createLogStream],
  ["DeleteLogGroup", deleteLogGroup],
  ["DeleteLogStream", deleteLogStream],
  ["DeleteRetentionPolicy", deleteRetentionPolicy],
  ["DescribeLogGroups", describeLogGroups],
  ["DescribeLogStreams", describeLogStreams],
  ["FilterLogEvents", filterLogEvents],
  ["GetLogEvents", getLogEvents],
  ["ListLogGroups", listLogGroups],
  ["ListTagsForResource", listTagsForResource],
  ["ListTagsLogGroup", listTagsLogGroup],
  ["PutLogEvents", putLogEvents],
  ["PutRetentionPolicy", putRetentionPolicy],
  ["TagLogGroup", tagLogGroup],
  ["TagResource", tagResource],
  ["UntagLogGroup", untagLogGroup],
  ["UntagResource", untagResource],
]);

/**
 * The CloudWatch Logs dialect: requests of AWS's JSON 1.1 protocol in, calls of the log store out.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
 */
export function createLogsApi(services: LogsServices): ServiceHandler {
  return {
    async handle(request) {
      try {
        const run = operationOf(request);
        const { owner } = request.identity;
        const output = await run({ services, owner, body: request.body });
        const body = output === undefined ? "" : JSON.stringify(output);
        return { status: 200, headers: { "Content-Type": CONTENT_TYPE }, body };
      } catch (error) {
        // What only this dialect knows ends here; the edge notes and renders all other failures.
        if (error instanceof LogsError) return errorResponse(error);
        throw error;
      }
    },
    failure: errorResponse,
  };
}

function operationOf({ headers }: AuthenticatedRequest): Operation {
  const target = String(headers["x-amz-target"] ?? "");
  const name = target.startsWith(TARGET_PREFIX) ? target.slice(TARGET_PREFIX.length) : "";
  const found = OPERATIONS.get(name);
  if (found !== undefined) return found;
  throw new PlatformError(
    { kind: "unknown_operation", operation: target.slice(0, 100) },
    `Unknown operation ${target.slice(0, 100)}: this version of Hearth does not offer it`,
  );
}
