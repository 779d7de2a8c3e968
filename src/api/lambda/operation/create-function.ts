import type { HttpResponse } from "../../http/request.ts";
import { createFunctionBody } from "../bodies.ts";
import { heldCapacityProvider } from "../capacity-provider.ts";
import { configurationOf } from "../configuration.ts";
import { durableOf } from "../durable-config.ts";
import { invalidParameter } from "../errors.ts";
import { newFunctionName } from "../names.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { zipOf } from "../package-body.ts";
import { refuseUnoffered } from "../refusals.ts";
import { configurationShape } from "../shapes.ts";

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html */
export async function createFunction(call: LambdaCall): Promise<HttpResponse> {
  const { services, request } = call;
  const wire = createFunctionBody.parse(request.body);
  const name = newFunctionName(call, wire.FunctionName);
  refuseUnoffered({ ...wire, ...wire.Code }, services.architecture);
  const configuration = configurationOf(wire);
  const { runtime, handler } = configuration;
  if (runtime === undefined || handler === undefined) {
    throw invalidParameter(
      "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    );
  }
  const { owner } = request.identity;
  using _ = await heldCapacityProvider(services, owner, configuration);
  const version = await services.registry.create(owner, {
    name,
    configuration: {
      architecture: services.architecture,
      ...configuration,
      ...durableOf(wire.DurableConfig),
      runtime,
      handler,
      role: wire.Role,
    },
    zip: zipOf(wire.Code.ZipFile),
    tags: wire.Tags ?? {},
    publish: wire.Publish ?? false,
    ...(wire.CodeSigningConfigArn === undefined
      ? {}
      : { codeSigningConfigArn: wire.CodeSigningConfigArn }),
  });
  return jsonResponse(201, configurationShape(version));
}
