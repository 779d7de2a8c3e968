import Type from "typebox";
import type { HttpResponse } from "../../http/request.ts";
import { namedFunction } from "../names.ts";
import { jsonResponse, type LambdaCall } from "../operation.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { refuseUnoffered } from "../refusals.ts";
import { configurationShape, listedShape, qualifiedArn } from "../shapes.ts";
import { bodyParser } from "../validation.ts";

const body = bodyParser(
  Type.Object({
    CodeSha256: Type.Optional(Type.String()),
    Description: Type.Optional(Type.String({ maxLength: 256 })),
    RevisionId: Type.Optional(Type.String()),
    PublishTo: Type.Optional(Type.Enum(["LATEST_PUBLISHED"])),
  }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html */
export async function publishVersion(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const wire = body.parse(call.request.body);
  refuseUnoffered(wire, call.services.architecture);
  const version = await call.services.registry.publishVersion(owner, name, {
    ...(wire.CodeSha256 === undefined ? {} : { codeSha256: wire.CodeSha256 }),
    ...(wire.Description === undefined ? {} : { description: wire.Description }),
    ...(wire.RevisionId === undefined ? {} : { revisionId: wire.RevisionId }),
  });
  return jsonResponse(201, configurationShape(version));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html */
export async function listVersionsByFunction(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedFunction(call, call.labels[0] ?? "");
  const { registry, region } = call.services;
  const page = await registry.listVersions(owner, name, pageRequestOf(call.request.query));
  const Versions = page.items.map((version) => listedShape(version, qualifiedArn(version, region)));
  return jsonResponse(200, { Versions, ...nextMarkerShape(page.next) });
}
