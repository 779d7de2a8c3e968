import { type Clock, isPlatformError, PlatformError, type SecureRandom } from "../base/mod.ts";
import type { Invoker, Resolver } from "../invoke/mod.ts";
import {
  limits,
  type Outcome,
  type Owner,
  parseFunctionReference,
  passThrough,
} from "../model/mod.ts";
import type { ExecutionEnd, ExecutionRecord } from "./execution.ts";
import { errorOf, isTransient } from "./invocation.core.ts";
import type { Operation } from "./operation.ts";
import type { StartExecution } from "./start.ts";
import { chainedNameOf } from "./token.core.ts";

export interface ChainedInvokeOptions {
  readonly invoker: Pick<Invoker, "invoke">;
  readonly resolver: Pick<Resolver, "resolve">;
  /** Starts the execution, or finds the one of that name; resolves when it has ended. */
  readonly runToEnd: (request: StartExecution) => Promise<ExecutionEnd>;
  readonly region: string;
  readonly clock: Clock;
  readonly random: SecureRandom;
}

/** How long a chained call waits after one for which there was no room. */
const BUSY_MS = 1000;

/**
 * Calls the function of a CHAINED_INVOKE operation, durable or not, in the owner's own account. A
 * durable one is started once, under a name that follows from the operation; any other is called
 * again when the server went down meanwhile.
 */
export async function callChained(
  options: ChainedInvokeOptions,
  record: ExecutionRecord,
  operation: Operation,
  signal: AbortSignal,
): Promise<ExecutionEnd> {
  for (;;) {
    try {
      return bounded(await callOnce(options, record, operation));
    } catch (error) {
      if (!isTransient(error)) return failed(error);
      await options.clock.sleep(BUSY_MS, signal);
    }
  }
}

async function callOnce(
  options: ChainedInvokeOptions,
  record: ExecutionRecord,
  operation: Operation,
): Promise<ExecutionEnd> {
  const { owner } = record;
  // An execution that chains back to its own function is a recursion like any other.
  const { traceId } = passThrough(record.traceId, `${owner}/${record.functionName}`);
  const target = targetOf(options, owner, operation.functionName ?? "");
  const { version } = await options.resolver.resolve(owner, target.name, target.qualifier);
  const payload = Buffer.from(operation.input ?? "");
  if (version.configuration.durable) {
    requireQualified(target.qualifier);
    const name = chainedNameOf(record, operation.id);
    return options.runToEnd({ version, name, payload, isSynchronous: false, traceId });
  }
  const { outcome } = await options.invoker.invoke({
    requestId: options.random.uuid(),
    owner,
    functionName: target.name,
    ...(target.qualifier === undefined ? {} : { qualifier: target.qualifier }),
    payload,
    traceId,
    receivedAt: options.clock.monotonic(),
  });
  return endOfCall(outcome);
}

function targetOf(
  { region }: ChainedInvokeOptions,
  owner: Owner,
  text: string,
): { name: string; qualifier?: string } {
  const reference = parseFunctionReference(text);
  const isHere =
    reference !== undefined &&
    (reference.owner ?? owner) === owner &&
    (reference.region ?? region) === region;
  if (isHere) return reference;
  throw new PlatformError(
    { kind: "not_found", resource: "function", id: text },
    `Function not found: ${text}`,
  );
}

/**
 * Durable functions are called by version or alias, so that an execution knows what it replays.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html
 * @throws PlatformError kind "invalid"
 */
export function requireQualified(qualifier: string | undefined): void {
  if (qualifier !== undefined) return;
  throw new PlatformError(
    { kind: "invalid", field: "Qualifier" },
    "You cannot invoke a durable function using an unqualified ARN.",
  );
}

function endOfCall(outcome: Outcome): ExecutionEnd {
  return outcome.status === "succeeded"
    ? { status: "SUCCEEDED", result: outcome.payload.toString() }
    : { status: "FAILED", error: errorOf(outcome.payload) };
}

function bounded(end: ExecutionEnd): ExecutionEnd {
  const actualBytes = Buffer.byteLength(end.result ?? "");
  if (actualBytes <= limits.DURABLE_PAYLOAD_BYTES_MAX) return end;
  const ErrorMessage = `Response payload size (${actualBytes} bytes) exceeded maximum allowed payload size (${limits.DURABLE_PAYLOAD_BYTES_MAX} bytes).`;
  return { status: "FAILED", error: { ErrorType: "Function.ResponseSizeTooLarge", ErrorMessage } };
}

function failed(error: unknown): ExecutionEnd {
  const isMissing = isPlatformError(error, "not_found");
  return {
    status: "FAILED",
    error: {
      ErrorType: isMissing ? "ResourceNotFoundException" : "InvalidParameterValueException",
      ErrorMessage: error instanceof PlatformError ? error.message : "The call failed",
    },
  };
}
