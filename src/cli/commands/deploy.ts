import type { LambdaClient } from "@aws-sdk/client-lambda";
import {
  type Command,
  type CommandInput,
  type FlagValues,
  textFlag,
  UsageError,
} from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import {
  type DeploySettings,
  requireWhole,
  SETTING_FLAGS,
  settingsOfFlags,
} from "../deploy-settings.ts";
import { type DeployedFunction, deployFunction } from "../deployment.ts";
import { detectFunction } from "../detect.ts";
import { ensureUrl, type FunctionUrl } from "../function-url.ts";
import { calling, connectLambda } from "../lambda.ts";
import { resolveLayers } from "../layers.ts";
import type { Output } from "../output.ts";
import { readProjectFile } from "../project-file.ts";
import { provision, type Release, release } from "../release.ts";
import { signedZip } from "../signing.ts";
import { readSourceTree, zipOf } from "../source-tree.ts";

/** `hearth deploy` */
export const deploy: Command = {
  usage: "PATH [--name N] [--env K=V] [FLAGS]",
  flags: {
    ...SETTING_FLAGS,
    sign: { type: "string", value: "KEYFILE", help: "Sign the package; needs --signing-profile" },
    "signing-profile": { type: "string", value: "P", help: "Whose key that is" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
PATH is a file or a folder. Runtime and handler are found out from a bootstrap program,
package.json's main, index.{js,mjs,cjs,ts,mts,cts}, lambda_function.py, main.py or app.py.
node_modules is part of the function; .git, caches, .venv and .env are not. hearth.json beside the
code may hold the same settings; flags win. Deploying again changes what differs.

  hearth deploy ./orders --layer ./layers/deps --env STAGE=dev
  hearth deploy ./orders --alias live --provisioned 2 --url=none --stream`,
  async run(input) {
    const { flags, positionals, output } = input;
    const path = positionals[0] ?? ".";
    const settings = await settingsOf(path, flags, output);
    const signer = signerOf(flags);
    const tree = await readSourceTree(path);
    const plain = await zipOf(tree);
    const { runtime, handler } = await detectFunction(tree, settings);
    const { connection, client } = await connectLambda(input);
    const zip = signer === undefined ? plain : await signedZip(connection, plain, signer);
    const name = settings.name ?? tree.defaultName;
    const job = { name, zip, settings: { ...settings, runtime, handler }, output };
    const deployment = await calling(connection, deployAll(client, job));
    output.result(deployment, () => linesOf(deployment));
    output.say(`Try: hearth invoke ${name} --payload '{}'`);
    return 0;
  },
};

/** What `hearth.json` says where the flags say nothing. */
async function settingsOf(
  path: string,
  flags: FlagValues,
  output: Output,
): Promise<DeploySettings> {
  const given = settingsOfFlags(flags);
  const project = await readProjectFile(path);
  if (project !== undefined) output.say(`Settings of ${project.file}`);
  const settings = { ...project?.settings, ...given };
  requireWhole(settings);
  return settings;
}

/** Who signs the package; both flags or none. */
function signerOf(flags: FlagValues): { keyFile: string; profile: string } | undefined {
  const keyFile = textFlag(flags, "sign");
  const profile = textFlag(flags, "signing-profile");
  if (keyFile === undefined && profile === undefined) return undefined;
  if (keyFile !== undefined && profile !== undefined) return { keyFile, profile };
  throw new UsageError("--sign and --signing-profile go together");
}

interface DeployJob {
  readonly name: string;
  readonly zip: Buffer;
  readonly settings: DeploySettings & Awaited<ReturnType<typeof detectFunction>>;
  readonly output: Pick<CommandInput["output"], "say">;
}

/** What --json prints. */
interface Deployment extends DeployedFunction {
  readonly layers?: readonly string[];
  readonly alias?: Release;
  readonly provisioned?: number;
  readonly url?: FunctionUrl;
}

/** One step after the other, each resting on those before it: the URL comes when all is ready. */
async function deployAll(
  client: LambdaClient,
  { name, zip, settings, output }: DeployJob,
): Promise<Deployment> {
  const { alias, provisioned, url: access, stream = false } = settings;
  const say = (line: string): void => output.say(line);
  const layers = settings.layers && (await resolveLayers(client, settings.layers, say));
  const wanted = { ...settings, ...(layers === undefined ? {} : { layers }) };
  const deployed = await deployFunction(client, name, wanted, zip);
  say(`${verbOf(deployed)} ${name}: ${deployed.runtime}, ${deployed.handler}, ${zip.length} bytes`);
  const released = alias && (await release(client, name, alias, deployed.codeSha256));
  if (released) say(`Alias ${alias} is version ${released.version}`);
  if (alias !== undefined && provisioned !== undefined) {
    await provision(client, { functionName: name, alias, count: provisioned }, say);
  }
  const url = access && (await ensureUrl(client, { name, qualifier: alias }, { access, stream }));
  if (access === "iam") say("The URL takes signed calls; --url=none opens it to everybody");
  return {
    ...deployed,
    ...(layers === undefined ? {} : { layers }),
    ...(released ? { alias: released } : {}),
    ...(provisioned === undefined ? {} : { provisioned }),
    ...(url ? { url } : {}),
  };
}

function verbOf({ created, changed }: DeployedFunction): string {
  if (created) return "Created";
  return changed.length === 0 ? "Unchanged" : "Updated";
}

function linesOf({ arn, url }: Deployment): string {
  return url === undefined ? `${arn}\n` : `${arn}\n${url.url}\n`;
}
