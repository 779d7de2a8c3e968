import type { HttpResponse } from "../../http/request.ts";
import { namedByRequest } from "../names.ts";
import { emptyResponse, type LambdaCall } from "../operation.ts";

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html */
export async function deleteFunction(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name, qualifier } = namedByRequest(call);
  await call.services.registry.delete(owner, name, qualifier);
  return emptyResponse(204);
}
