import { atMost, type Bench, findingsOf } from "../bench.ts";
import { makeCalls } from "../calls.ts";
import { interleave } from "../rounds.ts";
import { growthOf } from "../statistics.ts";
import { functionNames, jobFor, RunningSubjects } from "../subject.ts";
import { HearthServer, hearth } from "../subjects/hearth.ts";

const PAYLOAD_BYTES = 100;
const DIFFERENT_CALLS = 64;
/** TARGETS.md: unchanged within a tenth; in two seconds. */
const RATIO_MAX = 1.1;
const START_MS_MAX = 2000;

/** (6) What thousands of registered functions cost a call of one of them, and a start. */
export const registered: Bench = {
  name: "registered",
  title: "Functions registered",
  async run({ client, sizes }) {
    const counts = [sizes.registeredFew, sizes.registeredMany];
    const started = await Promise.all(
      counts.map((count) =>
        RunningSubjects.start([hearth({ name: `hearth with ${count}` })], functionNames(count)),
      ),
    );
    await using stack = new AsyncDisposableStack();
    for (const running of started) stack.use(running);
    const subjects = started.flatMap((running) => running.subjects);
    const [name = ""] = functionNames(1);
    const calls = await makeCalls(DIFFERENT_CALLS, PAYLOAD_BYTES);
    const count = sizes.registeredCallsPerRound;
    const amount = { connections: 1, calls: count, warmUpCalls: Math.ceil(count / 5) };
    const series = await interleave(client, subjects, sizes.registeredRounds, (subject) =>
      jobFor(subject, name, calls, amount),
    );
    const startMs: number[] = [];
    for (const subject of subjects) {
      if (!(subject instanceof HearthServer)) continue;
      startMs.push(await restartedInMs(subject));
    }
    const rows = series.map(({ subject, summary: { count, p50Ms, p99Ms } }, index) => ({
      subject,
      figures: {
        calls: count,
        "p50 ms": p50Ms,
        "p99 ms": p99Ms,
        "start ms": startMs[index] ?? Number.NaN,
      },
    }));
    const [few, many] = rows.map(({ figures }) => figures);
    const refusals = started.flatMap((running) => running.refusals);
    if (few === undefined || many === undefined) {
      return findingsOf(series, { rows, notes: refusals });
    }
    const ratio = many["p50 ms"] / few["p50 ms"];
    const grows = (what: string, column: "p50 ms" | "start ms") =>
      growthOf(
        what,
        { size: sizes.registeredFew, cost: few[column] },
        { size: sizes.registeredMany, cost: many[column] },
      );
    return findingsOf(series, {
      rows,
      verdicts: [
        atMost("p50 with many", ratio, RATIO_MAX, "x that with few"),
        atMost("start with many", many["start ms"], START_MS_MAX, "ms"),
      ],
      growths: [
        grows("functions -> p50 ms of a call", "p50 ms"),
        grows("functions -> ms to start", "start ms"),
      ],
      notes: refusals,
    });
  },
};

async function restartedInMs(server: HearthServer): Promise<number> {
  await using restarted = await server.restart();
  return restarted.readyInMs;
}
