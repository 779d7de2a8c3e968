import { type Command, CommandError } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { removeUrl, urlOwnerOf } from "../function-url.ts";
import { calling, connectLambda } from "../lambda.ts";

/** `hearth url rm` */
export const urlRemove: Command = {
  usage: "NAME[:ALIAS]",
  flags: CONNECTION_FLAGS,
  positionals: [1, 1],
  details: `
Deletes the URL and what let everybody call it.

  hearth url rm orders:live`,
  async run(input) {
    const [text = ""] = input.positionals;
    const { connection, client } = await connectLambda(input);
    if (!(await calling(connection, removeUrl(client, urlOwnerOf(text))))) {
      throw new CommandError(`${text} has no URL`, "`hearth url NAME` shows those of a function.");
    }
    input.output.say(`Deleted the URL of ${text}`);
    input.output.result({ deleted: text }, () => "");
    return 0;
  },
};
