/** model: pure values of the domain; no I/O, no clock, no chance. */
export * from "./arn.ts";
export * from "./function.ts";
export * from "./invocation.ts";
export * from "./layer.ts";
export * as limits from "./limits.ts";
export * from "./lineage.ts";
export * from "./policy.ts";
export * from "./runtime.ts";
export * from "./signing.ts";
