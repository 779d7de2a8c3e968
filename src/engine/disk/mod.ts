/** engine/disk: immutable bytes as files of one directory. Imported by app/ and tests only. */
export * from "./disk-blob-store.ts";
