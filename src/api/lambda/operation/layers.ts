import Type from "typebox";
import { parseLayerArn } from "../../../model/mod.ts";
import type { LayerVersion } from "../../../registry/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { LAYER_VERSION_ARN } from "../bodies.ts";
import { validationError } from "../errors.ts";
import {
  inRegion,
  LAYER_RUNTIMES,
  layerFilterOf,
  namedLayer,
  ownLayer,
  positiveVersionNumber,
} from "../layer-names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { zipOf } from "../package-body.ts";
import { nextMarkerShape, pageRequestOf } from "../paging.ts";
import { refuseUnoffered } from "../refusals.ts";
import { type Route, route } from "../route.ts";
import { signingShape } from "../shapes.ts";
import { bodyParser, violation } from "../validation.ts";
import {
  addLayerVersionPermission,
  getLayerVersionPolicy,
  removeLayerVersionPermission,
} from "./layer-permissions.ts";

/** AWS: a page of layers or their versions has 50 at most. */
const LAYERS_PER_PAGE_MAX = 50;

const publishBody = bodyParser(
  Type.Object({
    Description: Type.Optional(Type.String({ maxLength: 256 })),
    Content: Type.Object({
      ZipFile: Type.Optional(Type.String()),
      S3Bucket: Type.Optional(Type.String()),
      S3Key: Type.Optional(Type.String()),
    }),
    CompatibleRuntimes: Type.Optional(Type.Array(Type.Enum(LAYER_RUNTIMES), { maxItems: 15 })),
    CompatibleArchitectures: Type.Optional(
      Type.Array(Type.Enum(["x86_64", "arm64"]), { maxItems: 2 }),
    ),
    LicenseInfo: Type.Optional(Type.String({ maxLength: 512 })),
  }),
);

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html */
async function publishLayerVersion(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = ownLayer(call);
  const wire = publishBody.parse(call.request.body);
  refuseUnoffered(wire.Content, call.services.architecture);
  const { CompatibleRuntimes, CompatibleArchitectures, LicenseInfo } = wire;
  const version = await call.services.registry.layers.publish(owner, name, {
    zip: zipOf(wire.Content.ZipFile, "layer"),
    description: wire.Description ?? "",
    ...(CompatibleRuntimes && { compatibleRuntimes: CompatibleRuntimes }),
    ...(CompatibleArchitectures && { compatibleArchitectures: CompatibleArchitectures }),
    ...(LicenseInfo === undefined ? {} : { licenseInfo: LicenseInfo }),
  });
  return jsonResponse(201, versionShape(call, version));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersion.html */
async function getLayerVersion(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = namedLayer(call);
  const number = positiveVersionNumber(call);
  const { registry } = call.services;
  const version = await registry.layers.get(call.request.identity, owner, name, number);
  return jsonResponse(200, versionShape(call, version));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html */
async function getLayerVersionByArn(call: LambdaCall): Promise<HttpResponse> {
  const arn = call.request.query.get("Arn");
  if (arn === null) throw validationError([violation(undefined, "arn", "Member must not be null")]);
  if (!new RegExp(`^${LAYER_VERSION_ARN}$`).test(arn)) {
    const constraint = `Member must satisfy regular expression pattern: ${LAYER_VERSION_ARN}`;
    throw validationError([violation(arn, "arn", constraint)]);
  }
  const { owner, name, version: number = 0 } = inRegion(call, parseLayerArn(arn));
  const { registry } = call.services;
  const version = await registry.layers.get(call.request.identity, owner, name, number);
  return jsonResponse(200, versionShape(call, version));
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListLayers.html */
async function listLayers({ services, request }: LambdaCall): Promise<HttpResponse> {
  const page = await services.registry.layers.list(request.identity.owner, {
    ...pageRequestOf(request.query, LAYERS_PER_PAGE_MAX),
    ...layerFilterOf(request.query),
  });
  const Layers = page.items.map((version) => ({
    LayerName: version.name,
    LayerArn: layerArnOf(version),
    LatestMatchingVersion: listedShape(version),
  }));
  return jsonResponse(200, { Layers, ...nextMarkerShape(page.next) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListLayerVersions.html */
async function listLayerVersions(call: LambdaCall): Promise<HttpResponse> {
  const { query } = call.request;
  const filter = layerFilterOf(query);
  const { owner, name } = ownLayer(call);
  const page = await call.services.registry.layers.listVersions(owner, name, {
    ...pageRequestOf(query, LAYERS_PER_PAGE_MAX),
    ...filter,
  });
  const LayerVersions = page.items.map(listedShape);
  return jsonResponse(200, { LayerVersions, ...nextMarkerShape(page.next) });
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html */
async function deleteLayerVersion(call: LambdaCall): Promise<HttpResponse> {
  const { owner, name } = ownLayer(call);
  await call.services.registry.layers.delete(owner, name, positiveVersionNumber(call));
  return emptyResponse(204);
}

/** A version with where to get its content: the URL is the caller's for ten minutes. */
function versionShape({ services, request }: LambdaCall, version: LayerVersion) {
  const { owner, code } = version;
  return {
    Content: {
      Location: services.codeLocation(owner, code.sha256, request.origin),
      CodeSha256: code.sha256,
      CodeSize: code.zipBytes,
      ...signingShape(code),
    },
    LayerArn: layerArnOf(version),
    ...listedShape(version),
  };
}

function listedShape(version: LayerVersion): Record<string, unknown> {
  const { compatibleArchitectures, compatibleRuntimes, licenseInfo } = version;
  return {
    LayerVersionArn: version.arn,
    Version: version.version,
    Description: version.description,
    CreatedDate: version.created,
    ...(compatibleArchitectures && { CompatibleArchitectures: compatibleArchitectures }),
    ...(compatibleRuntimes && { CompatibleRuntimes: compatibleRuntimes }),
    ...(licenseInfo === undefined ? {} : { LicenseInfo: licenseInfo }),
  };
}

function layerArnOf({ arn }: LayerVersion): string {
  return arn.slice(0, arn.lastIndexOf(":"));
}

const LAYERS = "/2018-10-31/layers";
const VERSIONS = `${LAYERS}/{LayerName}/versions`;
const VERSION = `${VERSIONS}/{VersionNumber}`;

export const layerRoutes: readonly Route[] = [
  route("GetLayerVersionByArn", "GET", `${LAYERS}?find=LayerVersion`, getLayerVersionByArn),
  route("ListLayers", "GET", LAYERS, listLayers),
  route("PublishLayerVersion", "POST", VERSIONS, publishLayerVersion),
  route("ListLayerVersions", "GET", VERSIONS, listLayerVersions),
  route("GetLayerVersion", "GET", VERSION, getLayerVersion),
  route("DeleteLayerVersion", "DELETE", VERSION, deleteLayerVersion),
  route("AddLayerVersionPermission", "POST", `${VERSION}/policy`, addLayerVersionPermission),
  route("GetLayerVersionPolicy", "GET", `${VERSION}/policy`, getLayerVersionPolicy),
  route(
    "RemoveLayerVersionPermission",
    "DELETE",
    `${VERSION}/policy/{StatementId}`,
    removeLayerVersionPermission,
  ),
];
