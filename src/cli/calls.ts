import type { InvokeWithResponseStreamCompleteEvent, LambdaClient } from "@aws-sdk/client-lambda";
import { observeStarts, type StartHeaders } from "./lambda.ts";

/** A call to make, in the words of the API. */
export interface CallRequest {
  readonly FunctionName: string;
  readonly Qualifier?: string | undefined;
  readonly Payload: Buffer;
  readonly LogType?: "Tail" | "None";
  readonly DurableExecutionName?: string | undefined;
}

/** What a call came to. */
export interface CallResult {
  readonly requestId: string | undefined;
  readonly statusCode: number | undefined;
  readonly executedVersion: string | undefined;
  /** Absent when the function did what it should. */
  readonly functionError: string | undefined;
  /** What was said of an error after the response had begun. */
  readonly errorDetails?: string | undefined;
  readonly durableExecutionArn?: string | undefined;
  readonly start: StartHeaders | undefined;
  readonly payload: Buffer;
  /** The end of the call's log, when it was asked for. */
  readonly log: string;
}

/** Sends a header with every request of a client. */
export function sendHeader(client: LambdaClient, name: string, value: string): void {
  client.middlewareStack.add(
    (next) => (argument) => {
      const { headers } = argument.request as { headers: Record<string, string> };
      headers[name] = value;
      return next(argument);
    },
    { step: "build", name: `sendHeader ${name}` },
  );
}

/** Calls a function and waits for its response. */
export async function callFunction(
  client: LambdaClient,
  request: CallRequest,
): Promise<CallResult> {
  const { InvokeCommand } = await import("@aws-sdk/client-lambda");
  const start = lastStart(client);
  const result = await client.send(new InvokeCommand(request));
  return {
    requestId: result.$metadata.requestId,
    statusCode: result.StatusCode,
    executedVersion: result.ExecutedVersion,
    functionError: result.FunctionError,
    durableExecutionArn: result.DurableExecutionArn,
    start: start(),
    payload: Buffer.from(result.Payload ?? []),
    log: decodedLog(result.LogResult),
  };
}

/** Hands a call to the server, which makes it as soon as it can. */
export async function queueCall(
  client: LambdaClient,
  request: CallRequest,
): Promise<Pick<CallResult, "requestId" | "statusCode" | "durableExecutionArn">> {
  const { InvokeCommand } = await import("@aws-sdk/client-lambda");
  const result = await client.send(new InvokeCommand({ ...request, InvocationType: "Event" }));
  return {
    requestId: result.$metadata.requestId,
    statusCode: result.StatusCode,
    durableExecutionArn: result.DurableExecutionArn,
  };
}

/**
 * Calls a function whose response comes piece by piece, as it is written.
 * @param write takes the pieces; without one they become the result's payload
 */
export async function streamCall(
  client: LambdaClient,
  { DurableExecutionName: _, ...request }: CallRequest,
  write: ((piece: Uint8Array) => void) | undefined,
): Promise<CallResult> {
  const { InvokeWithResponseStreamCommand } = await import("@aws-sdk/client-lambda");
  const start = lastStart(client);
  const result = await client.send(new InvokeWithResponseStreamCommand(request));
  const pieces: Uint8Array[] = [];
  let end: InvokeWithResponseStreamCompleteEvent = {};
  for await (const { PayloadChunk, InvokeComplete } of result.EventStream ?? []) {
    const piece = PayloadChunk?.Payload;
    if (piece !== undefined) write === undefined ? pieces.push(piece) : write(piece);
    if (InvokeComplete !== undefined) end = InvokeComplete;
  }
  return {
    requestId: result.$metadata.requestId,
    statusCode: result.StatusCode,
    executedVersion: result.ExecutedVersion,
    functionError: end.ErrorCode,
    errorDetails: end.ErrorDetails,
    start: start(),
    payload: Buffer.concat(pieces),
    log: decodedLog(end.LogResult),
  };
}

function lastStart(client: LambdaClient): () => StartHeaders | undefined {
  let start: StartHeaders | undefined;
  observeStarts(client, (headers) => {
    start = headers;
  });
  return () => start;
}

function decodedLog(log: string | undefined): string {
  return Buffer.from(log ?? "", "base64").toString("utf8");
}
