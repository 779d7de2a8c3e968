import type { FunctionDescription } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { namedByRequest } from "../names.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { configurationShape, qualifiedArn } from "../shapes.ts";

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
export async function getFunction(call: LambdaCall): Promise<HttpResponse> {
  const { services, request } = call;
  const { owner, name, qualifier } = namedByRequest(call);
  const description = await services.registry.get(owner, name, qualifier);
  const { version, tags, reservedConcurrency } = description;
  return jsonResponse(200, {
    Configuration: configurationShape(version, arnAsked(call, description, qualifier)),
    Code: {
      RepositoryType: "S3",
      Location: services.codeLocation(owner, version.code.sha256, request.origin),
    },
    ...(Object.keys(tags).length === 0 ? {} : { Tags: tags }),
    ...(reservedConcurrency === undefined
      ? {}
      : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
  });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html */
export async function getFunctionConfiguration(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  const description = await call.services.registry.get(owner, name, qualifier);
  const arn = arnAsked(call, description, qualifier);
  return jsonResponse(200, configurationShape(description.version, arn));
}

/** The ARN of what was asked for: the alias, not the version it stands for. */
function arnAsked(
  call: LambdaCall,
  { version, alias }: FunctionDescription,
  qualifier: string | undefined,
): string {
  if (qualifier === undefined) return version.arn;
  return alias?.arn ?? qualifiedArn(version, call.services.region);
}
