import { setTimeout as sleep } from "node:timers/promises";
import { adminRequest } from "../admin.ts";
import { type Command, type CommandInput, integerFlag, textFlag } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";
import { sinceMs } from "../durations.ts";
import { calling, connectLambda } from "../lambda.ts";
import { filteredEvents, followedEvents, type LogEvent, logGroupOf } from "../log-events.ts";
import type { Output } from "../output.ts";
import { StopSignal } from "../signals.ts";

const LINES_DEFAULT = 100;
const LINES_MAX = 10_000;
const POLL_MS = 1000;

/** `hearth logs` */
export const logs: Command = {
  usage: "NAME [-f] [--since 10m] [--filter PATTERN] [--lines N]",
  flags: {
    follow: { type: "boolean", short: "f", help: "Go on showing new lines until interrupted" },
    lines: { type: "string", short: "n", value: "N", help: `The last N lines (${LINES_DEFAULT})` },
    since: { type: "string", value: "TIME", help: "From then on: 90s, 10m, 2h, 1d ago, or a time" },
    filter: { type: "string", value: "PATTERN", help: "Only events that match" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
PATTERN is CloudWatch's: words that must all appear, ?any ?of ?these, -without, "a phrase",
{ $.level = "ERROR" } for lines that are JSON. With --since or --filter all events are shown, unless
--lines says how many.

  hearth logs orders -f
  hearth logs orders --since 1h --filter '?ERROR ?"timed out"'`,
  async run(input) {
    const { flags } = input;
    using stop = new StopSignal();
    const abort = new AbortController();
    void stop.stopped.then(() => abort.abort());
    const isSearch = flags.since !== undefined || flags.filter !== undefined;
    await (isSearch ? searchEvents(input, abort.signal) : showLines(input, abort.signal));
    return 0;
  },
};

/** The last lines, then new ones as the server sends them. */
async function showLines(input: CommandInput, signal: AbortSignal): Promise<void> {
  const { flags, positionals, output } = input;
  const name = encodeURIComponent(positionals[0] ?? "");
  const lines = integerFlag(flags, "lines", 0, LINES_MAX) ?? LINES_DEFAULT;
  const follow = flags.follow === true;
  const connection = await findConnection(input);
  const response = await adminRequest(connection, {
    method: "GET",
    path: `/_hearth/functions/${name}/logs?lines=${lines}${follow ? "&follow=true" : ""}`,
    signal,
  });
  if (output.json && !follow) {
    const text = await response.text();
    output.result({ lines: text === "" ? [] : text.trimEnd().split("\n") }, () => "");
    return;
  }
  await copyText(response, signal, (text) => output.write(text));
}

/** Writes the body as it comes; an interruption ends it like its end does. */
async function copyText(
  response: Response,
  signal: AbortSignal,
  write: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) write(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The events since then that match, then new ones. */
async function searchEvents(input: CommandInput, signal: AbortSignal): Promise<void> {
  const { flags, positionals, output } = input;
  const [name = ""] = positionals;
  const fromMs = sinceMs(textFlag(flags, "since") ?? "1970-01-01", Date.now());
  const lines = integerFlag(flags, "lines", 0, LINES_MAX);
  const { connection, client } = await connectLambda(input);
  const group = await calling(connection, logGroupOf(client, name));
  const query = { group, fromMs, pattern: textFlag(flags, "filter") };
  if (flags.follow === true) {
    const events = followedEvents(connection, query, () => pause(signal));
    for await (const event of events) writeEvent(event, output);
    return;
  }
  let events = await calling(connection, Array.fromAsync(filteredEvents(connection, query)));
  if (lines !== undefined) events = lines === 0 ? [] : events.slice(-lines);
  if (output.json) output.result({ events }, () => "");
  else for (const event of events) writeEvent(event, output);
}

/** One line of text; one of JSON with --json. */
function writeEvent(event: LogEvent, output: Output): void {
  output.write(output.json ? `${JSON.stringify(event)}\n` : `${event.message.trimEnd()}\n`);
}

/** Whether it went on until the next poll. */
async function pause(signal: AbortSignal): Promise<boolean> {
  await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}
