import type { Event, GetDurableExecutionCommandOutput, LambdaClient } from "@aws-sdk/client-lambda";
import type { Command, CommandInput } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { detailOf, EXECUTION_HELP, executionArn, historyOf, nameIn } from "../executions.ts";
import { calling, connectLambda } from "../lambda.ts";

interface Shown {
  readonly execution: Omit<GetDurableExecutionCommandOutput, "$metadata">;
  readonly events: readonly Event[];
}

/** `hearth durable show` */
export const durableShow: Command = {
  usage: "EXECUTION",
  flags: CONNECTION_FLAGS,
  positionals: [1, 1],
  details: `${EXECUTION_HELP}

  hearth durable show orders/order-7`,
  async run(input) {
    const { connection, client } = await connectLambda(input);
    const shown = await calling(connection, describe(client, input.positionals[0] ?? ""));
    input.output.result(shown, () => textOf(shown, input));
    return 0;
  },
};

async function describe(client: LambdaClient, text: string): Promise<Shown> {
  const { GetDurableExecutionCommand } = await import("@aws-sdk/client-lambda");
  const arn = await executionArn(client, text);
  const { $metadata: _, ...execution } = await client.send(
    new GetDurableExecutionCommand({ DurableExecutionArn: arn }),
  );
  return { execution, events: await historyOf(client, arn) };
}

function textOf({ execution, events }: Shown, { output }: CommandInput): string {
  const { DurableExecutionArn, Status, Result, Error: failure } = execution;
  const end = Result ?? (failure && `${failure.ErrorType}: ${failure.ErrorMessage}`);
  const startedMs = execution.StartTimestamp?.getTime() ?? 0;
  const rows = events.map((event) => [
    `${(((event.EventTimestamp?.getTime() ?? 0) - startedMs) / 1000).toFixed(3)} s`,
    event.EventType ?? "",
    nameIn(events, event) ?? "",
    detailOf(event),
  ]);
  return [
    `${DurableExecutionArn}\n`,
    `${Status}${end === undefined ? "" : ` ${end}`}\n\n`,
    output.table(["AFTER", "EVENT", "NAME", "DETAIL"], rows),
  ].join("");
}
