/** host: one machine. Environments, the acquisition ladder, the warm pool, logs. */
export type { Acquired, Machine } from "./acquire.ts";
export type { CredentialSource, FunctionCredentials } from "./function-environment.ts";
export * from "./function-logs.ts";
export * from "./host.ts";
export { installedRuntimes, installRuntime, type RuntimeOptions, runtimeImage } from "./images.ts";
export { LocalMachine, type LocalMachineOptions } from "./local-machine.ts";
