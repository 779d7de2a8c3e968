import { PlatformError } from "../../base/mod.ts";
import type { ServiceHandler } from "../http/request.ts";
import { errorResponse, LambdaError } from "./errors.ts";
import type { LambdaServices } from "./operation.ts";
import { foreignFunction, permitted } from "./permission.ts";
import { matchRoute } from "./routes.ts";

/** The Lambda dialect: requests of AWS's REST API in, calls of registry and invoker out. */
export function createLambdaApi(services: LambdaServices): ServiceHandler {
  return {
    async handle(request) {
      const match = matchRoute(request);
      if (!match) throw unknownOperation(request.method, request.path);
      const { route, labels } = match;
      try {
        const call = { services, request, operation: route.name, labels };
        const foreign = foreignFunction(call);
        return await route.run(foreign === undefined ? call : await permitted(call, foreign));
      } catch (error) {
        // What only this dialect knows ends here; the edge notes and renders all other failures.
        if (error instanceof LambdaError) return errorResponse(error);
        throw error;
      }
    },
    failure: errorResponse,
  };
}

function unknownOperation(method: string, path: string): PlatformError {
  return new PlatformError(
    { kind: "unknown_operation", operation: `${method} ${path}` },
    `Unknown operation ${method} ${path}: this version of Hearth does not offer it`,
  );
}
