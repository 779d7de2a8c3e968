import Type from "typebox";
import type { HttpResponse } from "../../http/request.ts";
import { namedFunction, unqualified } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { accountSettingsShape } from "../shapes.ts";
import { bodyParser } from "../validation.ts";

const body = bodyParser(
  Type.Object({ ReservedConcurrentExecutions: Type.Integer({ minimum: 0 }) }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html */
export async function putFunctionConcurrency(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedFunction(call, call.labels[0] ?? ""));
  const { ReservedConcurrentExecutions } = body.parse(call.request.body);
  await call.services.registry.concurrency.put(owner, name, ReservedConcurrentExecutions);
  return jsonResponse(200, { ReservedConcurrentExecutions });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html */
export async function getFunctionConcurrency(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedFunction(call, call.labels[0] ?? ""));
  const reserved = await call.services.registry.concurrency.get(owner, name);
  return jsonResponse(200, { ReservedConcurrentExecutions: reserved });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionConcurrency.html */
export async function deleteFunctionConcurrency(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedFunction(call, call.labels[0] ?? ""));
  await call.services.registry.concurrency.delete(owner, name);
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html */
export async function getAccountSettings({ services, request }: LambdaCall): Promise<HttpResponse> {
  const { owner } = request.identity;
  const settings = await services.registry.concurrency.accountSettings(owner);
  return jsonResponse(200, accountSettingsShape(settings));
}
