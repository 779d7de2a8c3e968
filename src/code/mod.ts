/** code: what a function is made of: packages, kept and unpacked. */
export * from "./package.ts";
export * from "./signature.ts";
export * from "./store.ts";
export * from "./tree.ts";
