/** The same tests where nothing is isolated. */
process.env.HEARTH_ISOLATION = "none";
await import("./extensions.test.ts");

export {};
