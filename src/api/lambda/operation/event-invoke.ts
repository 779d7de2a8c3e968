import Type from "typebox";
import { requireEventPayload } from "../../../event/mod.ts";
import { limits } from "../../../model/mod.ts";
import type { Destinations, EventConfig, EventConfigChange } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { invokeRequestOf } from "../call-input.ts";
import { invalidParameter } from "../errors.ts";
import { namedByRequest, namedFunction, unqualified } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { type Route, route } from "../route.ts";
import { bodyParser, whole } from "../validation.ts";

/**
 * Invoke with InvocationType Event: answers when the event is durable.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export async function enqueueEvent(
  call: LambdaCall,
  limitBytes: number = limits.EVENT_PAYLOAD_BYTES_MAX,
): Promise<HttpResponse> {
  requireEventPayload(call.request.body.length, limitBytes);
  const { requestId, owner, functionName, qualifier, payload, traceId } = invokeRequestOf(call);
  await call.services.events.accept({
    ...{ requestId, owner, functionName, payload, traceId },
    ...(qualifier === undefined ? {} : { qualifier }),
  });
  return emptyResponse(202);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_InvokeAsync.html */
async function invokeAsync(call: LambdaCall): Promise<HttpResponse> {
  const { status } = await enqueueEvent(call, limits.INVOKE_ASYNC_PAYLOAD_BYTES_MAX);
  return jsonResponse(status, { Status: status });
}

const Destination = Type.Optional(
  Type.Object({
    Destination: Type.Optional(
      Type.String({
        maxLength: 350,
        pattern: whole(
          "$|kafka://([^.]([a-zA-Z0-9\\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:" +
            "([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)",
        ),
      }),
    ),
  }),
);

const configBody = bodyParser(
  Type.Object({
    MaximumRetryAttempts: Type.Optional(
      Type.Integer({ minimum: 0, maximum: limits.EVENT_RETRY_ATTEMPTS_MAX }),
    ),
    MaximumEventAgeInSeconds: Type.Optional(
      Type.Integer({
        minimum: limits.EVENT_AGE_SECONDS_MIN,
        maximum: limits.EVENT_AGE_SECONDS_MAX,
      }),
    ),
    DestinationConfig: Type.Optional(
      Type.Object({ OnSuccess: Destination, OnFailure: Destination }),
    ),
  }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html */
async function putFunctionEventInvokeConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  const config = await call.services.eventConfigs.put(owner, name, qualifier, changeOf(call));
  return jsonResponse(200, configShape(config));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionEventInvokeConfig.html */
async function updateFunctionEventInvokeConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  const config = await call.services.eventConfigs.update(owner, name, qualifier, changeOf(call));
  return jsonResponse(200, configShape(config));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html */
async function getFunctionEventInvokeConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  const config = await call.services.eventConfigs.get(owner, name, qualifier);
  return jsonResponse(200, configShape(config));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionEventInvokeConfig.html */
async function deleteFunctionEventInvokeConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  await call.services.eventConfigs.delete(owner, name, qualifier);
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionEventInvokeConfigs.html */
async function listFunctionEventInvokeConfigs(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedFunction(call, call.labels[0] ?? ""));
  const request = pageRequestOf(call.request.query, LIST_ITEMS_MAX);
  const page = await call.services.eventConfigs.list(owner, name, request);
  return jsonResponse(200, {
    FunctionEventInvokeConfigs: page.items.map(configShape),
    ...nextMarkerShape(page.next),
  });
}

function changeOf(call: LambdaCall): EventConfigChange {
  const wire = configBody.parse(call.request.body);
  const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = wire;
  const change: EventConfigChange = {
    ...(MaximumRetryAttempts === undefined ? {} : { maximumRetryAttempts: MaximumRetryAttempts }),
    ...(MaximumEventAgeInSeconds === undefined
      ? {}
      : { maximumEventAgeSeconds: MaximumEventAgeInSeconds }),
    ...(DestinationConfig && { destinations: destinationsOf(DestinationConfig) }),
  };
  if (Object.keys(change).length > 0) return change;
  throw invalidParameter("You must specify at least one of error handling or destination setting.");
}

interface WireDestination {
  readonly Destination?: string;
}

/** An empty text stands for no destination. */
function destinationsOf(wire: {
  readonly OnSuccess?: WireDestination;
  readonly OnFailure?: WireDestination;
}): Destinations {
  const onSuccess = wire.OnSuccess?.Destination;
  const onFailure = wire.OnFailure?.Destination;
  return { ...(onSuccess ? { onSuccess } : {}), ...(onFailure ? { onFailure } : {}) };
}

function configShape(config: EventConfig): Record<string, unknown> {
  const { onSuccess, onFailure } = config.destinations;
  return {
    FunctionArn: config.functionArn,
    LastModified: config.lastModifiedMs / 1000,
    MaximumRetryAttempts: config.maximumRetryAttempts,
    MaximumEventAgeInSeconds: config.maximumEventAgeSeconds,
    DestinationConfig: {
      OnSuccess: onSuccess === undefined ? {} : { Destination: onSuccess },
      OnFailure: onFailure === undefined ? {} : { Destination: onFailure },
    },
  };
}

/** AWS's bound of MaxItems in this list. */
const LIST_ITEMS_MAX = 50;

const CONFIG = "/2019-09-25/functions/{FunctionName}/event-invoke-config";

/** Asynchronous invocation and how it is configured. */
export const eventInvokeRoutes: readonly Route[] = [
  route("InvokeAsync", "POST", "/2014-11-13/functions/{FunctionName}/invoke-async", invokeAsync),
  route("PutFunctionEventInvokeConfig", "PUT", CONFIG, putFunctionEventInvokeConfig),
  route("UpdateFunctionEventInvokeConfig", "POST", CONFIG, updateFunctionEventInvokeConfig),
  route("GetFunctionEventInvokeConfig", "GET", CONFIG, getFunctionEventInvokeConfig),
  route("DeleteFunctionEventInvokeConfig", "DELETE", CONFIG, deleteFunctionEventInvokeConfig),
  route("ListFunctionEventInvokeConfigs", "GET", `${CONFIG}/list`, listFunctionEventInvokeConfigs),
];
