import { isPlatformError } from "../../../base/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { invalidParameter, LambdaError, validationError } from "../errors.ts";
import { namedFunction } from "../names.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { pageRequestOf } from "../paging.ts";
import { type Route, route } from "../route.ts";
import { violation, whole } from "../validation.ts";
import {
  createMappingBody,
  SOURCE_ARN_PATTERN,
  updateMappingBody,
  type WireMapping,
} from "./event-source-body.ts";

/**
 * Event source mappings of a server that has no queues and no streams: whatever source a mapping
 * names cannot be found, which AWS says in the words below. Hence there is never a mapping to show,
 * change or delete.
 */

const MAPPINGS = "/2015-03-31/event-source-mappings";
const MAPPING = `${MAPPINGS}/{UUID}`;

export const eventSourceRoutes: readonly Route[] = [
  route("CreateEventSourceMapping", "POST", MAPPINGS, createEventSourceMapping),
  route("ListEventSourceMappings", "GET", MAPPINGS, listEventSourceMappings),
  route("GetEventSourceMapping", "GET", MAPPING, getEventSourceMapping),
  route("UpdateEventSourceMapping", "PUT", MAPPING, updateEventSourceMapping),
  route("DeleteEventSourceMapping", "DELETE", MAPPING, deleteEventSourceMapping),
];

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html */
async function createEventSourceMapping(call: LambdaCall): Promise<HttpResponse> {
  const wire = createMappingBody.parse(call.request.body);
  const { owner, name, qualifier } = namedFunction(call, wire.FunctionName);
  const source = sourceOf(wire);
  requireBatch(source, wire);
  requirePosition(source, wire);
  requireFilters(wire);
  try {
    await call.services.registry.get(owner, name, qualifier);
  } catch (error) {
    if (!isPlatformError(error, "not_found")) throw error;
    throw invalidParameter("Function does not exist");
  }
  throw invalidParameter(notFoundText(source, wire));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html */
async function listEventSourceMappings(call: LambdaCall): Promise<HttpResponse> {
  const { query } = call.request;
  pageRequestOf(query);
  const arn = query.get("EventSourceArn");
  if (arn !== null && !new RegExp(whole(SOURCE_ARN_PATTERN)).test(arn)) {
    const constraint = `Member must satisfy regular expression pattern: ${SOURCE_ARN_PATTERN}`;
    throw validationError([violation(arn, "eventSourceArn", constraint)]);
  }
  const text = query.get("FunctionName");
  if (text !== null) {
    const { owner, name, qualifier } = namedFunction(call, text);
    await call.services.registry.get(owner, name, qualifier);
  }
  return jsonResponse(200, { EventSourceMappings: [] });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html */
async function getEventSourceMapping(): Promise<HttpResponse> {
  throw noMapping();
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html */
async function updateEventSourceMapping(call: LambdaCall): Promise<HttpResponse> {
  const wire = updateMappingBody.parse(call.request.body);
  if (wire.FunctionName !== undefined) namedFunction(call, wire.FunctionName);
  throw noMapping();
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html */
async function deleteEventSourceMapping(): Promise<HttpResponse> {
  throw noMapping();
}

function noMapping(): LambdaError {
  const message = "The resource you requested does not exist.";
  return new LambdaError(404, "ResourceNotFoundException", message);
}

/** Kinds of sources, as ARNs name their services. */
type Source = "sqs" | "kinesis" | "dynamodb" | "kafka" | "mq" | "rds" | "self-managed";
const SOURCES: readonly string[] = ["sqs", "kinesis", "dynamodb", "kafka", "mq", "rds"];

function sourceOf(wire: WireMapping): Source {
  const { EventSourceArn: arn, SelfManagedEventSource: own, DestinationConfig } = wire;
  if (DestinationConfig?.OnSuccess !== undefined) {
    throw invalidParameter(
      "Unsupported DestinationConfig parameter for given event source mapping type.",
    );
  }
  if (own !== undefined) {
    if (wire.SourceAccessConfigurations === undefined) {
      throw invalidParameter("Required 'sourceAccessConfigurations' parameter is missing.");
    }
    return "self-managed";
  }
  const service = arn?.split(":")[2] ?? "";
  if (SOURCES.includes(service)) return service as Source;
  throw invalidParameter("Unrecognized event source.");
}

const BATCH_SIZE_UNTHROTTLED = 10;

function requireBatch(source: Source, wire: WireMapping): void {
  if (source !== "sqs") return;
  const { BatchSize = BATCH_SIZE_UNTHROTTLED, MaximumBatchingWindowInSeconds = 0 } = wire;
  if (wire.EventSourceArn?.endsWith(".fifo") && BatchSize > BATCH_SIZE_UNTHROTTLED) {
    throw invalidParameter(
      `Batch size cannot be greater than ${BATCH_SIZE_UNTHROTTLED} for FIFO queues.`,
    );
  }
  if (BatchSize <= BATCH_SIZE_UNTHROTTLED || MaximumBatchingWindowInSeconds > 0) return;
  throw invalidParameter(
    "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater " +
      "than 10",
  );
}

function requirePosition(source: Source, wire: WireMapping): void {
  const { StartingPosition, StartingPositionTimestamp, EventSourceArn } = wire;
  if (source !== "kinesis" && source !== "dynamodb") return;
  if (StartingPosition === undefined) {
    throw invalidParameter(
      `1 validation error detected: ${violation(undefined, "startingPosition", "Member must not be null.")}`,
    );
  }
  if (StartingPosition !== "AT_TIMESTAMP") return;
  if (source === "dynamodb") {
    throw invalidParameter(`Unsupported starting position for arn type: ${EventSourceArn}`);
  }
  if (StartingPositionTimestamp === undefined) {
    throw invalidParameter("StartingPositionTimestamp is required with AT_TIMESTAMP");
  }
}

function requireFilters({ FilterCriteria }: WireMapping): void {
  for (const { Pattern } of FilterCriteria?.Filters ?? []) {
    if (Pattern === undefined || !isEventPattern(Pattern)) {
      throw invalidParameter("Invalid filter pattern definition.");
    }
  }
}

function isEventPattern(text: string): boolean {
  try {
    const pattern: unknown = JSON.parse(text);
    return typeof pattern === "object" && pattern !== null && !Array.isArray(pattern);
  } catch {
    return false;
  }
}

function notFoundText(
  source: Source,
  { EventSourceArn, SelfManagedEventSource }: WireMapping,
): string {
  switch (source) {
    case "sqs":
      return (
        "Error occurred while ReceiveMessage. SQS Error Code: " +
        "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does " +
        "not exist."
      );
    case "kinesis":
    case "dynamodb":
      return `Stream not found: ${EventSourceArn}`;
    case "self-managed": {
      const servers = Object.values(SelfManagedEventSource?.Endpoints ?? {}).flat();
      return `Event source not found: ${servers.join(", ")}`;
    }
    default:
      return `Event source not found: ${EventSourceArn}`;
  }
}
