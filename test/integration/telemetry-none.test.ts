/** The same tests where nothing is isolated. */
process.env.HEARTH_ISOLATION = "none";
await import("./telemetry.test.ts");

export {};
