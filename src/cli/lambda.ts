import type { FunctionConfiguration, LambdaClient } from "@aws-sdk/client-lambda";
import type { CommandInput } from "./command.ts";
import { type Connection, findConnection } from "./connection.ts";
import { explained } from "./failures.ts";

/** How a call started, from the X-Hearth-* headers of its response. */
export interface StartHeaders {
  readonly start: string;
  readonly environmentId: string;
  readonly instanceId: string;
}

/**
 * The AWS SDK's own client, pointed at the server; the SDK is read here and not before. One attempt
 * a call: nothing that goes wrong is hidden by trying again.
 */
export async function lambdaClient(connection: Connection): Promise<LambdaClient> {
  const { LambdaClient } = await import("@aws-sdk/client-lambda");
  const { endpoint, region, accessKeyId, secretAccessKey, sessionToken } = connection;
  return new LambdaClient({
    endpoint,
    region,
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
    maxAttempts: 1,
    requestHandler: { requestTimeout: 0, httpAgent: { keepAlive: true, maxSockets: 256 } },
  });
}

/** The server that a command's flags name, and a client of it. */
export async function connectLambda(
  input: Pick<CommandInput, "flags" | "environment">,
): Promise<{ readonly connection: Connection; readonly client: LambdaClient }> {
  const connection = await findConnection(input);
  return { connection, client: await lambdaClient(connection) };
}

/** All functions of the owner. */
export async function listFunctions(client: LambdaClient): Promise<FunctionConfiguration[]> {
  const { paginateListFunctions } = await import("@aws-sdk/client-lambda");
  const functions: FunctionConfiguration[] = [];
  for await (const page of paginateListFunctions({ client }, {})) {
    functions.push(...(page.Functions ?? []));
  }
  return functions;
}

/** What an operation gives; undefined when the thing it names does not exist. */
export async function unlessMissing<T>(operation: Promise<T>): Promise<T | undefined> {
  return await unlessFailed(operation, /NotFoundException$/);
}

/** What an operation gives; undefined when it fails with an error whose name matches. */
export async function unlessFailed<T>(operation: Promise<T>, name: RegExp): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (error instanceof Error && name.test(error.name)) return undefined;
    throw error;
  }
}

/** Lets the caller see the X-Hearth-* headers of every response, in the order they arrive. */
export function observeStarts(client: LambdaClient, see: (headers: StartHeaders) => void): void {
  client.middlewareStack.add(
    (next) => async (argument) => {
      const result = await next(argument);
      const headers = headersOf(result.response);
      see({
        start: headers["x-hearth-start"] ?? "",
        environmentId: headers["x-hearth-environment"] ?? "",
        instanceId: headers["x-hearth-instance"] ?? "",
      });
      return result;
    },
    { step: "deserialize", name: "observeStarts" },
  );
}

function headersOf(response: unknown): Readonly<Record<string, string | undefined>> {
  if (typeof response !== "object" || response === null || !("headers" in response)) return {};
  return response.headers as Record<string, string>;
}

/** Runs one operation and turns the SDK's errors into words that say what to do. */
export async function calling<T>(connection: Connection, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw explained(connection, error);
  }
}
