import type { HttpResponse } from "../../http/request.ts";
import { updateCodeBody, updateConfigurationBody } from "../bodies.ts";
import { heldCapacityProvider, requireManaged } from "../capacity-provider.ts";
import { configurationOf } from "../configuration.ts";
import { durableChange } from "../durable-config.ts";
import { namedFunction } from "../names.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { zipOf } from "../package-body.ts";
import { refuseUnoffered } from "../refusals.ts";
import { configurationShape } from "../shapes.ts";

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html */
export async function updateFunctionConfiguration(call: LambdaCall): Promise<HttpResponse> {
  const { services, request, labels } = call;
  const { owner, name } = namedFunction(call, labels[0] ?? "");
  const wire = updateConfigurationBody.parse(request.body);
  refuseUnoffered(wire, services.architecture);
  const configuration = {
    ...configurationOf(wire),
    ...(await durableChange(services, owner, name, wire.DurableConfig)),
  };
  await requireManaged(services, owner, name, configuration);
  using _ = await heldCapacityProvider(services, owner, configuration);
  const version = await services.registry.updateConfiguration(
    owner,
    name,
    configuration,
    wire.RevisionId,
  );
  return jsonResponse(200, configurationShape(version));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html */
export async function updateFunctionCode(call: LambdaCall): Promise<HttpResponse> {
  const { services, request, labels } = call;
  const { owner, name } = namedFunction(call, labels[0] ?? "");
  const wire = updateCodeBody.parse(request.body);
  refuseUnoffered(wire, services.architecture);
  const version = await services.registry.updateCode(owner, name, {
    zip: zipOf(wire.ZipFile),
    publish: wire.Publish ?? false,
    dryRun: wire.DryRun ?? false,
    ...(wire.RevisionId === undefined ? {} : { revisionId: wire.RevisionId }),
  });
  return jsonResponse(200, configurationShape(version));
}
