import type { Command } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { calling, connectLambda } from "../lambda.ts";

/** `hearth rm` */
export const remove: Command = {
  usage: "NAME...",
  flags: CONNECTION_FLAGS,
  positionals: [1, 100],
  details: `
  hearth rm orders`,
  async run(input) {
    const { connection, client } = await connectLambda(input);
    const { DeleteFunctionCommand } = await import("@aws-sdk/client-lambda");
    for (const name of input.positionals) {
      await calling(connection, client.send(new DeleteFunctionCommand({ FunctionName: name })));
      input.output.say(`Deleted ${name}`);
    }
    input.output.result({ deleted: input.positionals }, () => "");
    return 0;
  },
};
