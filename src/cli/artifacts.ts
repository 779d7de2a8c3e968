import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { adminJson, adminRequest } from "./admin.ts";
import { CommandError } from "./command.ts";
import type { Connection } from "./connection.ts";

/** One file that a sidecar left of a call. */
export interface Artifact {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly sidecar: string;
}

export interface Downloaded {
  readonly artifacts: readonly (Artifact & { readonly file: string })[];
  readonly warnings: readonly string[];
}

/** Sidecars choose names: what is written here must stay in its folder. */
const NAME: RegExp = /^\w[\w.-]{0,127}$/;

/** Copies what sidecars left of a call into a folder, which is made when it is not there. */
export async function downloadArtifacts(
  connection: Connection,
  requestId: string,
  folder: string,
): Promise<Downloaded> {
  const path = `/_hearth/invocations/${encodeURIComponent(requestId)}/artifacts`;
  const { artifacts, warnings } = (await adminJson(connection, { method: "GET", path })) as {
    readonly artifacts: readonly Artifact[];
    readonly warnings: readonly string[];
  };
  const downloaded: (Artifact & { file: string })[] = [];
  for (const artifact of artifacts) {
    if (!NAME.test(artifact.name)) {
      throw new CommandError(`An artifact's name is no file's name: ${artifact.name}`);
    }
    const response = await adminRequest(connection, {
      ...{ method: "GET", path: `${path}/${artifact.name}` },
    });
    const file = join(folder, artifact.name);
    await save(folder, file, Buffer.from(await response.arrayBuffer()));
    downloaded.push({ ...artifact, file });
  }
  return { artifacts: downloaded, warnings };
}

async function save(folder: string, file: string, bytes: Buffer): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(file, bytes);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CommandError(`Cannot write ${file}: ${code}`, "Name another --artifacts folder.", {
      cause,
    });
  }
}
