import type { Execution, ExecutionStatus } from "@aws-sdk/client-lambda";
import { type Command, integerFlag, textFlag, UsageError } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { listExecutions } from "../executions.ts";
import { calling, connectLambda } from "../lambda.ts";

const STATUSES: readonly ExecutionStatus[] = [
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "STOPPED",
];
const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 10_000;

/** `hearth durable ls` */
export const durableList: Command = {
  usage: "FUNCTION [--status S] [--limit N]",
  flags: {
    status: { type: "string", value: "S", help: "running, succeeded, failed, timed_out, stopped" },
    limit: { type: "string", short: "n", value: "N", help: `The newest N (${LIMIT_DEFAULT})` },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
  hearth durable ls orders --status running`,
  async run(input) {
    const { flags, positionals, output } = input;
    const [name = ""] = positionals;
    const status = statusOf(textFlag(flags, "status"));
    const limit = integerFlag(flags, "limit", 1, LIMIT_MAX) ?? LIMIT_DEFAULT;
    const { connection, client } = await connectLambda(input);
    const executions = await calling(
      connection,
      listExecutions(client, name, { limit, ...(status === undefined ? {} : { status }) }),
    );
    output.result(executions, () =>
      output.table(["EXECUTION", "STATUS", "STARTED", "ENDED"], executions.map(rowOf(name))),
    );
    if (executions.length === 0) output.say("None: start one with `hearth invoke NAME --async`");
    return 0;
  },
};

function statusOf(text: string | undefined): ExecutionStatus | undefined {
  if (text === undefined) return undefined;
  const status = STATUSES.find((each) => each === text.toUpperCase());
  if (status !== undefined) return status;
  throw new UsageError(`--status must be ${STATUSES.join(", ").toLowerCase()}, got ${text}`);
}

function rowOf(functionName: string): (execution: Execution) => string[] {
  return ({ DurableExecutionName, Status, StartTimestamp, EndTimestamp }) => [
    `${functionName}/${DurableExecutionName}`,
    Status ?? "",
    timeOf(StartTimestamp),
    timeOf(EndTimestamp),
  ];
}

function timeOf(time: Date | undefined): string {
  return time?.toISOString().slice(0, 19) ?? "";
}
