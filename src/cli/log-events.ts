import type { LambdaClient } from "@aws-sdk/client-lambda";
import type { Connection } from "./connection.ts";
import { unlessMissing } from "./lambda.ts";
import { awsJson } from "./signed-request.ts";

/** One event of a log group. */
export interface LogEvent {
  readonly eventId: string;
  readonly timestamp: number;
  readonly logStreamName: string;
  readonly message: string;
}

/** Where a function logs to. */
export interface LogGroup {
  readonly name: string;
  /** The group comes with the function's first event. */
  readonly mayBeMissing: boolean;
}

/** Which events are wanted. */
export interface EventQuery {
  readonly group: LogGroup;
  /** In CloudWatch's filter pattern syntax; every event without one. */
  readonly pattern?: string | undefined;
  readonly fromMs: number;
}

/** The group of a function, or the one that a deleted function has left. */
export async function logGroupOf(client: LambdaClient, name: string): Promise<LogGroup> {
  const { GetFunctionConfigurationCommand } = await import("@aws-sdk/client-lambda");
  const command = new GetFunctionConfigurationCommand({ FunctionName: name });
  const configuration = await unlessMissing(client.send(command));
  return {
    name: configuration?.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
    mayBeMissing: configuration !== undefined,
  };
}

/** The events of a group that match, in order of time; none when nothing was logged yet. */
export async function* filteredEvents(
  connection: Connection,
  { group, pattern, fromMs }: EventQuery,
): AsyncGenerator<LogEvent> {
  for (let nextToken: string | undefined; ; ) {
    const request = awsJson(connection, "logs", "FilterLogEvents", {
      ...{ logGroupName: group.name, startTime: Math.max(0, fromMs) },
      ...(pattern === undefined ? {} : { filterPattern: pattern }),
      ...(nextToken === undefined ? {} : { nextToken }),
    });
    const page = (await (group.mayBeMissing ? unlessMissing(request) : request)) as
      | { readonly events: readonly LogEvent[]; readonly nextToken?: string }
      | undefined;
    yield* page?.events ?? [];
    nextToken = page?.nextToken;
    if (nextToken === undefined) return;
  }
}

/**
 * The same without an end: asks again for what came since, after each pause.
 * @param pause resolves with false when nobody wants more
 */
export async function* followedEvents(
  connection: Connection,
  query: EventQuery,
  pause: () => Promise<boolean>,
): AsyncGenerator<LogEvent> {
  let { fromMs } = query;
  /** Events may come late: those of the last moments are asked for again, and told once. */
  let told = new Map<string, number>();
  do {
    for await (const event of filteredEvents(connection, { ...query, fromMs })) {
      if (!told.has(event.eventId)) yield event;
      told.set(event.eventId, event.timestamp);
      fromMs = Math.max(fromMs, event.timestamp - OVERLAP_MS);
    }
    told = new Map([...told].filter(([, timestamp]) => timestamp >= fromMs));
  } while (await pause());
}

const OVERLAP_MS = 5000;
