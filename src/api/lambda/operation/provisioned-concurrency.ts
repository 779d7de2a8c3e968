import Type from "typebox";
import type { ProvisionedConfig } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { LambdaError, validationError } from "../errors.ts";
import { type NamedFunction, namedFunction, unqualified } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { type Route, route } from "../route.ts";
import { bodyParser, violation } from "../validation.ts";

const PATH = "/2019-09-30/functions/{FunctionName}/provisioned-concurrency";

const putBody = bodyParser(
  Type.Object({ ProvisionedConcurrentExecutions: Type.Integer({ minimum: 1 }) }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html */
async function putProvisionedConcurrencyConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = qualified(call);
  const { registry, provisioner } = call.services;
  const { ProvisionedConcurrentExecutions } = putBody.parse(call.request.body);
  const config = await registry.provisioned.put(
    owner,
    name,
    qualifier,
    ProvisionedConcurrentExecutions,
  );
  await provisioner.refresh(owner, name);
  return jsonResponse(202, shapeOf(call, { owner, name }, config));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetProvisionedConcurrencyConfig.html */
async function getProvisionedConcurrencyConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = qualified(call);
  const config = await call.services.registry.provisioned.get(owner, name, qualifier);
  if (config !== undefined) return jsonResponse(200, shapeOf(call, { owner, name }, config));
  throw new LambdaError(
    404,
    "ProvisionedConcurrencyConfigNotFoundException",
    "No Provisioned Concurrency Config found for this function",
  );
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteProvisionedConcurrencyConfig.html */
async function deleteProvisionedConcurrencyConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = qualified(call);
  const { registry, provisioner } = call.services;
  await registry.provisioned.delete(owner, name, qualifier);
  await provisioner.refresh(owner, name);
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListProvisionedConcurrencyConfigs.html */
async function listProvisionedConcurrencyConfigs(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedFunction(call, call.labels[0] ?? ""));
  const page = pageRequestOf(call.request.query);
  const { items, next } = await call.services.registry.provisioned.list(owner, name, page);
  const configs = items.map((config) => ({
    FunctionArn: config.arn,
    ...shapeOf(call, { owner, name }, config),
  }));
  return jsonResponse(200, {
    ProvisionedConcurrencyConfigs: configs,
    ...nextMarkerShape(next),
  });
}

function qualified(call: LambdaCall): NamedFunction & { readonly qualifier: string } {
  const wanted = call.request.query.get("Qualifier") ?? "";
  const named = namedFunction(call, call.labels[0] ?? "", wanted);
  const { qualifier } = named;
  if (qualifier !== undefined) return { ...named, qualifier };
  throw validationError([violation(undefined, "qualifier", "Member must not be null")]);
}

function shapeOf(
  { services }: LambdaCall,
  { owner, name }: NamedFunction,
  config: ProvisionedConfig,
): Record<string, unknown> {
  const { allocated, available, status, reason } = services.provisioner.status(owner, name, config);
  return {
    RequestedProvisionedConcurrentExecutions: config.requested,
    AvailableProvisionedConcurrentExecutions: available,
    AllocatedProvisionedConcurrentExecutions: allocated,
    Status: status,
    ...(reason === undefined ? {} : { StatusReason: reason }),
    LastModified: config.lastModified,
  };
}

export const provisionedConcurrencyRoutes: readonly Route[] = [
  route("PutProvisionedConcurrencyConfig", "PUT", PATH, putProvisionedConcurrencyConfig),
  route(
    "ListProvisionedConcurrencyConfigs",
    "GET",
    `${PATH}?List=ALL`,
    listProvisionedConcurrencyConfigs,
  ),
  route("GetProvisionedConcurrencyConfig", "GET", PATH, getProvisionedConcurrencyConfig),
  route("DeleteProvisionedConcurrencyConfig", "DELETE", PATH, deleteProvisionedConcurrencyConfig),
];
