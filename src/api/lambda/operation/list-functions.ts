import type { HttpResponse } from "../../http/request.ts";
import { invalidParameter, validationError } from "../errors.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { listedShape, qualifiedArn } from "../shapes.ts";
import { violation, whole } from "../validation.ts";

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html */
export async function listFunctions({ services, request }: LambdaCall): Promise<HttpResponse> {
  const wanted = request.query.get("FunctionVersion");
  if (wanted !== null && wanted !== "ALL") {
    const constraint = "Member must satisfy enum value set: [ALL]";
    throw validationError([violation(wanted, "functionVersion", constraint)]);
  }
  const master = request.query.get("MasterRegion");
  if (master !== null) return jsonResponse(200, replicas(master, wanted));
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

const MASTER_REGION_PATTERN = "ALL|[a-z]{2}(-gov)?-[a-z]+-\\d{1}";
const masterRegion: RegExp = new RegExp(whole(MASTER_REGION_PATTERN));

/** MasterRegion asks for Lambda@Edge replicas of functions in another region: there are none. */
function replicas(region: string, version: string | null): { readonly Functions: readonly [] } {
  if (!masterRegion.test(region)) {
    const constraint = `Member must satisfy regular expression pattern: ${MASTER_REGION_PATTERN}`;
    throw validationError([violation(region, "masterRegion", constraint)]);
  }
  if (version === "ALL") return { Functions: [] };
  throw invalidParameter("FunctionVersion must be ALL when MasterRegion is given");
}
