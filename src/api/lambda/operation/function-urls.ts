import Type from "typebox";
import type { FunctionUrl } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { functionUrlAddress } from "../../url/address.ts";
import { validationError } from "../errors.ts";
import { type NamedFunction, namedByRequest, unqualified } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { type Route, route } from "../route.ts";
import { bodyParser, violation } from "../validation.ts";

const URL_PATH = "/2021-10-31/functions/{FunctionName}/url";

/** The operations on function URLs. */
export const functionUrlRoutes: readonly Route[] = [
  route("CreateFunctionUrlConfig", "POST", URL_PATH, createFunctionUrlConfig),
  route("GetFunctionUrlConfig", "GET", URL_PATH, getFunctionUrlConfig),
  route("UpdateFunctionUrlConfig", "PUT", URL_PATH, updateFunctionUrlConfig),
  route("DeleteFunctionUrlConfig", "DELETE", URL_PATH, deleteFunctionUrlConfig),
  route("ListFunctionUrlConfigs", "GET", `${URL_PATH}s`, listFunctionUrlConfigs),
];

const headerNames = Type.Optional(Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 100 }));
const AuthType = Type.Enum(["NONE", "AWS_IAM"]);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html */
const settings = {
  Cors: Type.Optional(
    Type.Object({
      AllowCredentials: Type.Optional(Type.Boolean()),
      AllowHeaders: headerNames,
      AllowMethods: Type.Optional(Type.Array(Type.String({ maxLength: 6 }), { maxItems: 6 })),
      AllowOrigins: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 100 }),
      ),
      ExposeHeaders: headerNames,
      MaxAge: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
    }),
  ),
  InvokeMode: Type.Optional(Type.Enum(["RESPONSE_STREAM", "BUFFERED"])),
};

const createBody = bodyParser(Type.Object({ AuthType, ...settings }));
const updateBody = bodyParser(Type.Object({ AuthType: Type.Optional(AuthType), ...settings }));

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html */
async function createFunctionUrlConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedTarget(call);
  const wire = createBody.parse(call.request.body);
  const url = await call.services.urls.create(owner, name, qualifier, {
    authType: wire.AuthType,
    ...(wire.Cors && { cors: wire.Cors }),
    ...(wire.InvokeMode && { invokeMode: wire.InvokeMode }),
  });
  const { LastModifiedTime: _, ...shape } = urlShape(call, url);
  return jsonResponse(201, shape);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionUrlConfig.html */
async function getFunctionUrlConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedTarget(call);
  const url = await call.services.urls.get(owner, name, qualifier);
  return jsonResponse(200, urlShape(call, url));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionUrlConfig.html */
async function updateFunctionUrlConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedTarget(call);
  const wire = updateBody.parse(call.request.body);
  const url = await call.services.urls.update(owner, name, qualifier, {
    ...(wire.AuthType && { authType: wire.AuthType }),
    ...(wire.Cors && { cors: wire.Cors }),
    ...(wire.InvokeMode && { invokeMode: wire.InvokeMode }),
  });
  return jsonResponse(200, urlShape(call, url));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionUrlConfig.html */
async function deleteFunctionUrlConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedTarget(call);
  await call.services.urls.delete(owner, name, qualifier);
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionUrlConfigs.html */
async function listFunctionUrlConfigs(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedByRequest(call));
  const page = await call.services.urls.list(owner, name, pageRequestOf(call.request.query, 50));
  return jsonResponse(200, {
    FunctionUrlConfigs: page.items.map((url) => urlShape(call, url)),
    ...nextMarkerShape(page.next),
  });
}

/** A URL belongs to a function or an alias, never to a version or to `$LATEST` by name. */
function namedTarget(call: LambdaCall): NamedFunction {
  const named = namedByRequest(call);
  const { qualifier } = named;
  if (qualifier === undefined || !/^(\$LATEST|[0-9]+)$/.test(qualifier)) return named;
  const constraint = "Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)";
  throw validationError([violation(qualifier, "qualifier", constraint)]);
}

function urlShape({ request, services }: LambdaCall, url: FunctionUrl): Record<string, unknown> {
  return {
    FunctionUrl: functionUrlAddress(url.id, services.region, request.origin),
    FunctionArn: url.functionArn,
    AuthType: url.authType,
    ...(url.cors && { Cors: url.cors }),
    InvokeMode: url.invokeMode,
    CreationTime: url.createdAt,
    LastModifiedTime: url.modifiedAt,
  };
}
