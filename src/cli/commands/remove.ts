import type { Command } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";
import { calling, lambdaClient } from "../lambda.ts";

/** `hearth rm` */
export const remove: Command = {
  usage: "NAME...",
  flags: CONNECTION_FLAGS,
  positionals: [1, 100],
  async run(input) {
    const connection = await findConnection(input);
    const client = await lambdaClient(connection);
    const { DeleteFunctionCommand } = await import("@aws-sdk/client-lambda");
    for (const name of input.positionals) {
      await calling(connection, client.send(new DeleteFunctionCommand({ FunctionName: name })));
      input.output.say(`Deleted ${name}`);
    }
    input.output.result({ deleted: input.positionals }, () => "");
    return 0;
  },
};
