import { request as httpRequest, type IncomingMessage } from "node:http";
import type { LookupFunction } from "node:net";
import {
  AddPermissionCommand,
  CreateFunctionUrlConfigCommand,
  type CreateFunctionUrlConfigCommandInput,
  DeleteFunctionUrlConfigCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import { deploy } from "./functions.ts";

/** Lets everybody call a function by its URL: the two statements that AWS's console adds. */
export async function openToAll(
  lambda: LambdaClient,
  name: string,
  qualifier?: string,
): Promise<void> {
  await permit(lambda, name, "*", "NONE", qualifier);
}

export async function permit(
  lambda: LambdaClient,
  name: string,
  principal: string,
  authType: "NONE" | "AWS_IAM",
  qualifier?: string,
): Promise<void> {
  const common = {
    FunctionName: name,
    Principal: principal,
    ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
  };
  const id = principal.replace("*", "all");
  await lambda.send(
    new AddPermissionCommand({
      ...common,
      StatementId: `url-${id}`,
      Action: "lambda:InvokeFunctionUrl",
      FunctionUrlAuthType: authType,
    }),
  );
  await lambda.send(
    new AddPermissionCommand({
      ...common,
      StatementId: `invoke-${id}`,
      Action: "lambda:InvokeFunction",
      InvokedViaFunctionUrl: true,
    }),
  );
}

export interface TestUrl {
  readonly url: string;
  readonly id: string;
}

export async function createUrl(
  lambda: LambdaClient,
  name: string,
  more: Partial<CreateFunctionUrlConfigCommandInput> = {},
): Promise<TestUrl> {
  const command = { FunctionName: name, AuthType: "NONE", ...more } as const;
  const { FunctionUrl: url = "" } = await lambda.send(new CreateFunctionUrlConfigCommand(command));
  return { url, id: new URL(url).hostname.split(".", 1)[0] ?? "" };
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

/** Names under localhost are this machine, which not every machine's resolver knows. */
const lookup: LookupFunction = (_host, options, callback) => {
  if (options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};

/** Opens a request by node:http; the response's body is the caller's to read. */
export function open(url: string, options: RequestOptions = {}): Promise<IncomingMessage> {
  const { method = "GET", headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false, lookup }, resolve);
    request.on("error", reject);
    request.end(body);
  });
}

export async function send(url: string, options: RequestOptions = {}): Promise<Reply> {
  const response = await open(url, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** What a test opens and a function in its sandbox waits for. */
export interface Gate {
  readonly id: string;
  open(): Promise<void>;
}

/**
 * A URL that nobody may call, until it is taken away: what it answers then is different. Functions
 * that are given its id as `event.gate` wait for that with WAIT_FOR_GATE.
 */
export async function createGate(lambda: LambdaClient, name: string): Promise<Gate> {
  await deploy(lambda, { name, files: { "index.js": "exports.handler = async () => {};" } });
  const { id } = await createUrl(lambda, name);
  return {
    id,
    async open() {
      await lambda.send(new DeleteFunctionUrlConfigCommand({ FunctionName: name }));
    },
  };
}

export const WAIT_FOR_GATE: string = `const waitForGate = async (id) => {
  const url = process.env.AWS_ENDPOINT_URL + "/_url/" + id + "/";
  for (;;) if ((await (await fetch(url)).text()) === '{"Message":null}') return;
};\n`;
