import type { Command } from "../command.ts";
import { type Connection, connectionIn, DATA_FLAG, dataDirectoryOf } from "../connection.ts";

/** `hearth env`: from the data directory's files alone, so it costs nothing in a shell's rc. */
export const env: Command = {
  usage: "[--data DIR]",
  flags: DATA_FLAG,
  positionals: [0, 0],
  details: `
  eval "$(hearth env)"`,
  async run(input) {
    const variables = variablesOf(await connectionIn(dataDirectoryOf(input)));
    input.output.result(variables, () => `export ${assignments(variables)}\n`);
    return 0;
  },
};

/** boto3 reads AWS_DEFAULT_REGION, everything newer AWS_REGION. */
export function variablesOf(connection: Connection): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: connection.endpoint,
    AWS_ACCESS_KEY_ID: connection.accessKeyId,
    AWS_SECRET_ACCESS_KEY: connection.secretAccessKey,
    AWS_REGION: connection.region,
    AWS_DEFAULT_REGION: connection.region,
  };
}

function assignments(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(" ");
}

function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
