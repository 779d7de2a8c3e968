/** host: one machine. Environments, the acquisition ladder, the warm pool, logs. */
export type { Acquired, Machine } from "./acquire.ts";
export * from "./function-logs.ts";
export * from "./host.ts";
