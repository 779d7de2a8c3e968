import { adminJson } from "../admin.ts";
import type { Command } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";

/** `hearth account create` */
export const accountCreate: Command = {
  usage: "NAME",
  flags: CONNECTION_FLAGS,
  positionals: [1, 1],
  details: `
Prints the new owner's key as JSON; it is shown this once. Only the first owner may.

  hearth account create team-b > team-b.json`,
  async run(input) {
    const connection = await findConnection(input);
    const account = await adminJson(connection, {
      method: "POST",
      path: "/_hearth/accounts",
      body: { name: input.positionals[0] },
    });
    input.output.write(`${JSON.stringify(account, null, 2)}\n`);
    return 0;
  },
};
