/** fleet: how much may run, and where. */

export * from "./limit.ts";
export type { ProvisionedStatus } from "./provisioner.ts";
export { Provisioner } from "./provisioner.ts";
export { VersionLimiter } from "./version-limit.ts";
