import Type from "typebox";
import type { FunctionVersion } from "../../../model/mod.ts";
import type { CapacityProvider, PageRequest } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { invalidParameter, LambdaError, validationError } from "../errors.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { type Route, route } from "../route.ts";
import { qualifiedArn } from "../shapes.ts";
import { bodyParser, violation, whole } from "../validation.ts";

const PROVIDERS = "/2025-11-30/capacity-providers";
const PROVIDER = `${PROVIDERS}/{CapacityProviderName}`;

/** The operations on capacity providers. */
export const capacityProviderRoutes: readonly Route[] = [
  route("CreateCapacityProvider", "POST", PROVIDERS, createCapacityProvider),
  route("ListCapacityProviders", "GET", PROVIDERS, listCapacityProviders),
  route("GetCapacityProvider", "GET", PROVIDER, getCapacityProvider),
  route("UpdateCapacityProvider", "PUT", PROVIDER, updateCapacityProvider),
  route("DeleteCapacityProvider", "DELETE", PROVIDER, deleteCapacityProvider),
  route(
    "ListFunctionVersionsByCapacityProvider",
    "GET",
    `${PROVIDER}/function-versions`,
    listFunctionVersionsByCapacityProvider,
  ),
];

const NAME_LENGTH_MAX = 140;
const NAME_PATTERN =
  "(arn:aws[a-zA-Z-]*:lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:" +
  "capacity-provider:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
const nameMatcher: RegExp = new RegExp(whole(NAME_PATTERN));
const ROLE_PATTERN = "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";

const InstanceTypes = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: 30, pattern: whole("[a-zA-Z0-9\\.\\-]+") }), {
    maxItems: 400,
  }),
);

/** Members that can be changed later. */
const changeable = {
  CapacityProviderScalingConfig: Type.Optional(
    Type.Object({
      MaxVCpuCount: Type.Optional(Type.Integer({ minimum: 2, maximum: 15_000 })),
      ScalingMode: Type.Optional(Type.Enum(["Auto", "Manual"])),
      ScalingPolicies: Type.Optional(
        Type.Array(
          Type.Object({
            PredefinedMetricType: Type.Enum(["LambdaCapacityProviderAverageCPUUtilization"]),
            TargetValue: Type.Number({ minimum: 0, maximum: 100 }),
          }),
          { minItems: 1, maxItems: 10 },
        ),
      ),
    }),
  ),
  PropagateTags: Type.Optional(
    Type.Object({
      Mode: Type.Optional(Type.Enum(["None", "Explicit"])),
      ExplicitTags: Type.Optional(Type.Record(Type.String(), Type.String())),
    }),
  ),
  TelemetryConfig: Type.Optional(
    Type.Object({
      LoggingConfig: Type.Optional(
        Type.Object({
          SystemLogLevel: Type.Optional(Type.Enum(["DEBUG", "INFO", "WARN"])),
          LogGroup: Type.Optional(
            Type.String({ minLength: 1, maxLength: 512, pattern: whole("[\\.\\-_/#A-Za-z0-9]+") }),
          ),
        }),
      ),
    }),
  ),
};

const createBody = bodyParser(
  Type.Object({
    ...changeable,
    CapacityProviderName: Type.String({
      minLength: 1,
      maxLength: NAME_LENGTH_MAX,
      pattern: whole(NAME_PATTERN),
    }),
    VpcConfig: Type.Object({
      SubnetIds: Type.Array(Type.String({ pattern: whole("subnet-[0-9a-z]*") }), {
        minItems: 1,
        maxItems: 16,
      }),
      SecurityGroupIds: Type.Array(Type.String({ pattern: whole("sg-[0-9a-zA-Z]*") }), {
        maxItems: 5,
      }),
    }),
    PermissionsConfig: Type.Object({
      CapacityProviderOperatorRoleArn: Type.String({ pattern: whole(ROLE_PATTERN) }),
    }),
    InstanceRequirements: Type.Optional(
      Type.Object({
        Architectures: Type.Optional(
          Type.Array(Type.Enum(["x86_64", "arm64"]), { minItems: 1, maxItems: 1 }),
        ),
        AllowedInstanceTypes: InstanceTypes,
        ExcludedInstanceTypes: InstanceTypes,
      }),
    ),
    KmsKeyArn: Type.Optional(
      Type.String({ maxLength: 10_000, pattern: whole("arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*") }),
    ),
    Tags: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
);

const updateBody = bodyParser(Type.Object(changeable));

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateCapacityProvider.html */
async function createCapacityProvider(call: LambdaCall): Promise<HttpResponse> {
  const wire = createBody.parse(call.request.body);
  const name = ownName(call, wire.CapacityProviderName);
  const { AllowedInstanceTypes: allowed, ExcludedInstanceTypes: excluded } =
    wire.InstanceRequirements ?? {};
  if (allowed?.length && excluded?.length) {
    throw invalidParameter(
      "AllowedInstanceTypes and ExcludedInstanceTypes cannot be given together",
    );
  }
  const settings = {
    VpcConfig: wire.VpcConfig,
    PermissionsConfig: wire.PermissionsConfig,
    InstanceRequirements: wire.InstanceRequirements,
    CapacityProviderScalingConfig: wire.CapacityProviderScalingConfig ?? { ScalingMode: "Auto" },
    KmsKeyArn: wire.KmsKeyArn,
    PropagateTags: wire.PropagateTags,
    TelemetryConfig: wire.TelemetryConfig,
  };
  const { owner } = call.request.identity;
  const { capacityProviders } = call.services;
  const provider = await capacityProviders.create(owner, name, settings, wire.Tags);
  return jsonResponse(202, { CapacityProvider: providerShape(provider) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetCapacityProvider.html */
async function getCapacityProvider(call: LambdaCall): Promise<HttpResponse> {
  const name = namedProvider(call);
  const provider = await call.services.capacityProviders.get(call.request.identity.owner, name);
  return jsonResponse(200, { CapacityProvider: providerShape(provider) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateCapacityProvider.html */
async function updateCapacityProvider(call: LambdaCall): Promise<HttpResponse> {
  const name = namedProvider(call);
  const wire = updateBody.parse(call.request.body);
  const { CapacityProviderScalingConfig, PropagateTags, TelemetryConfig } = wire;
  const changed = {
    ...(CapacityProviderScalingConfig && { CapacityProviderScalingConfig }),
    ...(PropagateTags && { PropagateTags }),
    ...(TelemetryConfig && { TelemetryConfig }),
  };
  const { owner } = call.request.identity;
  const provider = await call.services.capacityProviders.update(owner, name, changed);
  return jsonResponse(202, { CapacityProvider: providerShape(provider) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteCapacityProvider.html */
async function deleteCapacityProvider(call: LambdaCall): Promise<HttpResponse> {
  const name = namedProvider(call);
  const { owner } = call.request.identity;
  const provider = await call.services.capacityProviders.delete(owner, name);
  return jsonResponse(202, { CapacityProvider: providerShape(provider) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListCapacityProviders.html */
async function listCapacityProviders(call: LambdaCall): Promise<HttpResponse> {
  const { query, identity } = call.request;
  const state = query.get("State");
  const states = ["Pending", "Active", "Failed", "Deleting"];
  if (state !== null && !states.includes(state)) {
    const constraint = `Member must satisfy enum value set: [${states.join(", ")}]`;
    throw validationError([violation(state, "state", constraint)]);
  }
  const request = fiftyAtMost(query);
  // Whatever is listed is Active.
  if (state !== null && state !== "Active") return jsonResponse(200, { CapacityProviders: [] });
  const page = await call.services.capacityProviders.list(identity.owner, request);
  return jsonResponse(200, {
    CapacityProviders: page.items.map(providerShape),
    ...nextMarkerShape(page.next),
  });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionVersionsByCapacityProvider.html */
async function listFunctionVersionsByCapacityProvider(call: LambdaCall): Promise<HttpResponse> {
  const name = namedProvider(call);
  const { query, identity } = call.request;
  const { capacityProviders, region } = call.services;
  const page = await capacityProviders.versions(identity.owner, name, fiftyAtMost(query));
  const shape = (version: FunctionVersion): Record<string, string> => ({
    FunctionArn: qualifiedArn(version, region),
    State: version.state,
  });
  return jsonResponse(200, {
    CapacityProviderArn: page.arn,
    FunctionVersions: page.items.map(shape),
    ...nextMarkerShape(page.next),
  });
}

function providerShape(provider: CapacityProvider): Record<string, unknown> {
  return {
    CapacityProviderArn: provider.arn,
    State: provider.state,
    ...provider.settings,
    LastModified: provider.lastModified,
  };
}

/** The provider that the path names, by name or ARN. */
function namedProvider(call: LambdaCall): string {
  const [text = ""] = call.labels;
  const violations: string[] = [];
  if (text.length > NAME_LENGTH_MAX) {
    const constraint = `Member must have length less than or equal to ${NAME_LENGTH_MAX}`;
    violations.push(violation(text, "capacityProviderName", constraint));
  }
  if (!nameMatcher.test(text)) {
    const constraint = `Member must satisfy regular expression pattern: ${NAME_PATTERN}`;
    violations.push(violation(text, "capacityProviderName", constraint));
  }
  if (violations.length > 0) throw validationError(violations);
  return ownName(call, text);
}

/** Whether a resource, which may be of any kind, is a capacity provider. */
export function isCapacityProvider(arn: string): boolean {
  return arn.includes(":capacity-provider:") && nameMatcher.test(arn);
}

/** An ARN must lie in the caller's account and in this region. */
export function ownName(call: LambdaCall, text: string): string {
  const [, , , region, owner, , name] = text.split(":");
  if (name === undefined) return text;
  if (owner !== call.request.identity.owner) {
    const action = `lambda:${call.operation}`;
    throw new LambdaError(
      403,
      "AccessDeniedException",
      `User: ${call.request.identity.arn} is not authorized to perform: ${action} on resource: ` +
        `${text} because no resource-based policy allows the ${action} action`,
    );
  }
  if (region === call.services.region) return name;
  throw new LambdaError(404, "ResourceNotFoundException", `Capacity provider not found: ${text}`);
}

const FIFTY = 50;

/** Here MaxItems itself may be 50 at most. */
function fiftyAtMost(query: URLSearchParams): PageRequest {
  const request = pageRequestOf(query);
  if (request.limit === undefined || request.limit <= FIFTY) return request;
  const constraint = `Member must have value less than or equal to ${FIFTY}`;
  throw validationError([violation(request.limit, "maxItems", constraint)]);
}
