/** fleet: how much may run, and where. */
export * from "./limit.ts";
