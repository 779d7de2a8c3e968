/** host: one machine. Environments, the acquisition ladder, the warm pool, logs. */
export type { Acquired, Machine } from "./acquire.ts";
export type { CredentialSource, FunctionCredentials } from "./function-environment.ts";
export * from "./host.ts";
export { installedRuntimes, installRuntime, type RuntimeOptions, runtimeImage } from "./images.ts";
export { LocalMachine, type LocalMachineOptions } from "./local-machine.ts";
export type { ProvisionedState } from "./provisioning.ts";
export * from "./sidecars/mod.ts";
