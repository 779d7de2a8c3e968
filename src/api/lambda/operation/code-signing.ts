import Type from "typebox";
import { type CodeSigningConfig, limits } from "../../../model/mod.ts";
import type { CodeSigningSettings } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { CODE_SIGNING_CONFIG_ARN } from "../bodies.ts";
import { validationError } from "../errors.ts";
import { type NamedFunction, namedFunction, unqualified } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { type Route, route } from "../route.ts";
import { bodyParser, violation, whole } from "../validation.ts";

const settings = {
  Description: Type.Optional(Type.String({ maxLength: 256 })),
  CodeSigningPolicies: Type.Optional(
    Type.Object({
      UntrustedArtifactOnDeployment: Type.Optional(Type.Enum(["Warn", "Enforce"])),
    }),
  ),
};
const AllowedPublishers = Type.Object({
  SigningProfileVersionArns: Type.Array(
    Type.String({
      minLength: 12,
      maxLength: 1024,
      pattern: whole(
        "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)",
      ),
    }),
    { minItems: 1, maxItems: limits.SIGNING_PROFILES_PER_CONFIG_MAX },
  ),
});

const createBody = bodyParser(
  Type.Object({
    ...settings,
    AllowedPublishers,
    Tags: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
);
const updateBody = bodyParser(
  Type.Object({ ...settings, AllowedPublishers: Type.Optional(AllowedPublishers) }),
);
const attachBody = bodyParser(
  Type.Object({
    CodeSigningConfigArn: Type.String({ maxLength: 200, pattern: whole(CODE_SIGNING_CONFIG_ARN) }),
  }),
);

interface WireSettings {
  readonly Description?: string;
  readonly AllowedPublishers?: { readonly SigningProfileVersionArns: readonly string[] };
  readonly CodeSigningPolicies?: {
    readonly UntrustedArtifactOnDeployment?: CodeSigningConfig["untrusted"];
  };
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateCodeSigningConfig.html */
async function createCodeSigningConfig({ services, request }: LambdaCall): Promise<HttpResponse> {
  const { owner } = request.identity;
  const wire = createBody.parse(request.body);
  const allowedPublishers = wire.AllowedPublishers.SigningProfileVersionArns;
  const wanted = { ...settingsOf(wire), allowedPublishers };
  const config = await services.registry.codeSigning.create(owner, wanted, wire.Tags ?? {});
  return jsonResponse(201, { CodeSigningConfig: configShape(config) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetCodeSigningConfig.html */
async function getCodeSigningConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner } = call.request.identity;
  const config = await call.services.registry.codeSigning.get(owner, namedConfig(call));
  return jsonResponse(200, { CodeSigningConfig: configShape(config) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateCodeSigningConfig.html */
async function updateCodeSigningConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner } = call.request.identity;
  const arn = namedConfig(call);
  const wire = updateBody.parse(call.request.body);
  const { codeSigning } = call.services.registry;
  const config = await codeSigning.update(owner, arn, settingsOf(wire));
  return jsonResponse(200, { CodeSigningConfig: configShape(config) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteCodeSigningConfig.html */
async function deleteCodeSigningConfig(call: LambdaCall): Promise<HttpResponse> {
  await call.services.registry.codeSigning.delete(call.request.identity.owner, namedConfig(call));
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListCodeSigningConfigs.html */
async function listCodeSigningConfigs({ services, request }: LambdaCall): Promise<HttpResponse> {
  const { owner } = request.identity;
  const page = await services.registry.codeSigning.list(owner, pageRequestOf(request.query));
  return jsonResponse(200, {
    CodeSigningConfigs: page.items.map(configShape),
    ...nextMarkerShape(page.next),
  });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionsByCodeSigningConfig.html */
async function listFunctionsByCodeSigningConfig(call: LambdaCall): Promise<HttpResponse> {
  const { query, identity } = call.request;
  const { codeSigning } = call.services.registry;
  const request = pageRequestOf(query);
  const page = await codeSigning.functions(identity.owner, namedConfig(call), request);
  return jsonResponse(200, { FunctionArns: page.items, ...nextMarkerShape(page.next) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionCodeSigningConfig.html */
async function putFunctionCodeSigningConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = signedFunction(call);
  const { CodeSigningConfigArn } = attachBody.parse(call.request.body);
  await call.services.registry.codeSigning.attach(owner, name, CodeSigningConfigArn);
  return jsonResponse(200, { CodeSigningConfigArn, FunctionName: name });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionCodeSigningConfig.html */
async function getFunctionCodeSigningConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = signedFunction(call);
  const { registry } = call.services;
  await registry.get(owner, name);
  const config = await registry.codeSigning.ofFunction(owner, name);
  // AWS answers with an empty object when there is none.
  if (config === undefined) return jsonResponse(200, {});
  return jsonResponse(200, { CodeSigningConfigArn: config.arn, FunctionName: name });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionCodeSigningConfig.html */
async function deleteFunctionCodeSigningConfig(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = signedFunction(call);
  await call.services.registry.codeSigning.detach(owner, name);
  return emptyResponse(204);
}

/** Whether an ARN is meant to name a configuration, its owner's or another's. */
export function isCodeSigningConfig(arn: string): boolean {
  return new RegExp(whole(CODE_SIGNING_CONFIG_ARN)).test(arn);
}

function signedFunction(call: LambdaCall): NamedFunction {
  return unqualified(namedFunction(call, call.labels[0] ?? ""));
}

/** The ARN in the path; whose it is shows when it is looked up. */
function namedConfig(call: LambdaCall): string {
  const [arn = ""] = call.labels;
  if (isCodeSigningConfig(arn)) return arn;
  const constraint = `Member must satisfy regular expression pattern: ${CODE_SIGNING_CONFIG_ARN}`;
  throw validationError([violation(arn, "codeSigningConfigArn", constraint)]);
}

function settingsOf(wire: WireSettings): CodeSigningSettings {
  const untrusted = wire.CodeSigningPolicies?.UntrustedArtifactOnDeployment;
  const publishers = wire.AllowedPublishers?.SigningProfileVersionArns;
  return {
    ...(wire.Description === undefined ? {} : { description: wire.Description }),
    ...(publishers === undefined ? {} : { allowedPublishers: publishers }),
    ...(untrusted === undefined ? {} : { untrusted }),
  };
}

function configShape(config: CodeSigningConfig): Record<string, unknown> {
  return {
    CodeSigningConfigId: config.id,
    CodeSigningConfigArn: config.arn,
    ...(config.description === undefined ? {} : { Description: config.description }),
    AllowedPublishers: { SigningProfileVersionArns: config.allowedPublishers },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: config.untrusted },
    LastModified: config.lastModified,
  };
}

const CONFIGS = "/2020-04-22/code-signing-configs";
const CONFIG = `${CONFIGS}/{CodeSigningConfigArn}`;
const OF_FUNCTION = "/2020-06-30/functions/{FunctionName}/code-signing-config";

export const codeSigningRoutes: readonly Route[] = [
  route("CreateCodeSigningConfig", "POST", CONFIGS, createCodeSigningConfig),
  route("ListCodeSigningConfigs", "GET", CONFIGS, listCodeSigningConfigs),
  route("GetCodeSigningConfig", "GET", CONFIG, getCodeSigningConfig),
  route("UpdateCodeSigningConfig", "PUT", CONFIG, updateCodeSigningConfig),
  route("DeleteCodeSigningConfig", "DELETE", CONFIG, deleteCodeSigningConfig),
  route(
    "ListFunctionsByCodeSigningConfig",
    "GET",
    `${CONFIG}/functions`,
    listFunctionsByCodeSigningConfig,
  ),
  route("PutFunctionCodeSigningConfig", "PUT", OF_FUNCTION, putFunctionCodeSigningConfig),
  route("GetFunctionCodeSigningConfig", "GET", OF_FUNCTION, getFunctionCodeSigningConfig),
  route("DeleteFunctionCodeSigningConfig", "DELETE", OF_FUNCTION, deleteFunctionCodeSigningConfig),
];
