import type { FunctionConfiguration, LambdaClient } from "@aws-sdk/client-lambda";
import type { Command } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";
import { calling, lambdaClient } from "../lambda.ts";

/** `hearth ls` */
export const list: Command = {
  usage: "",
  flags: CONNECTION_FLAGS,
  positionals: [0, 0],
  async run(input) {
    const connection = await findConnection(input);
    const client = await lambdaClient(connection);
    const functions = await calling(connection, listAll(client));
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

async function listAll(client: LambdaClient): Promise<FunctionConfiguration[]> {
  const { paginateListFunctions } = await import("@aws-sdk/client-lambda");
  const functions: FunctionConfiguration[] = [];
  for await (const page of paginateListFunctions({ client }, {})) {
    functions.push(...(page.Functions ?? []));
  }
  return functions;
}

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
