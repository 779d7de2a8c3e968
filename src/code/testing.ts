/** Zips and places for the tests of this room. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { crc32, deflateRawSync } from "node:zlib";
import { ZipFile } from "yazl";

export interface ScratchDirectory extends AsyncDisposable {
  readonly path: string;
}

/** An empty directory that goes away with its scope. */
export async function scratchDirectory(parent: string = tmpdir()): Promise<ScratchDirectory> {
  const path = await mkdtemp(join(parent, "hearth-code-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** A well-made zip, by yazl. Names that end in "/" are directories. */
export async function zipOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  mode: number = 0o100644,
): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith("/")) zip.addEmptyDirectory(name);
    else zip.addBuffer(Buffer.from(content), name, { mode });
  }
  zip.end();
  return await buffer(zip.outputStream);
}

/** One entry, byte by byte as an attacker would write it. */
export interface RawEntry {
  readonly name: string | Buffer;
  /** Unpacked content; compressed with deflate unless `method` says otherwise. */
  readonly content?: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  /** Unix mode of the external attributes; absent = none, as DOS tools write. */
  readonly mode?: number;
  /** What the headers claim, when it is not the truth. */
  readonly declaredBytes?: number;
  readonly declaredCrc?: number;
}

const DEFLATE = 8;
const MADE_BY_UNIX = 0x0314;
const MADE_BY_DOS = 0x0014;

/** A zip with exactly these headers. Source: PKWARE APPNOTE.TXT 6.3.10, section 4.3. */
export function rawZip(
  entries: readonly RawEntry[],
  declaredEntries: number = entries.length,
): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = entry.content ?? Buffer.alloc(0);
    const method = entry.method ?? DEFLATE;
    const packed = method === DEFLATE ? deflateRawSync(content) : Buffer.from(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(entry.flags ?? 0, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(entry.declaredCrc ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(entry.declaredBytes ?? content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(((entry.mode ?? 0) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const madeBy = Buffer.alloc(2);
    madeBy.writeUInt16LE(entry.mode === undefined ? MADE_BY_DOS : MADE_BY_UNIX);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, name, packed]);
    locals.push(local);
    centrals.push(Buffer.from("PK\x01\x02"), madeBy, common, rest, name);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(declaredEntries, 8);
  end.writeUInt16LE(declaredEntries, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}
