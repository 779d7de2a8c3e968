import Type from "typebox";
import type { Owner } from "../../../model/mod.ts";
import type { RuntimeManagement, ScalingConfig } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { validationError } from "../errors.ts";
import { namedByRequest, namedFunction, unqualified } from "../names.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { type Route, route } from "../route.ts";
import { qualifiedArn } from "../shapes.ts";
import { bodyParser, violation, whole } from "../validation.ts";

const RECURSION = "/2024-08-31/functions/{FunctionName}/recursion-config";
const RUNTIME = "/2021-07-20/functions/{FunctionName}/runtime-management-config";
const SCALING = "/2025-11-30/functions/{FunctionName}/function-scaling-config";

/** The operations on recursion, runtime management and scaling of functions. */
export const settingRoutes: readonly Route[] = [
  route("GetFunctionRecursionConfig", "GET", RECURSION, getFunctionRecursionConfig),
  route("PutFunctionRecursionConfig", "PUT", RECURSION, putFunctionRecursionConfig),
  route("GetRuntimeManagementConfig", "GET", RUNTIME, getRuntimeManagementConfig),
  route("PutRuntimeManagementConfig", "PUT", RUNTIME, putRuntimeManagementConfig),
  route("GetFunctionScalingConfig", "GET", SCALING, getFunctionScalingConfig),
  route("PutFunctionScalingConfig", "PUT", SCALING, putFunctionScalingConfig),
];

const recursionBody = bodyParser(Type.Object({ RecursiveLoop: Type.Enum(["Allow", "Terminate"]) }));

const RUNTIME_VERSION_PATTERN =
  "arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\\d{1}::runtime:.+";
const runtimeBody = bodyParser(
  Type.Object({
    UpdateRuntimeOn: Type.Enum(["Auto", "Manual", "FunctionUpdate"]),
    RuntimeVersionArn: Type.Optional(
      Type.String({ minLength: 26, maxLength: 2048, pattern: whole(RUNTIME_VERSION_PATTERN) }),
    ),
  }),
);

const Environments = Type.Optional(Type.Integer({ minimum: 0, maximum: 15_000 }));
const scalingBody = bodyParser(
  Type.Object({
    FunctionScalingConfig: Type.Optional(
      Type.Object({
        MinExecutionEnvironments: Environments,
        MaxExecutionEnvironments: Environments,
      }),
    ),
  }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionRecursionConfig.html */
async function getFunctionRecursionConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedFunction(call, call.labels[0] ?? ""));
  const RecursiveLoop = await call.services.settings.recursiveLoop(owner, name);
  return jsonResponse(200, { RecursiveLoop });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html */
async function putFunctionRecursionConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = unqualified(namedFunction(call, call.labels[0] ?? ""));
  const { RecursiveLoop } = recursionBody.parse(call.request.body);
  await call.services.settings.putRecursiveLoop(owner, name, RecursiveLoop);
  return jsonResponse(200, { RecursiveLoop });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetRuntimeManagementConfig.html */
async function getRuntimeManagementConfig(call: LambdaCall): Promise<HttpResponse> {
  const { services } = call;
  const { owner, name, qualifier = "$LATEST" } = namedByRequest(call);
  const found = await services.settings.runtimeManagement(owner, name, qualifier);
  const { updateRuntimeOn, version } = found;
  return jsonResponse(200, {
    UpdateRuntimeOn: updateRuntimeOn,
    FunctionArn: qualifiedArn(version, services.region),
    ...runtimeVersionShape(found),
  });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutRuntimeManagementConfig.html */
async function putRuntimeManagementConfig(call: LambdaCall): Promise<HttpResponse> {
  const { services, request } = call;
  const { owner, name, qualifier = "$LATEST" } = namedByRequest(call);
  const { UpdateRuntimeOn, RuntimeVersionArn } = runtimeBody.parse(request.body);
  const management: RuntimeManagement = {
    updateRuntimeOn: UpdateRuntimeOn,
    ...(RuntimeVersionArn === undefined ? {} : { runtimeVersionArn: RuntimeVersionArn }),
  };
  const { settings, region } = services;
  const version = await settings.putRuntimeManagement(owner, name, qualifier, management);
  return jsonResponse(200, {
    UpdateRuntimeOn,
    FunctionArn: qualifiedArn(version, region),
    ...runtimeVersionShape(management),
  });
}

/** AWS shows the runtime version of a pinned runtime only. */
function runtimeVersionShape({ runtimeVersionArn: pinned }: RuntimeManagement): {
  RuntimeVersionArn?: string;
} {
  return pinned === undefined ? {} : { RuntimeVersionArn: pinned };
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionScalingConfig.html */
async function getFunctionScalingConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = scaledVersion(call);
  const { version, ...scaling } = await call.services.settings.scaling(owner, name, qualifier);
  const { minExecutionEnvironments: _, ...applied } = scaling;
  return jsonResponse(200, {
    FunctionArn: qualifiedArn(version, call.services.region),
    // Environments come with calls here: a minimum is kept in mind, not kept ready.
    ...(Object.keys(applied).length === 0
      ? {}
      : { AppliedFunctionScalingConfig: scalingShape(applied) }),
    ...(Object.keys(scaling).length === 0
      ? {}
      : { RequestedFunctionScalingConfig: scalingShape(scaling) }),
  });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html */
async function putFunctionScalingConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = scaledVersion(call);
  const { FunctionScalingConfig: wire = {} } = scalingBody.parse(call.request.body);
  const { MinExecutionEnvironments: min, MaxExecutionEnvironments: max } = wire;
  const scaling: ScalingConfig = {
    ...(min === undefined ? {} : { minExecutionEnvironments: min }),
    ...(max === undefined ? {} : { maxExecutionEnvironments: max }),
  };
  await call.services.settings.putScaling(owner, name, qualifier, scaling);
  return jsonResponse(202, { FunctionState: max === 0 ? "Deactivated" : "Active" });
}

function scalingShape(scaling: ScalingConfig): Record<string, number> {
  const { minExecutionEnvironments: min, maxExecutionEnvironments: max } = scaling;
  return {
    ...(min === undefined ? {} : { MinExecutionEnvironments: min }),
    ...(max === undefined ? {} : { MaxExecutionEnvironments: max }),
  };
}

/** The version that AWS publishes to without a number; Hearth never has one. */
const LATEST_PUBLISHED = "$LATEST.PUBLISHED";

/** Scaling belongs to published versions: the qualifier must be there and a number. */
function scaledVersion(call: LambdaCall): { owner: Owner; name: string; qualifier: string } {
  const [text = ""] = call.labels;
  const asked = call.request.query.get("Qualifier");
  const pattern = "(\\$LATEST\\.PUBLISHED|[0-9]+)";
  if (asked === null) {
    throw validationError([violation(undefined, "qualifier", "Member must not be null")]);
  }
  if (!new RegExp(whole(pattern)).test(asked)) {
    const constraint = `Member must satisfy regular expression pattern: ${pattern}`;
    throw validationError([violation(asked, "qualifier", constraint)]);
  }
  if (asked !== LATEST_PUBLISHED) {
    const { owner, name } = namedFunction(call, text, asked);
    return { owner, name, qualifier: asked };
  }
  const { owner, name } = unqualified(namedFunction(call, text));
  return { owner, name, qualifier: LATEST_PUBLISHED };
}
