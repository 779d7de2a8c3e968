import type { HttpResponse } from "../../http/request.ts";
import { validationError } from "../errors.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { listedShape, qualifiedArn } from "../shapes.ts";
import { violation } from "../validation.ts";

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html */
export async function listFunctions({ services, request }: LambdaCall): Promise<HttpResponse> {
  const wanted = request.query.get("FunctionVersion");
  if (wanted !== null && wanted !== "ALL") {
    const constraint = "Member must satisfy enum value set: [ALL]";
    throw validationError([violation(wanted, "functionVersion", constraint)]);
  }
  const allVersions = wanted === "ALL";
  const page = await services.registry.list(request.identity.owner, {
    ...pageRequestOf(request.query),
    allVersions,
  });
  const Functions = page.items.map((version) =>
    listedShape(version, allVersions ? qualifiedArn(version, services.region) : version.arn),
  );
  return jsonResponse(200, { Functions, ...nextMarkerShape(page.next) });
}
