import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  InvokeCommand,
  type LambdaClient,
  type Runtime,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import { zipOf } from "./hearth.ts";

export const ROLE: string = "arn:aws:iam::000000000000:role/test";

export interface TestFunction {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly runtime?: Runtime;
  readonly handler?: string;
  readonly more?: Partial<CreateFunctionCommandInput>;
}

/** Creates a function through the SDK and waits until it is Active. */
export async function deploy(lambda: LambdaClient, wanted: TestFunction): Promise<void> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: wanted.name,
      Runtime: wanted.runtime ?? "nodejs24.x",
      Handler: wanted.handler ?? "index.handler",
      Role: ROLE,
      Code: { ZipFile: await zipOf(wanted.files) },
      ...wanted.more,
    }),
  );
  await waitUntilFunctionActiveV2(
    { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { FunctionName: wanted.name },
  );
}

/** A CommonJS module whose handler is the given function body. */
export function handlerFile(body: string): Record<string, string> {
  return { "index.js": `exports.handler = async (event, context) => { ${body} };` };
}

export interface CallResult {
  readonly status: number | undefined;
  readonly functionError: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever a function answered
  readonly value: any;
  readonly log: string;
  readonly requestId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Calls through the SDK and gives back what tests look at, the X-Hearth-* headers included. */
export async function call(
  lambda: LambdaClient,
  name: string,
  event: unknown = {},
  qualifier?: string,
): Promise<CallResult> {
  let headers: Record<string, string> = {};
  const command = new InvokeCommand({
    FunctionName: name,
    Payload: Buffer.from(JSON.stringify(event)),
    LogType: "Tail",
    ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
  });
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      headers = (result.response as { headers: Record<string, string> }).headers;
      return result;
    },
    { step: "deserialize", priority: "high" },
  );
  const answer = await lambda.send(command);
  const text = Buffer.from(answer.Payload ?? []).toString();
  return {
    status: answer.StatusCode,
    functionError: answer.FunctionError,
    value: text === "" ? undefined : JSON.parse(text),
    log: Buffer.from(answer.LogResult ?? "", "base64").toString(),
    requestId: answer.$metadata.requestId ?? "",
    headers,
  };
}

/** A call that takes its time: whether it is over, and a way to hang up. */
export function invokeHeld(
  lambda: LambdaClient,
  name: string,
): { isOver(): boolean; abort(): void } {
  const abort = new AbortController();
  let isOver = false;
  const command = new InvokeCommand({ FunctionName: name });
  lambda
    .send(command, { abortSignal: abort.signal })
    .catch(() => {})
    .finally(() => {
      isOver = true;
    });
  return { isOver: () => isOver, abort: () => abort.abort() };
}
