import Type from "typebox";
import type { HttpResponse } from "../../http/request.ts";
import { validationError } from "../errors.ts";
import { ownLayer, versionNumber } from "../layer-names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { bodyParser, violation, whole } from "../validation.ts";

const STATEMENT_ID = "([a-zA-Z0-9-_]+)";
const STATEMENT_ID_LENGTH_MAX = 100;

const addBody = bodyParser(
  Type.Object({
    StatementId: Type.String({
      minLength: 1,
      maxLength: STATEMENT_ID_LENGTH_MAX,
      pattern: whole(STATEMENT_ID),
    }),
    Action: Type.String({ maxLength: 22, pattern: whole("lambda:GetLayerVersion") }),
    Principal: Type.String({ pattern: whole("\\d{12}|\\*|arn:(aws[a-zA-Z-]*):iam::\\d{12}:root") }),
    OrganizationId: Type.Optional(
      Type.String({ maxLength: 34, pattern: whole("o-[a-z0-9]{10,32}") }),
    ),
  }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_AddLayerVersionPermission.html */
export async function addLayerVersionPermission(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = ownLayer(call);
  const { registry } = call.services;
  const wire = addBody.parse(call.request.body);
  const { statement, revisionId } = await registry.layers.addPermission(
    owner,
    name,
    versionNumber(call),
    {
      statementId: wire.StatementId,
      principal: wire.Principal,
      ...(wire.OrganizationId === undefined ? {} : { principalOrgId: wire.OrganizationId }),
    },
    revisionOf(call),
  );
  return jsonResponse(201, { Statement: JSON.stringify(statement), RevisionId: revisionId });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionPolicy.html */
export async function getLayerVersionPolicy(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = ownLayer(call);
  const { registry } = call.services;
  const { document, revisionId } = await registry.layers.policy(owner, name, versionNumber(call));
  return jsonResponse(200, { Policy: JSON.stringify(document), RevisionId: revisionId });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_RemoveLayerVersionPermission.html */
export async function removeLayerVersionPermission(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = ownLayer(call);
  const [, , statementId = ""] = call.labels;
  if (!new RegExp(`^${STATEMENT_ID}$`).test(statementId)) {
    const constraint = `Member must satisfy regular expression pattern: ${STATEMENT_ID}`;
    throw validationError([violation(statementId, "statementId", constraint)]);
  }
  const number = versionNumber(call);
  const revisionId = revisionOf(call);
  await call.services.registry.layers.removePermission(
    owner,
    name,
    number,
    statementId,
    revisionId,
  );
  return emptyResponse(204);
}

/** The revision that the caller knows; an empty one is none. */
function revisionOf({ request }: LambdaCall): string | undefined {
  return request.query.get("RevisionId") || undefined;
}
