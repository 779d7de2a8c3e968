/** model: pure values of the domain; no I/O, no clock, no chance. */
export * from "./arn.ts";
export * from "./function.ts";
export * from "./invocation.ts";
export * as limits from "./limits.ts";
export * from "./runtime.ts";
