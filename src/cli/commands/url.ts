import { type Command, CommandError } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { listUrls, type QualifiedUrl, urlOwnerOf } from "../function-url.ts";
import { calling, connectLambda } from "../lambda.ts";

/** `hearth url` */
export const url: Command = {
  usage: "NAME[:ALIAS]",
  flags: CONNECTION_FLAGS,
  positionals: [1, 1],
  details: `
Prints the addresses of a function and its aliases, or of one alias.

  curl "$(hearth url orders:live)"`,
  async run(input) {
    const { positionals, output } = input;
    const [text = ""] = positionals;
    const { name, qualifier } = urlOwnerOf(text);
    const { connection, client } = await connectLambda(input);
    const all = await calling(connection, listUrls(client, name));
    const urls = all.filter((each) => qualifier === undefined || each.qualifier === qualifier);
    if (urls.length === 0) {
      throw new CommandError(`${text} has no URL`, `Give it one: hearth url create ${text}`);
    }
    output.result(urls, () => urls.map((each) => `${each.url}\n`).join(""));
    for (const each of urls) output.say(describe(name, each));
    return 0;
  },
};

function describe(name: string, { qualifier, access, stream }: QualifiedUrl): string {
  const owner = qualifier === undefined ? name : `${name}:${qualifier}`;
  const callers = access === "none" ? "for everybody" : "for signed calls";
  return `${owner}: ${callers}, ${stream ? "streams" : "answers when the function is done"}`;
}
