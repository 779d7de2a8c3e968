import { messageOf } from "../base/mod.ts";
import { CommandError } from "./command.ts";
import type { Connection } from "./connection.ts";

/** How servers call a key that they do not accept. */
const UNKNOWN_KEY = /UnrecognizedClient|InvalidSignature|InvalidClientTokenId|SignatureDoesNot/;

/** What went wrong with a request, in words that say what to do. */
export function explained(connection: Connection, error: unknown): Error {
  const name = error instanceof Error ? error.name : "";
  const code = (error as { code?: unknown }).code;
  if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "ECONNRESET") {
    return nothingAnswers(connection, error);
  }
  if (UNKNOWN_KEY.test(name)) {
    return new CommandError(
      `The server at ${connection.endpoint} does not accept the key ${connection.accessKeyId}`,
      'Unset AWS_ACCESS_KEY_ID, or type: eval "$(hearth env)"',
      { cause: error },
    );
  }
  if (name.endsWith("NotFoundException")) {
    return new CommandError(messageOf(error), adviceOnMissing(messageOf(error)), { cause: error });
  }
  if (!(error instanceof Error) || !("$metadata" in error)) return error as Error;
  return new CommandError(`${name}: ${error.message}`, undefined, { cause: error });
}

export function nothingAnswers(connection: Connection, cause: unknown): CommandError {
  return new CommandError(
    `Nothing answers at ${connection.endpoint}`,
    "Start the server with `hearth up`, or name its address with --endpoint URL.",
    { cause },
  );
}

/** Where to look when what a message names does not exist. */
function adviceOnMissing(message: string): string {
  const words = message.replaceAll(/arn:\S+/g, "");
  if (/layer/i.test(words)) return "`hearth layer ls` lists the layers there are.";
  if (/durable/i.test(words)) return "`hearth durable ls NAME` lists a function's executions.";
  if (/alias/i.test(words)) return "`hearth deploy PATH --alias NAME` makes an alias.";
  return "`hearth ls` lists the functions there are.";
}
