import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { adminJson, adminRequest } from "../admin.ts";
import { type Command, CommandError, type CommandInput } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";

/** The policy's address: a function's, or the owner's own when no function is named. */
function pathOf(name: string | undefined): string {
  if (name === undefined) return "/_hearth/policy";
  return `/_hearth/functions/${encodeURIComponent(name)}/policy`;
}

/** `hearth policy set` */
export const policySet: Command = {
  usage: "[NAME] FILE|-",
  flags: CONNECTION_FLAGS,
  positionals: [1, 2],
  details: `
Sets what runs beside a function, or beside all functions of the owner when no NAME is given. FILE
is JSON: {"sidecars": ["tracer", {"name": "logship", "scope": "owner", "sample": 0.1}]}. Published
versions keep the policy that they were published with.

  hearth policy set orders policy.json`,
  async run(input) {
    const [first = "", second] = input.positionals;
    const name = second === undefined ? undefined : first;
    const body = await readPolicy(second ?? first);
    const connection = await findConnection(input);
    const policy = await adminJson(connection, { method: "PUT", path: pathOf(name), body });
    show(input, policy);
    return 0;
  },
};

/** `hearth policy get` */
export const policyGet: Command = {
  usage: "[NAME]",
  flags: CONNECTION_FLAGS,
  positionals: [0, 1],
  details: `
Shows what runs beside a function, or beside all functions of the owner when no NAME is given.

  hearth policy get orders`,
  async run(input) {
    const connection = await findConnection(input);
    const path = pathOf(input.positionals[0]);
    show(input, await adminJson(connection, { method: "GET", path }));
    return 0;
  },
};

/** `hearth policy rm` */
export const policyRemove: Command = {
  usage: "[NAME]",
  flags: CONNECTION_FLAGS,
  positionals: [0, 1],
  details: `
  hearth policy rm orders`,
  async run(input) {
    const connection = await findConnection(input);
    const [name] = input.positionals;
    await adminRequest(connection, { method: "DELETE", path: pathOf(name) });
    input.output.say(
      name === undefined ? "Removed the owner's policy" : `Removed ${name}'s policy`,
    );
    input.output.result({ removed: name ?? "owner" }, () => "");
    return 0;
  },
};

function show({ output }: CommandInput, policy: unknown): void {
  output.result(policy, () => `${JSON.stringify(policy, null, 2)}\n`);
}

async function readPolicy(file: string): Promise<unknown> {
  try {
    return JSON.parse(file === "-" ? await text(process.stdin) : await readFile(file, "utf8"));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new CommandError(`Cannot read the policy in ${file}: ${code ?? message}`, undefined, {
      cause,
    });
  }
}
