import type {
  AddPermissionCommandInput,
  FunctionUrlConfig,
  LambdaClient,
} from "@aws-sdk/client-lambda";
import type { UrlAccess } from "./deploy-settings.ts";
import { unlessFailed, unlessMissing } from "./lambda.ts";

/** A function, or one of its aliases. */
export interface UrlOwner {
  readonly name: string;
  readonly qualifier?: string | undefined;
}

export interface FunctionUrl {
  readonly url: string;
  readonly access: UrlAccess;
  readonly stream: boolean;
}

/** A URL and whose it is: the function's own, or that of one of its aliases. */
export interface QualifiedUrl extends FunctionUrl {
  readonly qualifier: string | undefined;
}

/** The function or alias that `NAME` or `NAME:ALIAS` stands for. */
export function urlOwnerOf(text: string): UrlOwner {
  const [, name = text, qualifier] = /^([^:]+):([^:]+)$/.exec(text) ?? [];
  return { name, qualifier };
}

/** The statements that AWS's console adds for a URL open to everybody. */
const PUBLIC_STATEMENTS: readonly Pick<
  AddPermissionCommandInput,
  "StatementId" | "Action" | "FunctionUrlAuthType" | "InvokedViaFunctionUrl"
>[] = [
  {
    StatementId: "FunctionURLAllowPublicAccess",
    Action: "lambda:InvokeFunctionUrl",
    FunctionUrlAuthType: "NONE",
  },
  {
    StatementId: "FunctionURLAllowInvokeAction",
    Action: "lambda:InvokeFunction",
    InvokedViaFunctionUrl: true,
  },
];

/** The URL that there is; undefined without one. */
export async function findUrl(
  client: LambdaClient,
  owner: UrlOwner,
): Promise<FunctionUrl | undefined> {
  const { GetFunctionUrlConfigCommand } = await import("@aws-sdk/client-lambda");
  const found = await unlessMissing(client.send(new GetFunctionUrlConfigCommand(wireOf(owner))));
  return found && urlOf(found);
}

/** The URLs of a function and its aliases. */
export async function listUrls(client: LambdaClient, name: string): Promise<QualifiedUrl[]> {
  const { paginateListFunctionUrlConfigs } = await import("@aws-sdk/client-lambda");
  const urls: QualifiedUrl[] = [];
  for await (const page of paginateListFunctionUrlConfigs({ client }, { FunctionName: name })) {
    for (const config of page.FunctionUrlConfigs ?? []) {
      const qualifier = /:function:[^:]+:(.+)$/.exec(config.FunctionArn ?? "")?.[1];
      urls.push({ ...urlOf(config), qualifier });
    }
  }
  return urls;
}

function urlOf(
  config: Pick<FunctionUrlConfig, "FunctionUrl" | "AuthType" | "InvokeMode">,
): FunctionUrl {
  return {
    url: config.FunctionUrl ?? "",
    access: config.AuthType === "NONE" ? "none" : "iam",
    stream: config.InvokeMode === "RESPONSE_STREAM",
  };
}

/** Creates the URL or changes what differs, and opens it to everybody, or no longer. */
export async function ensureUrl(
  client: LambdaClient,
  owner: UrlOwner,
  { access, stream }: Omit<FunctionUrl, "url">,
): Promise<FunctionUrl> {
  const { CreateFunctionUrlConfigCommand, UpdateFunctionUrlConfigCommand } = await import(
    "@aws-sdk/client-lambda"
  );
  const found = await findUrl(client, owner);
  const wanted = {
    ...wireOf(owner),
    AuthType: access === "none" ? "NONE" : "AWS_IAM",
    InvokeMode: stream ? "RESPONSE_STREAM" : "BUFFERED",
  } as const;
  let url = found?.url ?? "";
  if (found === undefined) {
    const created = await client.send(new CreateFunctionUrlConfigCommand(wanted));
    url = created.FunctionUrl ?? "";
  } else if (found.access !== access || found.stream !== stream) {
    await client.send(new UpdateFunctionUrlConfigCommand(wanted));
  }
  if (access === "none") await openToAll(client, owner);
  else await closeToAll(client, owner);
  return { url, access, stream };
}

/** Deletes the URL, and with it what let everybody call. @returns false when there was none */
export async function removeUrl(client: LambdaClient, owner: UrlOwner): Promise<boolean> {
  const { DeleteFunctionUrlConfigCommand } = await import("@aws-sdk/client-lambda");
  const command = new DeleteFunctionUrlConfigCommand(wireOf(owner));
  const removed = await unlessMissing(client.send(command));
  await closeToAll(client, owner);
  return removed !== undefined;
}

async function openToAll(client: LambdaClient, owner: UrlOwner): Promise<void> {
  const { AddPermissionCommand } = await import("@aws-sdk/client-lambda");
  for (const statement of PUBLIC_STATEMENTS) {
    const command = new AddPermissionCommand({ ...wireOf(owner), ...statement, Principal: "*" });
    await unlessFailed(client.send(command), /^ResourceConflictException$/);
  }
}

async function closeToAll(client: LambdaClient, owner: UrlOwner): Promise<void> {
  const { RemovePermissionCommand } = await import("@aws-sdk/client-lambda");
  for (const { StatementId } of PUBLIC_STATEMENTS) {
    await unlessMissing(
      client.send(new RemovePermissionCommand({ ...wireOf(owner), StatementId })),
    );
  }
}

function wireOf({ name, qualifier }: UrlOwner): {
  readonly FunctionName: string;
  readonly Qualifier?: string;
} {
  return { FunctionName: name, ...(qualifier === undefined ? {} : { Qualifier: qualifier }) };
}
