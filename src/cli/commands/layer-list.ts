import type { LambdaClient, LayerVersionsListItem } from "@aws-sdk/client-lambda";
import type { Command } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { calling, connectLambda } from "../lambda.ts";
import { versionsOf } from "../layers.ts";

interface ListedLayer extends LayerVersionsListItem {
  readonly LayerName: string;
}

/** `hearth layer ls` */
export const layerList: Command = {
  usage: "[NAME]",
  flags: CONNECTION_FLAGS,
  positionals: [0, 1],
  details: `
Without NAME the newest version of every layer, with NAME all versions of one.

  hearth layer ls deps`,
  async run(input) {
    const { positionals, output } = input;
    const [name] = positionals;
    const { connection, client } = await connectLambda(input);
    const layers = await calling(
      connection,
      name === undefined ? newestOfAll(client) : allOf(client, name),
    );
    output.result(layers, () =>
      output.table(["NAME", "VERSION", "RUNTIMES", "CREATED", "ARN"], layers.map(rowOf)),
    );
    if (layers.length === 0) output.say("No layers yet: hearth layer publish PATH");
    return 0;
  },
};

async function newestOfAll(client: LambdaClient): Promise<ListedLayer[]> {
  const { paginateListLayers } = await import("@aws-sdk/client-lambda");
  const layers: ListedLayer[] = [];
  for await (const { Layers = [] } of paginateListLayers({ client }, {})) {
    for (const { LayerName = "", LatestMatchingVersion } of Layers) {
      layers.push({ LayerName, ...LatestMatchingVersion });
    }
  }
  return layers;
}

async function allOf(client: LambdaClient, name: string): Promise<ListedLayer[]> {
  const versions = await versionsOf(client, name);
  return versions.map((version) => ({ LayerName: name, ...version }));
}

function rowOf(layer: ListedLayer): string[] {
  return [
    layer.LayerName,
    `${layer.Version}`,
    layer.CompatibleRuntimes?.join(" ") ?? "",
    (layer.CreatedDate ?? "").slice(0, 19),
    layer.LayerVersionArn ?? "",
  ];
}
