import type { LambdaClient } from "@aws-sdk/client-lambda";
import { messageOf } from "../base/mod.ts";
import { CommandError } from "./command.ts";
import type { Connection } from "./connection.ts";

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

const UNKNOWN_KEY = /UnrecognizedClient|InvalidSignature|InvalidClientTokenId|SignatureDoesNot/;

function explained(connection: Connection, error: unknown): Error {
  const name = error instanceof Error ? error.name : "";
  const code = (error as { code?: unknown }).code;
  if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "ECONNRESET") {
    return new CommandError(
      `Nothing answers at ${connection.endpoint}`,
      "Start the server with `hearth up`, or name its address with --endpoint URL.",
      { cause: error },
    );
  }
  if (UNKNOWN_KEY.test(name)) {
    return new CommandError(
      `The server at ${connection.endpoint} does not accept the key ${connection.accessKeyId}`,
      'Unset AWS_ACCESS_KEY_ID, or type: eval "$(hearth env)"',
      { cause: error },
    );
  }
  if (name === "ResourceNotFoundException") {
    return new CommandError(messageOf(error), "`hearth ls` lists the functions there are.", {
      cause: error,
    });
  }
  if (!(error instanceof Error) || !("$metadata" in error)) return error as Error;
  return new CommandError(`${name}: ${error.message}`, undefined, { cause: error });
}
