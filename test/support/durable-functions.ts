import {
  type Event,
  GetDurableExecutionCommand,
  type GetDurableExecutionCommandOutput,
  GetDurableExecutionHistoryCommand,
  InvokeCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import { build } from "esbuild";
import { checkout } from "./hearth-process.ts";

/** A durable handler of this body, with AWS's published SDK bundled into one file. */
export async function durableFiles(body: string): Promise<Record<string, string>> {
  const contents = `
    import { withDurableExecution } from "@aws/durable-execution-sdk-js";
    export const handler = withDurableExecution(async (event, context) => { ${body} });
  `;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: checkout, loader: "js" },
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    write: false,
    logLevel: "error",
    define: { "import.meta.url": "undefined" },
  });
  return { "index.js": outputFiles[0]?.text ?? "" };
}

export interface DurableCall {
  readonly arn: string;
  readonly status: number | undefined;
  readonly functionError: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever a function answered
  readonly value: any;
}

export interface DurableCallOptions {
  readonly event?: unknown;
  readonly type?: "RequestResponse" | "Event";
  readonly name?: string;
  readonly qualifier?: string;
}

/** Invokes a durable function through the SDK, `$LATEST` unless told. */
export async function callDurable(
  lambda: LambdaClient,
  functionName: string,
  { event = {}, type = "RequestResponse", name, qualifier = "$LATEST" }: DurableCallOptions = {},
): Promise<DurableCall> {
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: functionName,
      Qualifier: qualifier,
      InvocationType: type,
      Payload: Buffer.from(JSON.stringify(event)),
      ...(name === undefined ? {} : { DurableExecutionName: name }),
    }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString();
  return {
    arn: answer.DurableExecutionArn ?? "",
    status: answer.StatusCode,
    functionError: answer.FunctionError,
    value: text === "" ? undefined : JSON.parse(text),
  };
}

/** The whole history. */
export async function historyOf(lambda: LambdaClient, arn: string): Promise<Event[]> {
  const events: Event[] = [];
  for (let Marker: string | undefined; ; ) {
    const page = await lambda.send(
      new GetDurableExecutionHistoryCommand({ DurableExecutionArn: arn, Marker }),
    );
    events.push(...(page.Events ?? []));
    Marker = page.NextMarker;
    if (Marker === undefined) return events;
  }
}

/** Polls until `isReady` holds of the history; fails after half a minute. */
export async function historyUntil(
  lambda: LambdaClient,
  arn: string,
  isReady: (events: readonly Event[]) => boolean,
): Promise<Event[]> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const events = await historyOf(lambda, arn);
    if (isReady(events)) return events;
    if (Date.now() > deadline) throw new Error(`Not ready: ${typesOf(events).join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until the execution has ended. */
export async function endedExecution(
  lambda: LambdaClient,
  arn: string,
): Promise<GetDurableExecutionCommandOutput> {
  await historyUntil(lambda, arn, (events) =>
    events.some(({ EventType = "" }) => /^Execution(?!Started)/.test(EventType)),
  );
  return lambda.send(new GetDurableExecutionCommand({ DurableExecutionArn: arn }));
}

export function typesOf(events: readonly Event[]): string[] {
  return events.map(({ EventType = "" }) => EventType);
}
