import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { signRequest } from "../../src/api/mod.ts";
import { parseServerConfig, type ServerFlags, startServer } from "../../src/app/mod.ts";
import { createLog, type LogLevel } from "../../src/base/mod.ts";
import { zipFiles } from "./zip.ts";

export interface TestCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A live server for one test file: free port, data directory of its own, gone afterwards. */
export interface TestHearth extends AsyncDisposable {
  readonly url: string;
  readonly region: string;
  readonly owner: string;
  readonly credentials: TestCredentials;
  readonly dataDirectory: string;
  lambda(credentials?: TestCredentials): LambdaClient;
  /** A signed request to the admin API, as the operator unless told. */
  admin(method: AdminMethod, path: string, options?: AdminOptions): Promise<AdminAnswer>;
  createOwner(name: string): Promise<TestOwner>;
}

export interface TestOwner extends TestCredentials {
  readonly owner: string;
}

export type AdminMethod = "GET" | "POST" | "PUT" | "DELETE";

export interface AdminOptions {
  readonly credentials?: TestCredentials;
  /** Bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
}

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
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
  const least = (process.env.HEARTH_TEST_LOG ?? "error") as LogLevel;
  const log = createLog((line) => process.stderr.write(line), Date.now, least);
  const server = await startServer(config, log);
  const text = await readFile(join(dataDirectory, "credentials.json"), "utf8");
  const { owner, accessKeyId, secretAccessKey } = JSON.parse(text) as TestOwner;
  const credentials: TestCredentials = { accessKeyId, secretAccessKey };
  const { region } = config;
  const admin: TestHearth["admin"] = async (method, path, wanted = {}) => {
    const url = new URL(path, server.url);
    const body = adminBody(wanted.body);
    const { host: _, ...headers } = signRequest({
      ...{ method, url, body, region, service: "hearth", timeMs: Date.now() },
      credentials: wanted.credentials ?? credentials,
    });
    const sent = typeof body === "string" ? body : new Uint8Array(body);
    const response = await fetch(url, { method, headers, ...(sent === "" ? {} : { body: sent }) });
    const answer = await response.text();
    return { status: response.status, text: answer, json: parsed(answer) };
  };
  return {
    ...{ url: server.url, region, owner, credentials, dataDirectory, admin },
    lambda: (chosen = credentials) =>
      new LambdaClient({ endpoint: server.url, region, credentials: chosen, maxAttempts: 1 }),
    async createOwner(name) {
      const answer = await admin("POST", "/_hearth/accounts", { body: { name } });
      if (answer.status >= 300) throw new Error(`No account: ${answer.text}`);
      return answer.json as TestOwner;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      if (options.dataDirectory === undefined) {
        await rm(dataDirectory, { recursive: true, force: true });
      }
    },
  };
}

function adminBody(body: unknown): string | Buffer {
  if (Buffer.isBuffer(body)) return body;
  return body === undefined ? "" : JSON.stringify(body);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A zip of text files; names ending in `*` are executable and lose the star. */
export function zipOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  return zipFiles(
    Object.entries(files).map(([name, text]) => {
      const isExecutable = name.endsWith("*");
      const path = isExecutable ? name.slice(0, -1) : name;
      return { path, bytes: Buffer.from(text), mode: isExecutable ? 0o100755 : 0o100644 };
    }),
  );
}
