import { PlatformError } from "../../base/mod.ts";
import type { HttpResponse, ServiceHandler } from "../http/request.ts";
import { errorResponse } from "./errors.ts";
import type { LambdaServices } from "./operation.ts";
import { matchRoute } from "./routes.ts";

/** The Lambda dialect: requests of AWS's REST API in, calls of registry and invoker out. */
export function createLambdaApi(services: LambdaServices): ServiceHandler {
  return {
    async handle(request) {
      try {
        const match = matchRoute(request.method, request.path);
        if (!match) throw unknownOperation(request.method, request.path);
        const { route, labels } = match;
        const response = await route.run({ services, request, operation: route.name, labels });
        return withRequestId(response, request.requestId);
      } catch (error) {
        return errorResponse(error, request.requestId);
      }
    },
    failure: errorResponse,
  };
}

function withRequestId(response: HttpResponse, requestId: string): HttpResponse {
  return { ...response, headers: { ...response.headers, "x-amzn-RequestId": requestId } };
}

function unknownOperation(method: string, path: string): PlatformError {
  return new PlatformError(
    { kind: "unknown_operation", operation: `${method} ${path}` },
    `Unknown operation ${method} ${path}: this version of Hearth does not offer it`,
  );
}
