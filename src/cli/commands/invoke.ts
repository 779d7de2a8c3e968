import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { InvokeCommandOutput } from "@aws-sdk/client-lambda";
import { type Command, CommandError, textFlag } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";
import { calling, lambdaClient, observeStarts, type StartHeaders } from "../lambda.ts";

/** `hearth invoke` */
export const invoke: Command = {
  usage: "NAME [--payload JSON|@FILE|-] [--tail]",
  flags: {
    payload: {
      type: "string",
      short: "p",
      value: "JSON|@FILE|-",
      help: "The event, a file of it, or - for standard input ({})",
    },
    qualifier: { type: "string", short: "q", value: "Q", help: "A version or alias" },
    tail: { type: "boolean", short: "t", help: "Show the end of the call's log" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
NAME may be a name, NAME:QUALIFIER or an ARN. The response goes to standard output, the log and how
the call started to standard error. Exit code 1 when the function failed.`,
  async run(input) {
    const { flags, positionals, output } = input;
    const payload = await readPayload(textFlag(flags, "payload") ?? "{}");
    const connection = await findConnection(input);
    const client = await lambdaClient(connection);
    const { InvokeCommand } = await import("@aws-sdk/client-lambda");
    let start: StartHeaders | undefined;
    observeStarts(client, (headers) => {
      start = headers;
    });
    const command = new InvokeCommand({
      FunctionName: positionals[0],
      Qualifier: textFlag(flags, "qualifier"),
      Payload: payload,
      LogType: flags.tail === true ? "Tail" : "None",
    });
    const result = await calling(connection, client.send(command));
    const text = Buffer.from(result.Payload ?? []).toString("utf8");
    const log = Buffer.from(result.LogResult ?? "", "base64").toString("utf8");
    if (log !== "" && !output.json) output.say(log.trimEnd());
    output.result(resultOf(result, text, log, start), () => `${text}\n`);
    if (result.FunctionError === undefined) output.say(`ok, ${start?.start || "unknown"} start`);
    else output.error(`The function failed (${result.FunctionError})`);
    return result.FunctionError === undefined ? 0 : 1;
  },
};

async function readPayload(argument: string): Promise<Buffer> {
  const bytes = await readArgument(argument);
  try {
    JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new CommandError(
      "The payload is not JSON",
      'Quote it for the shell: --payload \'{"name": "Ada"}\'',
      { cause: error },
    );
  }
  return bytes;
}

async function readArgument(argument: string): Promise<Buffer> {
  if (argument === "-") return await buffer(process.stdin);
  if (!argument.startsWith("@")) return Buffer.from(argument);
  try {
    return await readFile(argument.slice(1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`Cannot read ${argument.slice(1)}: ${code}`, undefined, {
      cause: error,
    });
  }
}

/** What --json prints. */
function resultOf(
  result: InvokeCommandOutput,
  text: string,
  log: string,
  start: StartHeaders | undefined,
): Readonly<Record<string, unknown>> {
  return {
    statusCode: result.StatusCode,
    executedVersion: result.ExecutedVersion,
    functionError: result.FunctionError,
    requestId: result.$metadata.requestId,
    ...start,
    payload: parsedOrText(text),
    log: log === "" ? undefined : log,
  };
}

function parsedOrText(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return text;
  }
}
