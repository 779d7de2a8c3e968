import type { LambdaClient } from "@aws-sdk/client-lambda";
import { type Command, CommandError, UsageError } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { calling, connectLambda } from "../lambda.ts";
import { versionsOf } from "../layers.ts";

/** `hearth layer rm` */
export const layerRemove: Command = {
  usage: "NAME:VERSION... | NAME... --all",
  flags: {
    all: { type: "boolean", help: "All versions of the layers" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 100],
  details: `
Functions that use a version keep it.

  hearth layer rm deps:3`,
  async run(input) {
    const { flags, positionals, output } = input;
    const isAll = flags.all === true;
    const wanted = positionals.map((text) => parse(text, isAll));
    const { connection, client } = await connectLambda(input);
    const deleted = await calling(connection, removeAll(client, wanted));
    for (const version of deleted) output.say(`Deleted ${version}`);
    output.result({ deleted }, () => "");
    return 0;
  },
};

/** A layer's version; all of them without one. */
interface Wanted {
  readonly name: string;
  readonly version: number | undefined;
}

function parse(text: string, isAll: boolean): Wanted {
  const [, name = text, version] = /^(.+):(\d{1,9})$/.exec(text) ?? [];
  if (isAll === (version === undefined)) {
    return { name, version: version === undefined ? undefined : Number(version) };
  }
  throw new UsageError(
    isAll ? `--all takes names without a version, got ${text}` : `Which version of ${text}?`,
  );
}

async function removeAll(client: LambdaClient, wanted: readonly Wanted[]): Promise<string[]> {
  const deleted: string[] = [];
  for (const { name, version } of wanted) {
    const found = await versionsOf(client, name);
    const matching = found.filter(({ Version }) => version === undefined || Version === version);
    if (matching.length === 0) {
      const missing = version === undefined ? name : `${name}:${version}`;
      throw new CommandError(`There is no layer ${missing}`, "`hearth layer ls` lists them.");
    }
    for (const { Version } of matching) {
      const { DeleteLayerVersionCommand } = await import("@aws-sdk/client-lambda");
      await client.send(new DeleteLayerVersionCommand({ LayerName: name, VersionNumber: Version }));
      deleted.push(`${name}:${Version}`);
    }
  }
  return deleted;
}
