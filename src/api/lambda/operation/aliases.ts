import Type from "typebox";
import type { HttpResponse } from "../../http/request.ts";
import { validationError } from "../errors.ts";
import { namedFunction } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { aliasShape } from "../shapes.ts";
import { bodyParser, violation, whole } from "../validation.ts";

const NAME_LENGTH_MAX = 128;
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

type Weights = Readonly<Record<string, number>>;
type Routing = { readonly AdditionalVersionWeights?: Weights };

/** Keys of the weights are checked apart: AWS speaks of the whole map. */
function requireVersionKeys(config: Routing | undefined): Weights {
  const weights = config?.AdditionalVersionWeights ?? {};
  if (Object.keys(weights).every((version) => /^[0-9]{1,1024}$/.test(version))) return weights;
  const constraint =
    "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, " +
    "Member must have length greater than or equal to 1, " +
    "Member must satisfy regular expression pattern: [0-9]+, Member must not be null]";
  throw validationError([violation(weights, WEIGHTS, constraint)]);
}

const WEIGHTS = "routingConfig.additionalVersionWeights";

const createBody = bodyParser(
  Type.Object({
    Name: Type.String({ minLength: 1, maxLength: NAME_LENGTH_MAX, pattern: whole(NAME_PATTERN) }),
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
    weights: requireVersionKeys(wire.RoutingConfig),
  });
  return jsonResponse(201, aliasShape(alias));
}

/** The path's second label. */
function aliasName({ labels: [, name = ""] }: LambdaCall): string {
  if (new RegExp(`^${NAME_PATTERN}$`).test(name) && name.length <= NAME_LENGTH_MAX) return name;
  const constraint = `Member must satisfy regular expression pattern: ${NAME_PATTERN}`;
  throw validationError([violation(name, "name", constraint)]);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html */
export async function getAlias(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const alias = await call.services.registry.aliases.get(owner, name, aliasName(call));
  return jsonResponse(200, aliasShape(alias));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html */
export async function updateAlias(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const wire = updateBody.parse(call.request.body);
  const { FunctionVersion: functionVersion, Description: description, RevisionId } = wire;
  const alias = await call.services.registry.aliases.update(owner, name, aliasName(call), {
    ...(functionVersion === undefined ? {} : { functionVersion }),
    ...(description === undefined ? {} : { description }),
    ...(wire.RoutingConfig && { weights: requireVersionKeys(wire.RoutingConfig) }),
    ...(RevisionId === undefined ? {} : { revisionId: RevisionId }),
  });
  return jsonResponse(200, aliasShape(alias));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html */
export async function deleteAlias(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  await call.services.registry.aliases.delete(owner, name, aliasName(call));
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
