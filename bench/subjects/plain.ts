import type { ServerCommand } from "../processes.ts";
import { ServerProcess } from "../processes.ts";
import { postRequest, type Subject } from "../subject.ts";

/**
 * A subject that knows its functions by path alone and wants no signature. The group of the
 * command's ready pattern is the port.
 */
export async function startPlain(
  name: string,
  command: ServerCommand,
  lambdaNameOf: (functionName: string) => string = (functionName) => functionName,
): Promise<Subject> {
  const server = await ServerProcess.start(command);
  const port = Number(server.ready.at(-1));
  const headers = { host: `127.0.0.1:${port}`, "content-type": "application/json" };
  return {
    name,
    host: "127.0.0.1",
    port,
    pid: server.pid,
    readyInMs: server.readyInMs,
    request(functionName, payload) {
      const path = `/2015-03-31/functions/${lambdaNameOf(functionName)}/invocations`;
      return postRequest(path, headers, payload);
    },
    sdkTarget(functionName) {
      const key = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "none" };
      return { functionName: lambdaNameOf(functionName), region: "us-east-1", ...key };
    },
    settled: async () => {},
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
