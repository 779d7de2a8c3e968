import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type {
  FunctionConfiguration,
  LambdaClient,
  Runtime,
  UpdateFunctionConfigurationCommandInput,
} from "@aws-sdk/client-lambda";
import type { RuntimeName } from "../model/mod.ts";
import { CommandError } from "./command.ts";
import { unlessMissing } from "./lambda.ts";

/** What deploying sets; absent fields keep the function's own, or AWS's default for a new one. */
export interface FunctionSettings {
  readonly runtime: RuntimeName;
  readonly handler: string;
  readonly memoryMiB?: number;
  readonly timeoutSeconds?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** ARNs of layer versions. */
  readonly layers?: readonly string[];
  readonly jsonLogs?: boolean;
  /** How long an execution of a durable function may take. */
  readonly durableSeconds?: number;
}

export interface DeployedFunction {
  readonly name: string;
  readonly arn: string;
  readonly created: boolean;
  /** What was not yet as wanted; both of a new function. */
  readonly changed: readonly ("code" | "settings")[];
  readonly runtime: string;
  readonly handler: string;
  readonly codeSha256: string;
  readonly codeBytes: number;
}

/** Lambda wants a role's ARN; Hearth stores it and asks it for nothing. */
const ROLE = "arn:aws:iam::000000000000:role/hearth";
const READY_MS_MAX = 60_000;
const POLL_MS = 25;

/** Creates the function, or updates what differs of its code and settings; then it is Active. */
export async function deployFunction(
  client: LambdaClient,
  name: string,
  settings: FunctionSettings,
  zip: Uint8Array,
): Promise<DeployedFunction> {
  const existing = await configurationOf(client, name);
  const wanted = wireOf(name, settings);
  const changed = changesOf(existing, wanted, zip);
  if (existing === undefined) await create(client, wanted, zip);
  else await update(client, wanted, zip, changed);
  const ready = await untilReady(client, name);
  return {
    name,
    arn: ready.FunctionArn ?? "",
    created: existing === undefined,
    changed,
    runtime: ready.Runtime ?? "",
    handler: ready.Handler ?? "",
    codeSha256: ready.CodeSha256 ?? "",
    codeBytes: ready.CodeSize ?? zip.length,
  };
}

type Wanted = UpdateFunctionConfigurationCommandInput & { readonly FunctionName: string };

async function create(client: LambdaClient, wanted: Wanted, zip: Uint8Array): Promise<void> {
  const { CreateFunctionCommand } = await import("@aws-sdk/client-lambda");
  await client.send(new CreateFunctionCommand({ ...wanted, Role: ROLE, Code: { ZipFile: zip } }));
}

async function update(
  client: LambdaClient,
  wanted: Wanted,
  zip: Uint8Array,
  changed: DeployedFunction["changed"],
): Promise<void> {
  const { UpdateFunctionCodeCommand, UpdateFunctionConfigurationCommand } = await import(
    "@aws-sdk/client-lambda"
  );
  const { FunctionName } = wanted;
  if (changed.includes("code")) {
    await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip }));
  }
  if (!changed.includes("settings")) return;
  await untilReady(client, FunctionName);
  await client.send(new UpdateFunctionConfigurationCommand(wanted));
}

function wireOf(name: string, settings: FunctionSettings): Wanted {
  const { memoryMiB, timeoutSeconds, environment, layers, jsonLogs, durableSeconds } = settings;
  return {
    FunctionName: name,
    Runtime: settings.runtime as Runtime,
    Handler: settings.handler,
    ...(memoryMiB === undefined ? {} : { MemorySize: memoryMiB }),
    ...(timeoutSeconds === undefined ? {} : { Timeout: timeoutSeconds }),
    ...(environment === undefined ? {} : { Environment: { Variables: environment } }),
    ...(layers === undefined ? {} : { Layers: [...layers] }),
    ...(jsonLogs === undefined ? {} : { LoggingConfig: { LogFormat: jsonLogs ? "JSON" : "Text" } }),
    ...(durableSeconds === undefined
      ? {}
      : { DurableConfig: { ExecutionTimeout: durableSeconds } }),
  };
}

/** What of the function is not yet as wanted. */
function changesOf(
  existing: FunctionConfiguration | undefined,
  wanted: Wanted,
  zip: Uint8Array,
): DeployedFunction["changed"] {
  if (existing === undefined) return ["code", "settings"];
  const sha256 = createHash("sha256").update(zip).digest("base64");
  const isSame =
    (["Runtime", "Handler", "MemorySize", "Timeout"] as const).every(
      (field) => wanted[field] === undefined || wanted[field] === existing[field],
    ) &&
    agrees(existing.Environment?.Variables ?? {}, wanted.Environment?.Variables) &&
    agrees(existing.Layers?.map(({ Arn }) => Arn) ?? [], wanted.Layers) &&
    agrees(existing.LoggingConfig?.LogFormat, wanted.LoggingConfig?.LogFormat) &&
    agrees(existing.DurableConfig?.ExecutionTimeout, wanted.DurableConfig?.ExecutionTimeout);
  return [
    ...(existing.CodeSha256 === sha256 ? [] : (["code"] as const)),
    ...(isSame ? [] : (["settings"] as const)),
  ];
}

/** Nothing wanted is content with everything. */
function agrees(existing: unknown, wanted: unknown): boolean {
  return wanted === undefined || isDeepStrictEqual(existing, wanted);
}

async function configurationOf(
  client: LambdaClient,
  name: string,
): Promise<FunctionConfiguration | undefined> {
  const { GetFunctionConfigurationCommand } = await import("@aws-sdk/client-lambda");
  const command = new GetFunctionConfigurationCommand({ FunctionName: name });
  return await unlessMissing(client.send(command));
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
