import { setTimeout as sleep } from "node:timers/promises";
import type {
  FunctionConfiguration,
  LambdaClient,
  Runtime,
  UpdateFunctionConfigurationCommandInput,
} from "@aws-sdk/client-lambda";
import type { RuntimeName } from "../model/mod.ts";
import { CommandError } from "./command.ts";

/** What deploying sets; absent fields keep the function's own, or AWS's default for a new one. */
export interface FunctionSettings {
  readonly runtime: RuntimeName;
  readonly handler: string;
  readonly memoryMiB?: number;
  readonly timeoutSeconds?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface DeployedFunction {
  readonly name: string;
  readonly arn: string;
  readonly created: boolean;
  readonly runtime: string;
  readonly handler: string;
  readonly codeSha256: string;
  readonly codeBytes: number;
}

/** Lambda wants a role's ARN; Hearth stores it and asks it for nothing. */
const ROLE = "arn:aws:iam::000000000000:role/hearth";
const READY_MS_MAX = 60_000;
const POLL_MS = 25;

/** Creates the function, or updates its code and then its settings; resolves when it is Active. */
export async function deployFunction(
  client: LambdaClient,
  name: string,
  settings: FunctionSettings,
  zip: Uint8Array,
): Promise<DeployedFunction> {
  const existing = await configurationOf(client, name);
  if (existing === undefined) await create(client, name, settings, zip);
  else await update(client, name, settings, zip, existing);
  const ready = await untilReady(client, name);
  return {
    name,
    arn: ready.FunctionArn ?? "",
    created: existing === undefined,
    runtime: ready.Runtime ?? "",
    handler: ready.Handler ?? "",
    codeSha256: ready.CodeSha256 ?? "",
    codeBytes: ready.CodeSize ?? zip.length,
  };
}

async function create(
  client: LambdaClient,
  name: string,
  settings: FunctionSettings,
  zip: Uint8Array,
): Promise<void> {
  const { CreateFunctionCommand } = await import("@aws-sdk/client-lambda");
  await client.send(
    new CreateFunctionCommand({
      ...wireOf(name, settings),
      Role: ROLE,
      Code: { ZipFile: zip },
    }),
  );
}

async function update(
  client: LambdaClient,
  name: string,
  settings: FunctionSettings,
  zip: Uint8Array,
  existing: FunctionConfiguration,
): Promise<void> {
  const { UpdateFunctionCodeCommand, UpdateFunctionConfigurationCommand } = await import(
    "@aws-sdk/client-lambda"
  );
  await client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: zip }));
  const wanted = wireOf(name, settings);
  if (agrees(existing, wanted)) return;
  await untilReady(client, name);
  await client.send(new UpdateFunctionConfigurationCommand(wanted));
}

function wireOf(
  name: string,
  { runtime, handler, memoryMiB, timeoutSeconds, environment }: FunctionSettings,
): UpdateFunctionConfigurationCommandInput & { FunctionName: string } {
  return {
    FunctionName: name,
    Runtime: runtime as Runtime,
    Handler: handler,
    ...(memoryMiB === undefined ? {} : { MemorySize: memoryMiB }),
    ...(timeoutSeconds === undefined ? {} : { Timeout: timeoutSeconds }),
    ...(environment === undefined ? {} : { Environment: { Variables: environment } }),
  };
}

/** Whether the function already is what is wanted of it. */
function agrees(
  existing: FunctionConfiguration,
  wanted: UpdateFunctionConfigurationCommandInput,
): boolean {
  if (wanted.Environment !== undefined) return false;
  return (["Runtime", "Handler", "MemorySize", "Timeout"] as const).every(
    (field) => wanted[field] === undefined || wanted[field] === existing[field],
  );
}

async function configurationOf(
  client: LambdaClient,
  name: string,
): Promise<FunctionConfiguration | undefined> {
  const { GetFunctionConfigurationCommand } = await import("@aws-sdk/client-lambda");
  try {
    return await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined;
    throw error;
  }
}

/** Resolves when the function is Active and its last update is over. */
export async function untilReady(
  client: LambdaClient,
  name: string,
): Promise<FunctionConfiguration> {
  const deadline = performance.now() + READY_MS_MAX;
  while (true) {
    const now = await configurationOf(client, name);
    if (now?.State === "Active" && now.LastUpdateStatus !== "InProgress") return now;
    if (now === undefined || now.State === "Failed" || now.LastUpdateStatus === "Failed") {
      throw new CommandError(`${name} did not become ready: ${now?.StateReason ?? "it is gone"}`);
    }
    if (performance.now() > deadline) {
      throw new CommandError(`${name} is not ready after ${READY_MS_MAX / 1000} s`);
    }
    await sleep(POLL_MS);
  }
}
