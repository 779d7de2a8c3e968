import { limits } from "../../model/mod.ts";
import type { FlagValues } from "../command.ts";
import { type Command, integerFlag, listFlag, textFlag, UsageError } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";
import { deployFunction, type FunctionSettings } from "../deployment.ts";
import { detectFunction, runtimeNamed } from "../detect.ts";
import { calling, lambdaClient } from "../lambda.ts";
import { readSourceTree, zipOf } from "../source-tree.ts";

/** `hearth deploy` */
export const deploy: Command = {
  usage: "PATH [--name N] [--env K=V] [FLAGS]",
  flags: {
    name: { type: "string", short: "n", value: "N", help: "The function's name (that of PATH)" },
    runtime: { type: "string", value: "R", help: "nodejs24.x, python3.11, provided.al2023, ..." },
    handler: { type: "string", value: "H", help: "FILE.EXPORT, as on Lambda" },
    memory: { type: "string", short: "m", value: "MB", help: "128 to 10240 (128)" },
    timeout: { type: "string", value: "S", help: "1 to 900 seconds (3)" },
    env: {
      type: "string",
      short: "e",
      multiple: true,
      value: "K=V",
      help: "An environment variable; repeat for more. Replaces those of the function",
    },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
PATH is a file or a folder. Runtime and handler are found out from a bootstrap program,
package.json's main, index.{js,mjs,cjs,ts,mts,cts}, lambda_function.py, main.py or app.py.
node_modules is part of the function; .git, caches, .venv and .env are not. Deploying again
updates code and settings.`,
  async run(input) {
    const { flags, positionals, output } = input;
    const given = settingsOf(flags);
    const runtime = runtimeNamed(textFlag(flags, "runtime"));
    const tree = await readSourceTree(positionals[0] ?? ".");
    const detected = await detectFunction(tree, { runtime, handler: textFlag(flags, "handler") });
    const zip = await zipOf(tree);
    const connection = await findConnection(input);
    const client = await lambdaClient(connection);
    const name = textFlag(flags, "name") ?? tree.defaultName;
    const deployed = await calling(
      connection,
      deployFunction(client, name, { ...detected, ...given }, zip),
    );
    output.result(deployed, () => `${deployed.arn}\n`);
    const verb = deployed.created ? "Created" : "Updated";
    output.say(`${verb} ${name}: ${deployed.runtime}, ${deployed.handler}, ${zip.length} bytes`);
    output.say(`Try: hearth invoke ${name} --payload '{}'`);
    return 0;
  },
};

/** What the flags say about the function; what they leave open stays as it is. */
function settingsOf(flags: FlagValues): Partial<FunctionSettings> {
  const { MEMORY_MIB_MIN, MEMORY_MIB_MAX, TIMEOUT_SECONDS_MIN, TIMEOUT_SECONDS_MAX } = limits;
  const memoryMiB = integerFlag(flags, "memory", MEMORY_MIB_MIN, MEMORY_MIB_MAX);
  const timeoutSeconds = integerFlag(flags, "timeout", TIMEOUT_SECONDS_MIN, TIMEOUT_SECONDS_MAX);
  const variables = listFlag(flags, "env").map(variableOf);
  return {
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(variables.length === 0 ? {} : { environment: Object.fromEntries(variables) }),
  };
}

function variableOf(text: string): [string, string] {
  const index = text.indexOf("=");
  if (index > 0) return [text.slice(0, index), text.slice(index + 1)];
  throw new UsageError(`--env must be NAME=VALUE, got ${text}`);
}
