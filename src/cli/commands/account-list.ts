import { adminJson } from "../admin.ts";
import type { Command } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";

interface Account {
  readonly owner: string;
  readonly name: string;
}

/** `hearth account list` */
export const accountList: Command = {
  usage: "",
  flags: CONNECTION_FLAGS,
  positionals: [0, 0],
  details: `
  hearth account list`,
  async run(input) {
    const connection = await findConnection(input);
    const answer = await adminJson(connection, { method: "GET", path: "/_hearth/accounts" });
    const { accounts } = answer as { accounts: readonly Account[] };
    input.output.result(accounts, () =>
      input.output.table(
        ["OWNER", "NAME"],
        accounts.map(({ owner, name }) => [owner, name]),
      ),
    );
    return 0;
  },
};
