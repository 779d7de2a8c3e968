import type { Operation } from "./operation.ts";

/** How a time is written: milliseconds in the event of an invocation, seconds in the API. */
export type TimeFormat = (timeMs: number) => number;

export const inMilliseconds: TimeFormat = (timeMs) => timeMs;
export const inSeconds: TimeFormat = (timeMs) => timeMs / 1000;

/**
 * An operation as AWS's SDK reads it.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_Operation.html
 */
export function operationShape(operation: Operation, time: TimeFormat): Record<string, unknown> {
  return defined({
    Id: operation.id,
    ParentId: operation.parentId,
    Name: operation.name,
    Type: operation.type,
    SubType: operation.subType,
    StartTimestamp: time(operation.startedAt),
    EndTimestamp: operation.endedAt === undefined ? undefined : time(operation.endedAt),
    Status: operation.status,
    ...detailsShape(operation, time),
  });
}

function detailsShape(operation: Operation, time: TimeFormat): Record<string, unknown> {
  const { dueAt } = operation;
  const outcome = { Result: operation.result, Error: operation.error };
  switch (operation.type) {
    case "EXECUTION":
      return { ExecutionDetails: defined({ InputPayload: operation.input }) };
    case "CONTEXT":
      return { ContextDetails: defined({ ReplayChildren: operation.replayChildren, ...outcome }) };
    case "STEP":
      return {
        StepDetails: defined({
          Attempt: operation.attempt,
          NextAttemptTimestamp: dueAt === undefined ? undefined : time(dueAt),
          ...outcome,
        }),
      };
    case "WAIT":
      return {
        WaitDetails: defined({
          ScheduledEndTimestamp: dueAt === undefined ? undefined : time(dueAt),
        }),
      };
    case "CALLBACK":
      return { CallbackDetails: defined({ CallbackId: operation.callbackId, ...outcome }) };
    case "CHAINED_INVOKE":
      return { ChainedInvokeDetails: defined(outcome) };
  }
}

function defined(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
