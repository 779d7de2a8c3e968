import { type Command, textFlag } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { accessOf } from "../deploy-settings.ts";
import { ensureUrl, urlOwnerOf } from "../function-url.ts";
import { calling, connectLambda } from "../lambda.ts";

/** `hearth url create` */
export const urlCreate: Command = {
  usage: "NAME[:ALIAS] [--access iam|none] [--stream]",
  flags: {
    access: { type: "string", value: "iam|none", help: "Signed calls, or everybody (iam)" },
    stream: { type: "boolean", help: "Answer while the function writes" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
Creates the URL, or changes the one there is to what is asked for, and prints it.

  hearth url create orders:live --access none`,
  async run(input) {
    const { flags, positionals, output } = input;
    const access = accessOf(textFlag(flags, "access"), "--access") ?? "iam";
    const owner = urlOwnerOf(positionals[0] ?? "");
    const { connection, client } = await connectLambda(input);
    const wanted = { access, stream: flags.stream === true };
    const created = await calling(connection, ensureUrl(client, owner, wanted));
    output.result(created, () => `${created.url}\n`);
    if (access === "iam") output.say("It takes signed calls; --access none opens it to everybody");
    return 0;
  },
};
