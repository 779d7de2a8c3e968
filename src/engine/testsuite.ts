/** Conformance suites: every driver of an engine interface runs the same one. */
export { blobStoreSuite } from "./testsuite-blob.ts";
export { type Opener, scratch } from "./testsuite-support.ts";
export { tableStoreSuite } from "./testsuite-table.ts";
