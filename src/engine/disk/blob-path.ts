import { PlatformError } from "../../base/mod.ts";

/**
 * Keys as relative paths. Characters outside the key alphabet keep what a file system would confuse
 * apart: files end in "@", so that blob `a` and blob `a/b` can both exist; and segments longer than
 * a file name may be are cut into directories that end in "+".
 */
const KEY: RegExp = /^[a-zA-Z0-9/_.=-]{1,512}$/;
const FILE_MARK = "@";
const CUT_MARK = "+";

/** @throws PlatformError kind "invalid": strange characters; empty, "." or ".." segments */
export function pathOfKey(key: string): string {
  const segments = key.split("/");
  const strange = segments.some((segment) => segment === "" || segment === ".");
  if (!KEY.test(key) || key.includes("..") || strange) {
    throw new PlatformError({ kind: "invalid", field: "key" }, `Blob key is malformed: ${key}`);
  }
  return `${cutLongSegments(key)}${FILE_MARK}`;
}

/** The directory below which every key with this prefix lies; "" is the top. */
export function directoryOfPrefix(prefix: string): string {
  const end = prefix.lastIndexOf("/");
  if (end <= 0) return "";
  const directory = pathOfKey(prefix.slice(0, end));
  return directory.slice(0, -FILE_MARK.length);
}

/** Undefined for files that are no blobs. */
export function keyOfPath(path: string): string | undefined {
  if (!path.endsWith(FILE_MARK)) return undefined;
  return path.slice(0, -FILE_MARK.length).replaceAll(`${CUT_MARK}/`, "");
}

function cutLongSegments(key: string): string {
  return key.replace(/[^/]{200}(?=[^/])/g, `$&${CUT_MARK}/`);
}
