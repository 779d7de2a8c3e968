import { setTimeout as sleep } from "node:timers/promises";
import { type Command, CommandError, type CommandInput, textFlag } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { sinceMs } from "../durations.ts";
import { type FunctionStats, functionStats } from "../function-stats.ts";
import { calling, connectLambda, listFunctions } from "../lambda.ts";
import { StopSignal } from "../signals.ts";

const SINCE_DEFAULT = "15m";
const WATCH_MS = 2000;

/** `hearth stats` */
export const stats: Command = {
  usage: "[NAME...] [--since 15m] [--watch]",
  flags: {
    since: {
      type: "string",
      value: "TIME",
      help: `From then on: 10m, 2h, 1d ago, or a time (${SINCE_DEFAULT})`,
    },
    watch: { type: "boolean", short: "w", help: "Show them again and again until interrupted" },
    ...CONNECTION_FLAGS,
  },
  positionals: [0, 100],
  details: `
All functions without NAME. Numbers are by whole minutes, as CloudWatch's; CONCURRENCY is how many
calls ran at the same time, at most.

  hearth stats orders --since 1h`,
  async run(input) {
    const { flags, output } = input;
    if (flags.watch !== true) {
      const found = await collect(input);
      output.result(found, () => tableOf(found, input));
      if (found.length === 0) output.say("No functions yet: hearth deploy PATH");
      return 0;
    }
    using stop = new StopSignal();
    const abort = new AbortController();
    void stop.stopped.then(() => abort.abort());
    while (!abort.signal.aborted) {
      const found = await collect(input);
      output.write(output.json ? `${JSON.stringify(found)}\n` : `${tableOf(found, input)}\n`);
      await sleep(WATCH_MS, undefined, { signal: abort.signal }).catch(() => {});
    }
    return 0;
  },
};

async function collect(input: CommandInput): Promise<FunctionStats[]> {
  const nowMs = Date.now();
  const fromMs = sinceMs(textFlag(input.flags, "since") ?? SINCE_DEFAULT, nowMs);
  const { connection, client } = await connectLambda(input);
  const known = await calling(connection, listFunctions(client));
  const all = known.map(({ FunctionName = "" }) => FunctionName);
  const missing = input.positionals.find((name) => !all.includes(name));
  if (missing !== undefined) {
    throw new CommandError(`There is no function ${missing}`, "`hearth ls` lists those there are.");
  }
  const names = input.positionals.length === 0 ? all : input.positionals;
  return await functionStats(connection, names, fromMs, nowMs);
}

function tableOf(found: readonly FunctionStats[], { output }: CommandInput): string {
  return output.table(
    ["NAME", "CALLS", "ERRORS", "THROTTLED", "P50", "P99", "MAX", "CONCURRENCY"],
    found.map(({ name, invocations, errors, throttles, p50Ms, p99Ms, maxMs, concurrency }) => [
      ...[name, `${invocations}`, `${errors}`, `${throttles}`],
      ...[p50Ms, p99Ms, maxMs].map(milliseconds),
      `${concurrency}`,
    ]),
  );
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "-" : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
