import Type from "typebox";
import type { HttpResponse } from "../../http/request.ts";
import { validationError } from "../errors.ts";
import { namedFunction } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { aliasShape } from "../shapes.ts";
import { bodyParser, violation, whole } from "../validation.ts";

const NAME_PATTERN = "(?!^[0-9]+$)([a-zA-Z0-9-_]+)";
const FunctionVersion = Type.String({
  minLength: 1,
  maxLength: 1024,
  pattern: whole("(\\$LATEST|[0-9]+)"),
});
const Description = Type.Optional(Type.String({ maxLength: 256 }));
const RoutingConfig = Type.Optional(
  Type.Object({
    AdditionalVersionWeights: Type.Optional(
      Type.Record(Type.String(), Type.Number({ minimum: 0, maximum: 1 })),
    ),
  }),
);

const createBody = bodyParser(
  Type.Object({
    Name: Type.String({ minLength: 1, maxLength: 128, pattern: whole(NAME_PATTERN) }),
    FunctionVersion,
    Description,
    RoutingConfig,
  }),
);

const updateBody = bodyParser(
  Type.Object({
    FunctionVersion: Type.Optional(FunctionVersion),
    Description,
    RoutingConfig,
    RevisionId: Type.Optional(Type.String()),
  }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html */
export async function createAlias(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const wire = createBody.parse(call.request.body);
  const alias = await call.services.registry.aliases.create(owner, name, {
    name: wire.Name,
    functionVersion: wire.FunctionVersion,
    description: wire.Description ?? "",
    weights: wire.RoutingConfig?.AdditionalVersionWeights ?? {},
  });
  return jsonResponse(201, aliasShape(alias));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html */
export async function getAlias(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const alias = await call.services.registry.aliases.get(owner, name, call.labels[1] ?? "");
  return jsonResponse(200, aliasShape(alias));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html */
export async function updateAlias(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const wire = updateBody.parse(call.request.body);
  const { FunctionVersion: functionVersion, Description: description, RevisionId } = wire;
  const alias = await call.services.registry.aliases.update(owner, name, call.labels[1] ?? "", {
    ...(functionVersion === undefined ? {} : { functionVersion }),
    ...(description === undefined ? {} : { description }),
    ...(wire.RoutingConfig && { weights: wire.RoutingConfig.AdditionalVersionWeights ?? {} }),
    ...(RevisionId === undefined ? {} : { revisionId: RevisionId }),
  });
  return jsonResponse(200, aliasShape(alias));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html */
export async function deleteAlias(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  await call.services.registry.aliases.delete(owner, name, call.labels[1] ?? "");
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListAliases.html */
export async function listAliases(call: LambdaCall): Promise<HttpResponse> {
  const { query } = call.request;
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const functionVersion = query.get("FunctionVersion");
  if (functionVersion !== null && !/^(\$LATEST|[0-9]+)$/.test(functionVersion)) {
    const constraint = "Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)";
    throw validationError([violation(functionVersion, "functionVersion", constraint)]);
  }
  const page = await call.services.registry.aliases.list(owner, name, {
    ...pageRequestOf(query),
    ...(functionVersion === null ? {} : { functionVersion }),
  });
  return jsonResponse(200, { Aliases: page.items.map(aliasShape), ...nextMarkerShape(page.next) });
}
