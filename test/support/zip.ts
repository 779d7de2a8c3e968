import { buffer } from "node:stream/consumers";
import yazl from "yazl";

/** One file of a zip that a test makes. */
export interface ZipEntry {
  readonly path: string;
  readonly bytes: Buffer;
  /** As stat gives it, the kind of file included. */
  readonly mode: number;
}

export function zipFiles(entries: readonly ZipEntry[]): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const { path, bytes, mode } of entries) {
    zip.addBuffer(bytes, path, { mode, mtime: new Date(0) });
  }
  zip.end();
  return buffer(zip.outputStream);
}
