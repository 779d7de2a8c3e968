import type { LambdaClient } from "@aws-sdk/client-lambda";
import { type Command, CommandError, textFlag, UsageError } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import {
  EXECUTION_HELP,
  executionArn,
  historyOf,
  type OpenCallback,
  openCallbacks,
} from "../executions.ts";
import { calling, connectLambda } from "../lambda.ts";
import { readPayload } from "../payload.ts";

/** `hearth durable answer` */
export const durableAnswer: Command = {
  usage: "EXECUTION [--payload JSON|@FILE|-] [--error TEXT] [--callback NAME]",
  flags: {
    payload: {
      type: "string",
      short: "p",
      value: "JSON|@FILE|-",
      help: "What the callback brings (null)",
    },
    error: { type: "string", value: "TEXT", help: "Fail the callback instead" },
    callback: { type: "string", value: "NAME|ID", help: "Which, when it waits for several" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `${EXECUTION_HELP}

  hearth durable answer orders/order-7 --payload '{"approved": true}'`,
  async run(input) {
    const { flags, positionals, output } = input;
    const [text = ""] = positionals;
    const error = textFlag(flags, "error");
    if (error !== undefined && flags.payload !== undefined) {
      throw new UsageError("--payload or --error, not both");
    }
    const payload = await readPayload(textFlag(flags, "payload") ?? "null");
    const { connection, client } = await connectLambda(input);
    const answer = { text, callback: textFlag(flags, "callback"), payload, error };
    const callback = await calling(connection, send(client, answer));
    output.result({ callbackId: callback.id, name: callback.name }, () => "");
    output.say(`Answered ${callback.name ?? callback.id}`);
    return 0;
  },
};

interface Answer {
  /** The execution. */
  readonly text: string;
  readonly callback: string | undefined;
  readonly payload: Buffer;
  readonly error: string | undefined;
}

async function send(
  client: LambdaClient,
  { text, callback, payload, error }: Answer,
): Promise<OpenCallback> {
  const { SendDurableExecutionCallbackFailureCommand, SendDurableExecutionCallbackSuccessCommand } =
    await import("@aws-sdk/client-lambda");
  const open = openCallbacks(await historyOf(client, await executionArn(client, text)));
  const wanted = chosen(open, text, callback);
  const CallbackId = wanted.id;
  if (error === undefined) {
    const Result = payload;
    await client.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result }));
  } else {
    const failure = { ErrorType: "CallbackError", ErrorMessage: error };
    await client.send(
      new SendDurableExecutionCallbackFailureCommand({ CallbackId, Error: failure }),
    );
  }
  return wanted;
}

/** The only callback that is meant. @throws CommandError when there is none, or several are */
function chosen(
  open: readonly OpenCallback[],
  text: string,
  callback: string | undefined,
): OpenCallback {
  const [first, second] = open.filter(
    ({ id, name }) => callback === undefined || callback === name || callback === id,
  );
  const advice = `\`hearth durable show ${text}\` shows what it waits for.`;
  if (first === undefined) throw new CommandError(`${text} waits for no such callback`, advice);
  if (second === undefined) return first;
  const names = open.map(({ id, name }) => name ?? id).join(", ");
  throw new CommandError(`${text} waits for ${names}`, "Say which: --callback NAME");
}
