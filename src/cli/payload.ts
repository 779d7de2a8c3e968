import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { CommandError, type Flags } from "./command.ts";

export const PAYLOAD_FLAG: Flags = {
  payload: {
    type: "string",
    short: "p",
    value: "JSON|@FILE|-",
    help: "The event, a file of it, or - for standard input ({})",
  },
};

/** The event that --payload names. @throws CommandError when it is not JSON */
export async function readPayload(argument: string): Promise<Buffer> {
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

/** What a payload says; the text itself when it is not JSON. */
export function parsedOrText(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return text;
  }
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
