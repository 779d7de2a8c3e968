/** base: what has no domain. Everything else stands on it; it stands on nothing. */
export * from "./async.ts";
export * from "./clock.ts";
export * from "./errors.ts";
export * from "./frame.ts";
export * from "./log.ts";
export * from "./lru.ts";
export * from "./metrics.ts";
export * from "./pieces.ts";
export * from "./random.ts";
