import { type Command, listFlag, textFlag } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { runtimeNamed } from "../detect.ts";
import { calling, connectLambda } from "../lambda.ts";
import { publishLayer, readLayer } from "../layers.ts";

/** `hearth layer publish` */
export const layerPublish: Command = {
  usage: "PATH [--name N] [--runtime R]",
  flags: {
    name: { type: "string", short: "n", value: "N", help: "The layer's name (that of PATH)" },
    runtime: { type: "string", multiple: true, value: "R", help: "Runs with it; repeat for more" },
    description: { type: "string", value: "TEXT", help: "What the version brings" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
PATH is a folder or a zip; functions find its content below /opt: nodejs/node_modules, python, bin,
lib, extensions. Prints the version's ARN. The newest version is reused when it has this content.

  hearth layer publish ./layers/deps --runtime nodejs24.x`,
  async run(input) {
    const { flags, positionals, output } = input;
    const runtimes = listFlag(flags, "runtime").flatMap((name) => runtimeNamed(name) ?? []);
    const description = textFlag(flags, "description");
    const read = await readLayer(positionals[0] ?? ".");
    const content = { ...read, name: textFlag(flags, "name") ?? read.name };
    const { connection, client } = await connectLambda(input);
    const about = { runtimes, ...(description === undefined ? {} : { description }) };
    const layer = await calling(connection, publishLayer(client, content, about));
    output.result(layer, () => `${layer.arn}\n`);
    output.say(`${layer.created ? "Published" : "Unchanged:"} version ${layer.version}`);
    return 0;
  },
};
