/** engine: durable state behind small interfaces. Only app/ and tests name drivers. */
export * from "./blob.ts";
export * from "./table.ts";
