import type { Event, Execution, LambdaClient } from "@aws-sdk/client-lambda";
import { CommandError } from "./command.ts";

/** What a command takes for an execution. */
export const EXECUTION_HELP = `
EXECUTION is FUNCTION/NAME (the newest of that name) or the ARN that \`hearth invoke\` prints.`;

/** Durable executions of a function, the newest first, at most `limit`. */
export async function listExecutions(
  client: LambdaClient,
  FunctionName: string,
  { status, limit }: { readonly status?: Execution["Status"]; readonly limit: number },
): Promise<Execution[]> {
  const { paginateListDurableExecutionsByFunction } = await import("@aws-sdk/client-lambda");
  const executions: Execution[] = [];
  const wanted = { FunctionName, ...(status === undefined ? {} : { Statuses: [status] }) };
  for await (const page of paginateListDurableExecutionsByFunction({ client }, wanted)) {
    executions.push(...(page.DurableExecutions ?? []));
    if (executions.length >= limit) break;
  }
  return executions.slice(0, limit);
}

/** The ARN that FUNCTION/NAME or an ARN stands for. @throws CommandError when there is none */
export async function executionArn(client: LambdaClient, text: string): Promise<string> {
  if (text.startsWith("arn:")) return text;
  const [, functionName = text, name] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  const advice = `\`hearth durable ls ${functionName}\` lists the executions of a function.`;
  if (name === undefined) throw new CommandError(`Which execution of ${text}?`, advice);
  const { ListDurableExecutionsByFunctionCommand } = await import("@aws-sdk/client-lambda");
  const { DurableExecutions = [] } = await client.send(
    new ListDurableExecutionsByFunctionCommand({
      ...{ FunctionName: functionName, DurableExecutionName: name, MaxItems: 1 },
    }),
  );
  const arn = DurableExecutions[0]?.DurableExecutionArn;
  if (arn === undefined) throw new CommandError(`There is no execution ${text}`, advice);
  return arn;
}

/** All that happened in an execution, in order. */
export async function historyOf(client: LambdaClient, arn: string): Promise<Event[]> {
  const { paginateGetDurableExecutionHistory } = await import("@aws-sdk/client-lambda");
  const events: Event[] = [];
  const wanted = { DurableExecutionArn: arn, IncludeExecutionData: true };
  for await (const page of paginateGetDurableExecutionHistory({ client }, wanted)) {
    events.push(...(page.Events ?? []));
  }
  return events;
}

/** A callback that an execution waits for. */
export interface OpenCallback {
  readonly id: string;
  readonly name: string | undefined;
}

/** The callbacks that began and have not ended. */
export function openCallbacks(events: readonly Event[]): OpenCallback[] {
  const ends = /^Callback(Succeeded|Failed|TimedOut)$/;
  const ended = new Set(
    events.filter(({ EventType = "" }) => ends.test(EventType)).map(({ Id }) => Id),
  );
  return events
    .filter(({ EventType, Id }) => EventType === "CallbackStarted" && !ended.has(Id))
    .map((event) => ({
      id: event.CallbackStartedDetails?.CallbackId ?? "",
      name: nameIn(events, event),
    }));
}

/** What an event's operation is called; SDKs name the context around some of them instead. */
export function nameIn(events: readonly Event[], event: Event): string | undefined {
  return event.Name ?? events.find(({ Id }) => Id !== undefined && Id === event.ParentId)?.Name;
}

/** What an event says beside its type, in a few words. */
export function detailOf(event: Event): string {
  const [, details = {}] = Object.entries(event).find(([key]) => key.endsWith("Details")) ?? [];
  const { CallbackId, Duration, Error: failure, Result, Input } = details as EventDetails;
  const text =
    CallbackId ??
    failure?.Payload?.ErrorMessage ??
    Result?.Payload ??
    Input?.Payload ??
    (Duration === undefined ? "" : `${Duration} s`);
  return CallbackId === undefined && text.length > DETAIL_MAX
    ? `${text.slice(0, DETAIL_MAX)} ...`
    : text;
}

const DETAIL_MAX = 60;

/** The members that the details of the kinds of events have in common. */
interface EventDetails {
  readonly CallbackId?: string;
  readonly Duration?: number;
  readonly Error?: { readonly Payload?: { readonly ErrorMessage?: string } };
  readonly Result?: { readonly Payload?: string };
  readonly Input?: { readonly Payload?: string };
}
