import { isPlatformError } from "../../../base/mod.ts";
import { type ExecutionEnd, type ExecutionRecord, requireQualified } from "../../../durable/mod.ts";
import { type FunctionVersion, type InvokeRequest, limits } from "../../../model/mod.ts";
import type { HttpResponse } from "../../http/request.ts";
import { requireExecutionName } from "../durable-names.ts";
import { invalidParameter, LambdaError } from "../errors.ts";
import type { LambdaCall } from "../operation.ts";

/**
 * Invoke, when the function is durable: starts an execution, or finds the one of that name, and
 * waits for its end unless the call is asynchronous. Undefined when the function is not durable.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html
 */
export async function invokeDurable(
  call: LambdaCall,
  wanted: InvokeRequest,
  type: "RequestResponse" | "Event",
): Promise<HttpResponse | undefined> {
  const { registry, durable } = call.services;
  const { owner, functionName, qualifier, payload, traceId } = wanted;
  const { version } = await registry.resolve(owner, functionName, qualifier);
  if (!version.configuration.durable) return undefined;
  requireQualified(qualifier);
  const isSynchronous = type === "RequestResponse";
  if (isSynchronous) requireShort(version);
  else requireSmall(payload);
  const name = executionNameOf(call);
  const record = await started(() =>
    durable.start({
      ...{ version, payload, isSynchronous, traceId },
      ...(name === undefined ? {} : { name }),
    }),
  );
  const headers = headersOf(record, traceId);
  if (!isSynchronous) return { status: 202, headers, body: "" };
  return endResponse(await durable.ended(record), headers);
}

function executionNameOf({ request }: LambdaCall): string | undefined {
  const name = request.headers["x-amz-durable-execution-name"];
  return typeof name === "string" ? requireExecutionName(name) : undefined;
}

function requireShort({ configuration }: FunctionVersion): void {
  const seconds = configuration.durable?.executionTimeoutSeconds ?? 0;
  if (seconds <= limits.DURABLE_SYNCHRONOUS_SECONDS_MAX) return;
  throw invalidParameter(
    "You cannot synchronously invoke a durable function with an executionTimeout greater than " +
      "15 minutes.",
  );
}

function requireSmall(payload: Buffer): void {
  const limitBytes = limits.DURABLE_PAYLOAD_BYTES_MAX;
  if (payload.length <= limitBytes) return;
  const message =
    `${payload.length} byte payload is too large for the Event invocation type ` +
    `(limit ${limitBytes} bytes)`;
  throw new LambdaError(413, "RequestTooLargeException", message);
}

async function started(start: () => Promise<ExecutionRecord>): Promise<ExecutionRecord> {
  try {
    return await start();
  } catch (error) {
    if (!isPlatformError(error, "already_exists")) throw error;
    throw new LambdaError(409, "DurableExecutionAlreadyStartedException", error.message);
  }
}

function headersOf(record: ExecutionRecord, traceId: string): Record<string, string> {
  return {
    "Content-Type": "application/json",
    "X-Amz-Durable-Execution-Arn": record.arn,
    "X-Amz-Executed-Version": record.version,
    "X-Amzn-Trace-Id": traceId,
  };
}

/** The result, byte for byte, or the error in the shape in which functions fail. */
function endResponse(end: ExecutionEnd, headers: Record<string, string>): HttpResponse {
  if (end.status === "SUCCEEDED") return { status: 200, headers, body: end.result ?? "null" };
  const { ErrorMessage, ErrorType, ErrorData, StackTrace } = end.error ?? {};
  const body = {
    errorMessage: ErrorMessage ?? `The durable execution ended as ${end.status}`,
    ...(ErrorType === undefined ? {} : { errorType: ErrorType }),
    ...(ErrorData === undefined ? {} : { errorData: ErrorData }),
    ...(StackTrace === undefined ? {} : { stackTrace: StackTrace }),
  };
  return {
    status: 200,
    headers: { ...headers, "X-Amz-Function-Error": "Unhandled" },
    body: JSON.stringify(body),
  };
}
