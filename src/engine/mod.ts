/** engine: durable state behind small interfaces. Drivers are named only in app/ and their tests. */
export * from "./blob.ts";
export * from "./table.ts";
