import Type from "typebox";
import type { Permission, Policy } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { invalidParameter, validationError } from "../errors.ts";
import { type NamedFunction, namedByRequest, namedFunction } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { FUNCTION, type Route, route } from "../route.ts";
import { bodyParser, violation, whole } from "../validation.ts";

const RESOURCE_POLICY = "/2026-07-09/resource-policy/{ResourceArn}";

/** The operations on resource-based policies of functions. */
export const policyRoutes: readonly Route[] = [
  route("AddPermission", "POST", `${FUNCTION}/policy`, addPermission),
  route("GetPolicy", "GET", `${FUNCTION}/policy`, getPolicy),
  route("RemovePermission", "DELETE", `${FUNCTION}/policy/{StatementId}`, removePermission),
  route("PutResourcePolicy", "PUT", RESOURCE_POLICY, putResourcePolicy),
  route("GetResourcePolicy", "GET", RESOURCE_POLICY, getResourcePolicy),
  route("DeleteResourcePolicy", "DELETE", RESOURCE_POLICY, deleteResourcePolicy),
];

const permissionBody = bodyParser(
  Type.Object({
    StatementId: Type.String({ minLength: 1, maxLength: 100, pattern: whole("([a-zA-Z0-9-_]+)") }),
    Action: Type.String({ pattern: whole("(lambda:[*]|lambda:[a-zA-Z]+|[*])") }),
    Principal: Type.String({ pattern: whole("[^\\s]+") }),
    SourceArn: Type.Optional(
      Type.String({
        pattern: whole(
          "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)",
        ),
      }),
    ),
    SourceAccount: Type.Optional(Type.String({ maxLength: 12, pattern: whole("\\d{12}") })),
    EventSourceToken: Type.Optional(
      Type.String({ maxLength: 256, pattern: whole("[a-zA-Z0-9._\\-]+") }),
    ),
    PrincipalOrgID: Type.Optional(
      Type.String({ minLength: 12, maxLength: 34, pattern: whole("o-[a-z0-9]{10,32}") }),
    ),
    FunctionUrlAuthType: Type.Optional(Type.Enum(["NONE", "AWS_IAM"])),
    InvokedViaFunctionUrl: Type.Optional(Type.Boolean()),
    RevisionId: Type.Optional(Type.String()),
  }),
);

const policyBody = bodyParser(
  Type.Object({ Policy: Type.String(), RevisionId: Type.Optional(Type.String()) }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html */
async function addPermission(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  const wire = permissionBody.parse(call.request.body);
  if (qualifier === "$LATEST") {
    throw invalidParameter("We currently do not support adding policies for $LATEST.");
  }
  const permission = {
    statementId: wire.StatementId,
    action: wire.Action,
    principal: wire.Principal,
    ...given("sourceArn", wire.SourceArn),
    ...given("sourceAccount", wire.SourceAccount),
    ...given("principalOrgId", wire.PrincipalOrgID),
    ...given("eventSourceToken", wire.EventSourceToken),
    ...given("functionUrlAuthType", wire.FunctionUrlAuthType),
    ...given("invokedViaFunctionUrl", wire.InvokedViaFunctionUrl),
  } satisfies Permission;
  requireUrlAction(permission);
  const { policies } = call.services;
  const revisionId = wire.RevisionId;
  const statement = await policies.addPermission(owner, name, qualifier, permission, revisionId);
  return jsonResponse(201, { Statement: JSON.stringify(statement) });
}

/** FunctionUrlAuthType narrows one action only. */
function requireUrlAction({ action, functionUrlAuthType }: Permission): void {
  if (functionUrlAuthType === undefined || action === "lambda:InvokeFunctionUrl") return;
  throw invalidParameter(
    "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
  );
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html */
async function getPolicy(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  return jsonResponse(200, policyShape(await call.services.policies.get(owner, name, qualifier)));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html */
async function removePermission(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  const statementId = call.labels[1] ?? "";
  if (!/^[a-zA-Z0-9-_.]{1,100}$/.test(statementId)) {
    const constraint =
      statementId.length > 100
        ? "Member must have length less than or equal to 100"
        : "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_.]+)";
    throw validationError([violation(statementId, "statementId", constraint)]);
  }
  const revisionId = call.request.query.get("RevisionId") ?? undefined;
  const { policies } = call.services;
  await policies.removePermission(owner, name, qualifier, statementId, revisionId);
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutResourcePolicy.html */
async function putResourcePolicy(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByArn(call);
  const { Policy: json, RevisionId: revisionId } = policyBody.parse(call.request.body);
  const policy = await call.services.policies.put(owner, name, qualifier, json, revisionId);
  return jsonResponse(200, policyShape(policy));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetResourcePolicy.html */
async function getResourcePolicy(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByArn(call);
  return jsonResponse(200, policyShape(await call.services.policies.get(owner, name, qualifier)));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteResourcePolicy.html */
async function deleteResourcePolicy(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByArn(call);
  const revisionId = call.request.query.get("RevisionId") ?? undefined;
  await call.services.policies.delete(owner, name, qualifier, revisionId);
  return emptyResponse(204);
}

const ARN_LENGTH_MAX = 256;
const ARN_PATTERN =
  "arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:" +
  "function:[a-zA-Z0-9-_]+(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_])+)?";
const arnMatcher: RegExp = new RegExp(whole(ARN_PATTERN));

/** These operations take a whole ARN and nothing shorter. */
function namedByArn(call: LambdaCall): NamedFunction {
  const [arn = ""] = call.labels;
  const violations: string[] = [];
  if (arn.length > ARN_LENGTH_MAX) {
    const constraint = `Member must have length less than or equal to ${ARN_LENGTH_MAX}`;
    violations.push(violation(arn, "resourceArn", constraint));
  } else if (!arnMatcher.test(arn)) {
    const constraint = `Member must satisfy regular expression pattern: ${ARN_PATTERN}`;
    violations.push(violation(arn, "resourceArn", constraint));
  }
  if (violations.length > 0) throw validationError(violations);
  const named = namedFunction(call, arn);
  if (named.qualifier !== "$LATEST") return named;
  throw invalidParameter("We currently do not support adding policies for $LATEST.");
}

function policyShape({ document, revisionId }: Policy): Record<string, string> {
  return { Policy: JSON.stringify(document), RevisionId: revisionId };
}

function given<K extends string, T>(key: K, value: T | undefined): { readonly [k in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [k in K]: T });
}
