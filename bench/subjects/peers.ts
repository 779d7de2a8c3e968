import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { handlerFile } from "../calls.ts";
import type { Subject, SubjectKind } from "../subject.ts";
import { startPlain } from "./plain.ts";

export const peersDirectory: string = fileURLToPath(new URL("../peers/", import.meta.url));

/**
 * The open-source core of Cloudflare Workers: one process, an isolate for each worker, loaded by
 * name when it is first called.
 */
const workerd: SubjectKind = {
  name: "workerd",
  isPeer: true,
  start() {
    const platform = `linux-${process.arch === "x64" ? "64" : process.arch}`;
    const command = {
      program: join(peersDirectory, `node_modules/@cloudflare/workerd-${platform}/bin/workerd`),
      words: ["serve", "--experimental", "--control-fd=3", join(peersDirectory, "workerd.capnp")],
      ready: /"socket":"http","port":(\d+)/,
      reportsOnDescriptor3: true,
    };
    return startPlain(workerd.name, command);
  },
};

/** The simulator behind `wrangler dev`: Node in front of workerd, the same loader. */
const miniflare: SubjectKind = {
  name: "miniflare",
  isPeer: true,
  start() {
    const command = {
      program: process.execPath,
      words: [join(peersDirectory, "miniflare-server.mjs")],
      ready: /miniflare ready http:\/\/127\.0\.0\.1:(\d+)/,
    };
    return startPlain(miniflare.name, command);
  },
};

/** The Serverless Framework's local Lambda: a worker thread for each function. */
const serverlessOffline: SubjectKind = {
  name: "serverless-offline",
  isPeer: true,
  async start(names) {
    const directory = await mkdtemp(join(peersDirectory, "node_modules/.serverless-"));
    const removeDirectory = (): Promise<void> => rm(directory, { recursive: true, force: true });
    try {
      await copyFile(handlerFile, join(directory, "handler.mjs"));
      await writeFile(join(directory, "serverless.yml"), serverlessConfiguration(names));
      const subject = await startServerless(directory);
      return {
        ...subject,
        async [Symbol.asyncDispose]() {
          await subject[Symbol.asyncDispose]();
          await removeDirectory();
        },
      };
    } catch (error) {
      await removeDirectory();
      throw error;
    }
  },
};

/** It takes no port 0 for "a free one"; ports of this range are tried until one is free. */
const PORT_FIRST = 20_000;
const PORT_COUNT = 10_000;
const ATTEMPTS = 5;

async function startServerless(directory: string): Promise<Subject> {
  for (let attempt = 1; ; attempt++) {
    const port = PORT_FIRST + Math.floor(Math.random() * PORT_COUNT);
    const words = ["offline", "start", "--noTimeout", "--host", "127.0.0.1"];
    const ports = ["--lambdaPort", String(port), "--httpPort", String(port + PORT_COUNT)];
    const command = {
      program: process.execPath,
      words: [
        join(peersDirectory, "node_modules/serverless/bin/serverless.js"),
        ...words,
        ...ports,
      ],
      directory,
      environment: { SLS_TELEMETRY_DISABLED: "1", SLS_NOTIFICATIONS_MODE: "off" },
      ready: /http for lambda\] listening on http:\/\/[\w.]+:(\d+)/,
    };
    try {
      return await startPlain(serverlessOffline.name, command, (name) => `bench-dev-${name}`);
    } catch (error) {
      if (attempt === ATTEMPTS || !String(error).includes("EADDRINUSE")) throw error;
    }
  }
}

function serverlessConfiguration(names: readonly string[]): string {
  const functions = names.map((name) => [name, { handler: "handler.handler" }]);
  return JSON.stringify({
    service: "bench",
    frameworkVersion: "3",
    // The newest that version 3 knows; functions run on the Node that runs the plugin anyway.
    provider: { name: "aws", runtime: "nodejs20.x" },
    plugins: ["serverless-offline"],
    functions: Object.fromEntries(functions),
  });
}

export const peers: readonly SubjectKind[] = [workerd, miniflare, serverlessOffline];
