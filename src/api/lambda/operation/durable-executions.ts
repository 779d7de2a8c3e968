import { isPlatformError } from "../../../base/mod.ts";
import { type ExecutionRecord, type HistoryEvent, inSeconds } from "../../../durable/mod.ts";
import { limits } from "../../../model/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { errorBody, errorOf } from "../durable-bodies.ts";
import {
  executionNotFound,
  type NamedExecution,
  namedExecution,
  requireExecutionName,
} from "../durable-names.ts";
import {
  flagOf,
  invalidMarker,
  itemCountOf,
  numberMarkerOf,
  statusesOf,
  timeOf,
} from "../durable-query.ts";
import { namedByRequest } from "../names.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { type Route, route } from "../route.ts";
import { callbackRoutes } from "./durable-callbacks.ts";
import { checkpointRoutes } from "./durable-checkpoints.ts";

const EXECUTION = "/2025-12-01/durable-executions/{DurableExecutionArn}";

/** The operations on executions of durable functions. */
export const durableRoutes: readonly Route[] = [
  ...checkpointRoutes,
  ...callbackRoutes,
  route("GetDurableExecution", "GET", EXECUTION, getDurableExecution),
  route("GetDurableExecutionHistory", "GET", `${EXECUTION}/history`, getDurableExecutionHistory),
  route("StopDurableExecution", "POST", `${EXECUTION}/stop`, stopDurableExecution),
  route(
    "ListDurableExecutionsByFunction",
    "GET",
    "/2025-12-01/functions/{FunctionName}/durable-executions",
    listDurableExecutionsByFunction,
  ),
];

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetDurableExecution.html */
async function getDurableExecution(call: LambdaCall): Promise<HttpResponse> {
  const named = namedExecution(call);
  const hasData = flagOf(call.request.query, "IncludeExecutionData", true);
  const { record, operation } = await describe(call, named);
  const { input, result, error } = operation;
  return jsonResponse(200, {
    ...listedShape(record),
    Version: record.version,
    ...(hasData && input !== undefined ? { InputPayload: input } : {}),
    ...(hasData && result !== undefined ? { Result: result } : {}),
    ...(hasData && error !== undefined ? { Error: error } : {}),
    TraceHeader: { XAmznTraceId: record.traceId },
    ExecutionDataIncluded: hasData,
    DurableConfig: {
      ExecutionTimeout: record.timeoutSeconds,
      RetentionPeriodInDays: record.retentionDays,
    },
  });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetDurableExecutionHistory.html */
async function getDurableExecutionHistory(call: LambdaCall): Promise<HttpResponse> {
  const named = namedExecution(call);
  const { query } = call.request;
  const hasData = flagOf(query, "IncludeExecutionData", true);
  const isReverse = flagOf(query, "ReverseOrder", false);
  const itemsMax = itemCountOf(query);
  const marker = numberMarkerOf(query);
  const { record } = await describe(call, named);
  const { store } = call.services.durable;
  const events = isReverse
    ? store.eventsDown(named, marker ?? record.eventCount + 1)
    : store.events(named, marker ?? 0);
  const shapes: Record<string, unknown>[] = [];
  let bytes = 0;
  let last: number | undefined;
  for await (const event of events) {
    const shape = eventShape(event, hasData);
    bytes += Buffer.byteLength(JSON.stringify(shape));
    const isFull = shapes.length === itemsMax || bytes > limits.DURABLE_PAGE_BYTES_MAX;
    if (isFull && last !== undefined) {
      return jsonResponse(200, { Events: shapes, NextMarker: String(last) });
    }
    shapes.push(shape);
    last = event.id;
  }
  return jsonResponse(200, { Events: shapes });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_StopDurableExecution.html */
async function stopDurableExecution(call: LambdaCall): Promise<HttpResponse> {
  const named = namedExecution(call);
  const { body } = call.request;
  const error = body.length === 0 ? undefined : errorOf(errorBody.parse(body));
  await describe(call, named);
  const stoppedAt = await call.services.durable.stop(named, error);
  return jsonResponse(200, { StopTimestamp: inSeconds(stoppedAt) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListDurableExecutionsByFunction.html */
async function listDurableExecutionsByFunction(call: LambdaCall): Promise<HttpResponse> {
  const { registry, durable } = call.services;
  const { query } = call.request;
  const { owner, name, qualifier } = namedByRequest(call);
  const wanted = filterOf(query);
  const itemsMax = itemCountOf(query);
  const marker = markerOf(query);
  const isReverse = flagOf(query, "ReverseOrder", false);
  const { version } = (await registry.resolve(owner, name, qualifier)).version;
  const found: ExecutionRecord[] = [];
  let last: string | undefined;
  const executions = isReverse
    ? oldestFirst(durable.store.executions(owner, name), marker)
    : durable.store.executions(owner, name, marker);
  for await (const { key, record } of executions) {
    if (!wanted(record) || (qualifier !== undefined && record.version !== version)) continue;
    if (found.length === itemsMax) {
      return jsonResponse(200, {
        DurableExecutions: found.map(listedShape),
        ...(last === undefined ? {} : { NextMarker: last }),
      });
    }
    found.push(record);
    last = key;
  }
  return jsonResponse(200, { DurableExecutions: found.map(listedShape) });
}

interface Listed {
  readonly key: string;
  readonly record: ExecutionRecord;
}

/** The list from its other end: its documents are small. */
async function* oldestFirst(
  executions: AsyncGenerator<Listed>,
  marker: string | undefined,
): AsyncGenerator<Listed> {
  const all: Listed[] = [];
  for await (const each of executions)
    if (marker === undefined || each.key < marker) all.push(each);
  yield* all.reverse();
}

function filterOf(query: URLSearchParams): (record: ExecutionRecord) => boolean {
  const name = query.get("DurableExecutionName") ?? "";
  if (name !== "") requireExecutionName(name);
  const statuses = statusesOf(query);
  const after = timeOf(query, "StartedAfter");
  const before = timeOf(query, "StartedBefore");
  return (record) =>
    (name === "" || record.name === name) &&
    (statuses === undefined || statuses.has(record.status)) &&
    (after === undefined || record.startedAt > after) &&
    (before === undefined || record.startedAt < before);
}

function markerOf(query: URLSearchParams): string | undefined {
  const text = query.get("Marker");
  if (text === null || text === "") return undefined;
  if (/^[0-9a-f-]{36}$/.test(text)) return text;
  throw invalidMarker();
}

async function describe(
  { services }: LambdaCall,
  named: NamedExecution,
): ReturnType<typeof services.durable.describe> {
  try {
    const found = await services.durable.describe(named);
    if (found.record.arn === named.arn) return found;
  } catch (error) {
    if (!isPlatformError(error, "not_found")) throw error;
  }
  throw executionNotFound(named.arn);
}

function listedShape(record: ExecutionRecord): Record<string, unknown> {
  return {
    DurableExecutionArn: record.arn,
    DurableExecutionName: record.name,
    FunctionArn: record.functionArn,
    Status: record.status,
    StartTimestamp: inSeconds(record.startedAt),
    ...(record.endedAt === undefined ? {} : { EndTimestamp: inSeconds(record.endedAt) }),
  };
}

function eventShape(event: HistoryEvent, hasData: boolean): Record<string, unknown> {
  const { operation } = event;
  return {
    EventId: event.id,
    EventType: event.type,
    EventTimestamp: inSeconds(event.at),
    ...(operation?.id === undefined ? {} : { Id: operation.id }),
    ...(operation?.name === undefined ? {} : { Name: operation.name }),
    ...(operation?.parentId === undefined ? {} : { ParentId: operation.parentId }),
    ...(operation?.subType === undefined ? {} : { SubType: operation.subType }),
    [`${event.type}Details`]: hasData ? event.details : withoutData(event.details),
  };
}

/** The same details without what user code wrote. */
function withoutData(details: HistoryEvent["details"]): Record<string, unknown> {
  const kept = Object.entries(details).map(([name, value]) =>
    ["Input", "Result", "Error"].includes(name) ? [name, {}] : [name, value],
  );
  return Object.fromEntries(kept);
}
