import { setTimeout as sleep } from "node:timers/promises";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { CommandError } from "./command.ts";
import { unlessMissing } from "./lambda.ts";

/** An alias and the version that it names. */
export interface Release {
  readonly name: string;
  readonly version: string;
  readonly arn: string;
}

/** Environments take as long as the function's own initialisation. */
const READY_MS_MAX = 600_000;
const POLL_MS = 100;

/**
 * Publishes what was deployed as a version, which is the last one when nothing changed, and points
 * the alias at it, all of its traffic at once.
 */
export async function release(
  client: LambdaClient,
  functionName: string,
  alias: string,
  codeSha256: string,
): Promise<Release> {
  const { CreateAliasCommand, GetAliasCommand, PublishVersionCommand, UpdateAliasCommand } =
    await import("@aws-sdk/client-lambda");
  // The hash refuses to publish what somebody else deployed in between.
  const { Version: version = "" } = await client.send(
    new PublishVersionCommand({ FunctionName: functionName, CodeSha256: codeSha256 }),
  );
  const named = { FunctionName: functionName, Name: alias };
  const found = await unlessMissing(client.send(new GetAliasCommand(named)));
  const wanted = { ...named, FunctionVersion: version };
  const isThere = found?.FunctionVersion === version && found.RoutingConfig === undefined;
  if (found !== undefined && isThere) return { name: alias, version, arn: found.AliasArn ?? "" };
  const { AliasArn: arn = "" } =
    found === undefined
      ? await client.send(new CreateAliasCommand(wanted))
      : await client.send(
          new UpdateAliasCommand({ ...wanted, RoutingConfig: { AdditionalVersionWeights: {} } }),
        );
  return { name: alias, version, arn };
}

/** Environments that are to be ready for an alias. */
export interface Provision {
  readonly functionName: string;
  readonly alias: string;
  /** 0 for none. */
  readonly count: number;
}

/**
 * Keeps environments of an alias ready; resolves when they are.
 * @throws CommandError when they cannot be had
 */
export async function provision(
  client: LambdaClient,
  wanted: Provision,
  say: (line: string) => void,
): Promise<void> {
  const {
    DeleteProvisionedConcurrencyConfigCommand,
    GetProvisionedConcurrencyConfigCommand,
    PutProvisionedConcurrencyConfigCommand,
  } = await import("@aws-sdk/client-lambda");
  const { functionName, alias, count } = wanted;
  const named = { FunctionName: functionName, Qualifier: alias };
  if (count === 0) {
    await unlessMissing(client.send(new DeleteProvisionedConcurrencyConfigCommand(named)));
    return;
  }
  const get = new GetProvisionedConcurrencyConfigCommand(named);
  const found = await unlessMissing(client.send(get));
  if (found?.RequestedProvisionedConcurrentExecutions !== count) {
    const put = { ...named, ProvisionedConcurrentExecutions: count };
    await client.send(new PutProvisionedConcurrencyConfigCommand(put));
  }
  await untilProvisioned(client, wanted, say);
}

async function untilProvisioned(
  client: LambdaClient,
  { functionName, alias, count }: Provision,
  say: (line: string) => void,
): Promise<void> {
  const { GetProvisionedConcurrencyConfigCommand } = await import("@aws-sdk/client-lambda");
  const named = { FunctionName: functionName, Qualifier: alias };
  const deadline = performance.now() + READY_MS_MAX;
  for (let told = ""; ; await sleep(POLL_MS)) {
    const now = await client.send(new GetProvisionedConcurrencyConfigCommand(named));
    const { AvailableProvisionedConcurrentExecutions: ready = 0, Status, StatusReason } = now;
    const line = `Provisioned: ${ready} of ${count} ready`;
    if (line !== told) say(line);
    told = line;
    if (Status === "READY") return;
    if (Status === "FAILED") {
      throw new CommandError(
        `${count} environments of ${functionName}:${alias} cannot be kept ready: ${StatusReason}`,
        `\`hearth logs ${functionName}\` shows whether the function fails to start.`,
      );
    }
    if (performance.now() > deadline) {
      throw new CommandError(`${line} after ${READY_MS_MAX / 1000} s`);
    }
  }
}
