/**
 * In what an operation differs from AWS, a sentence or two each, for the table in
 * docs/guides/lambda-operations.md (tools/operations.ts). Operations that are not named here do
 * what AWS's API reference says.
 */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  AddPermission: "A policy has a revision id of its own; see [Permissions](permissions.md)",
  CreateCapacityProvider:
    "A provider is a pool of instances of its own on this machine; VPC, role and scaling are kept only",
  CreateCodeSigningConfig:
    "Packages are signed in a format of Hearth's own; see [Layers and code signing](layers.md)",
  CreateEventSourceMapping:
    "There are no queues and streams yet: after validation every source is one that does not exist",
  CreateFunction:
    "`Code.ZipFile` only; Active at once; no images, VPC, file systems, KMS keys, tenancy or SnapStart",
  CreateFunctionUrlConfig: "URLs are `http://ID.lambda-url.REGION.localhost:PORT/`",
  DeleteFunction: "Done when it is answered: the name is free again",
  GetFunction: "`Code.Location` is a presigned URL of this Hearth",
  GetRuntimeManagementConfig: "Runtimes change with this Hearth's own version",
  Invoke: "Says in `X-Hearth-*` headers how the call started and where it ran",
  InvokeWithResponseStream: "Streams at full speed: AWS's 2 MB/s after the first 6 MB do not apply",
  ListEventSourceMappings: "Always empty: see CreateEventSourceMapping",
  PublishLayerVersion: "`Content.ZipFile` only",
  PutFunctionEventInvokeConfig: "Destinations are functions",
  PutFunctionScalingConfig: "The maximum is applied to calls of the version, the minimum only kept",
  PutResourcePolicy:
    "`NotPrincipal`, `NotAction` and `NotResource` are refused; a Deny does not bind the owner",
  PutProvisionedConcurrencyConfig: "Environments are ready in well under a second, not in minutes",
  PutRuntimeManagementConfig: "Kept and shown; runtimes change with this Hearth's own version",
  UpdateFunctionCode: "`ZipFile` only; done when it is answered",
  UpdateFunctionConfiguration: "Done when it is answered",
};
