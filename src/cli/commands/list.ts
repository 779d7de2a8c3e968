import type { FunctionConfiguration } from "@aws-sdk/client-lambda";
import type { Command } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { calling, connectLambda, listFunctions } from "../lambda.ts";

/** `hearth ls` */
export const list: Command = {
  usage: "",
  flags: CONNECTION_FLAGS,
  positionals: [0, 0],
  details: `
  hearth ls --json`,
  async run(input) {
    const { connection, client } = await connectLambda(input);
    const functions = await calling(connection, listFunctions(client));
    input.output.result(functions, () =>
      input.output.table(
        ["NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "STATE", "MODIFIED"],
        functions.map(rowOf),
      ),
    );
    if (functions.length === 0) input.output.say("No functions yet: hearth deploy PATH");
    return 0;
  },
};

function rowOf(configuration: FunctionConfiguration): string[] {
  const { FunctionName, Runtime, Handler, MemorySize, Timeout, State, LastModified } =
    configuration;
  return [
    FunctionName ?? "",
    Runtime ?? "",
    Handler ?? "",
    `${MemorySize} MB`,
    `${Timeout} s`,
    State ?? "Active",
    (LastModified ?? "").slice(0, 19),
  ];
}
