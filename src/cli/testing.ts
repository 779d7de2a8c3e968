import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TextStream } from "./output.ts";

/** A stream that keeps what was written. */
export class CapturedStream implements TextStream {
  readonly isTTY: boolean;
  text = "";

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(data: string | Uint8Array): boolean {
    this.text += typeof data === "string" ? data : Buffer.from(data).toString();
    return true;
  }
}

/** A directory with files, gone when disposed. */
export class TemporaryTree implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async with(files: Readonly<Record<string, string>>): Promise<TemporaryTree> {
    const tree = new TemporaryTree(await mkdtemp(join(tmpdir(), "hearth-cli-")));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(tree.path, path)), { recursive: true });
      await writeFile(join(tree.path, path), text);
    }
    return tree;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
