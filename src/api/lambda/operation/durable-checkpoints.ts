import { inSeconds, type Operation, operationShape } from "../../../durable/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { checkpointBody, updateOf } from "../durable-bodies.ts";
import { namedExecution, requireToken } from "../durable-names.ts";
import { itemCountOf, numberMarkerOf } from "../durable-query.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { type Route, route } from "../route.ts";

/** What AWS's SDK calls from inside a durable function. */
export const checkpointRoutes: readonly Route[] = [
  route(
    "CheckpointDurableExecution",
    "POST",
    "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint",
    checkpointDurableExecution,
  ),
  route(
    "GetDurableExecutionState",
    "GET",
    "/2025-12-01/durable-executions/{DurableExecutionArn}/state",
    getDurableExecutionState,
  ),
];

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_CheckpointDurableExecution.html */
async function checkpointDurableExecution(call: LambdaCall): Promise<HttpResponse> {
  const named = namedExecution(call);
  const { CheckpointToken, ClientToken, Updates = [] } = checkpointBody.parse(call.request.body);
  const answer = await call.services.durable.checkpoint(named, {
    token: CheckpointToken,
    updates: Updates.map(updateOf),
    ...(ClientToken === undefined ? {} : { clientToken: ClientToken }),
  });
  return jsonResponse(200, {
    CheckpointToken: answer.token,
    NewExecutionState: { Operations: shapesOf(answer.operations) },
  });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetDurableExecutionState.html */
async function getDurableExecutionState(call: LambdaCall): Promise<HttpResponse> {
  const named = namedExecution(call);
  const { query } = call.request;
  const token = requireToken(query.get("CheckpointToken") ?? "");
  const after = numberMarkerOf(query);
  const page = await call.services.durable.replay(named, token, {
    itemsMax: itemCountOf(query),
    ...(after === undefined ? {} : { after }),
  });
  return jsonResponse(200, {
    Operations: shapesOf(page.operations),
    ...(page.next === undefined ? {} : { NextMarker: String(page.next) }),
  });
}

function shapesOf(operations: readonly Operation[]): Record<string, unknown>[] {
  return operations.map((operation) => operationShape(operation, inSeconds));
}
