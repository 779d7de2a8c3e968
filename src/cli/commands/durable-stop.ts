import type { LambdaClient } from "@aws-sdk/client-lambda";
import { type Command, textFlag } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { EXECUTION_HELP, executionArn } from "../executions.ts";
import { calling, connectLambda } from "../lambda.ts";

/** `hearth durable stop` */
export const durableStop: Command = {
  usage: "EXECUTION [--reason TEXT]",
  flags: {
    reason: { type: "string", value: "TEXT", help: "What its error says" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `${EXECUTION_HELP}
What it has done so far stays done.

  hearth durable stop orders/order-7 --reason 'ordered twice'`,
  async run(input) {
    const { flags, positionals, output } = input;
    const [text = ""] = positionals;
    const { connection, client } = await connectLambda(input);
    const stopped = await calling(connection, stop(client, text, textFlag(flags, "reason")));
    output.result(stopped, () => "");
    output.say(`Stopped ${text}`);
    return 0;
  },
};

async function stop(
  client: LambdaClient,
  text: string,
  reason: string | undefined,
): Promise<{ readonly durableExecutionArn: string; readonly stoppedAt: string | undefined }> {
  const { StopDurableExecutionCommand } = await import("@aws-sdk/client-lambda");
  const arn = await executionArn(client, text);
  const { StopTimestamp } = await client.send(
    new StopDurableExecutionCommand({
      DurableExecutionArn: arn,
      ...(reason === undefined
        ? {}
        : { Error: { ErrorType: "ExecutionStopped", ErrorMessage: reason } }),
    }),
  );
  return { durableExecutionArn: arn, stoppedAt: StopTimestamp?.toISOString() };
}
