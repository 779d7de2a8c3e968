import { invalidPackage } from "./invalid-package.ts";

/** Ours: leaves room below PATH_MAX (4,096) for wherever a package is unpacked. */
const PATH_BYTES_MAX = 1024;
/** NAME_MAX of Linux file systems. */
const NAME_BYTES_MAX = 255;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * An entry's name as text. It must be UTF-8 whatever the archive's flag says: tools disagree about
 * the flag, and guessing a code page would unpack files under names no handler can find.
 * @throws PlatformError kind "invalid_package", problem "malformed"
 */
export function decodeEntryName(raw: Buffer): string {
  try {
    return utf8.decode(raw);
  } catch (cause) {
    const entry = raw.toString("latin1");
    throw invalidPackage("malformed", "Entry name is not UTF-8", { entry, cause });
  }
}

/**
 * An entry's place below the package's root: segments joined by "/", without empty and "."
 * segments. "" is the root itself.
 * @throws PlatformError kind "invalid_package": "escapes_root", "malformed" or "unsupported_entry"
 */
export function entryPath(entry: string): string {
  if (entry === "" || entry.includes("\0")) {
    throw invalidPackage("malformed", "Entry name is empty or has a NUL", { entry });
  }
  if (entry.startsWith("/") || entry.includes("\\") || /^[a-zA-Z]:/.test(entry)) {
    const message = "Entry name is absolute or has a backslash or drive letter";
    throw invalidPackage("escapes_root", message, { entry });
  }
  const segments = entry.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) {
    throw invalidPackage("escapes_root", "Entry leads out of the package", { entry });
  }
  const path = segments.join("/");
  const longest = Math.max(0, ...segments.map((segment) => Buffer.byteLength(segment)));
  if (Buffer.byteLength(path) > PATH_BYTES_MAX || longest > NAME_BYTES_MAX) {
    const message = `Entry name exceeds ${PATH_BYTES_MAX} bytes, or ${NAME_BYTES_MAX} a segment`;
    throw invalidPackage("unsupported_entry", message, { entry });
  }
  return path;
}

/** The directory that an entry of this path is in; "" is the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
