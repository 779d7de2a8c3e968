import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LambdaClient } from "@aws-sdk/client-lambda";
import yazl from "yazl";
import { parseServerConfig, type ServerFlags, startServer } from "../../src/app/mod.ts";
import { silentLog } from "../../src/base/mod.ts";

export interface TestCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A live server for one test file: free port, data directory of its own, gone afterwards. */
export interface TestHearth extends AsyncDisposable {
  readonly url: string;
  readonly region: string;
  readonly owner: string;
  readonly credentials: TestCredentials;
  readonly dataDirectory: string;
  lambda(credentials?: TestCredentials): LambdaClient;
}

export interface TestHearthOptions {
  readonly flags?: ServerFlags;
  /** An existing data directory, which is then left in place. */
  readonly dataDirectory?: string;
}

/** Starts a server in this process, on the isolation that HEARTH_ISOLATION names (process). */
export async function startHearth(options: TestHearthOptions = {}): Promise<TestHearth> {
  const dataDirectory =
    options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "hearth-test-data-")));
  const flags = { port: "0", data: dataDirectory, warm: "nodejs24.x=1", ...options.flags };
  const config = parseServerConfig({ flags, environment: process.env });
  const server = await startServer(config, silentLog);
  const text = await readFile(join(dataDirectory, "credentials.json"), "utf8");
  const { owner, ...credentials } = JSON.parse(text) as TestCredentials & { owner: string };
  return {
    url: server.url,
    region: config.region,
    owner,
    credentials,
    dataDirectory,
    lambda(chosen = credentials) {
      return new LambdaClient({
        endpoint: server.url,
        region: config.region,
        credentials: chosen,
        maxAttempts: 1,
      });
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      if (options.dataDirectory === undefined) {
        await rm(dataDirectory, { recursive: true, force: true });
      }
    },
  };
}

/** A zip of text files; names ending in `*` are executable and lose the star. */
export function zipOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const [name, text] of Object.entries(files)) {
    const isExecutable = name.endsWith("*");
    zip.addBuffer(Buffer.from(text), isExecutable ? name.slice(0, -1) : name, {
      mode: isExecutable ? 0o100755 : 0o100644,
      mtime: new Date(0),
    });
  }
  zip.end();
  return collect(zip.outputStream);
}

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
